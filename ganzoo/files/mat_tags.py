"""MATLAB 5 files, checked before SciPy reads them.

SciPy looks data types up in a table without checking that they are in it, so a damaged file can crash the process
(seen with 1.17). The layout is MathWorks' "MAT-File Format", chapter 1.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence

HEADER = 128  # bytes
INT8, INT32, UINT32, MATRIX, COMPRESSED, UTF8 = 1, 5, 6, 14, 15, 16
NUMBERS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13)  # data types in which numbers are stored
LETTERS = (1, 2, 3, 4, 16, 17, 18)
CELL, STRUCT, CHAR, NUMERIC = 1, 2, 4, range(6, 16)  # classes of arrays
COMPLEX = 0x0800
DEEPEST = 8  # arrays in arrays


def checked(data: bytes, names: Sequence[str], most: int) -> bytes:
    """The variables of these names as an uncompressed MATLAB 5 file whose every tag is one that SciPy knows.

    Raises ValueError, struct.error or zlib.error if the file has another layout, is cut off, or unpacks to more
    than `most` bytes.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:HEADER])
    if order is None:
        raise ValueError("it is not a MATLAB 5 file")
    version = struct.pack(f"{order}H", 0x0100) + data[126:HEADER]
    made = [b"MATLAB 5.0 MAT-file".ljust(124) + version]
    for body in _variables(data, order, most):
        found = _TagReader(body, order)
        if found.header()[2] in names:
            found.at = 0
            found.array(0)
            made.append(struct.pack(f"{order}2I", MATRIX, len(body)) + body)
    return b"".join(made)


def _variables(data: bytes, order: str, most: int) -> Iterator[bytes]:
    """The bodies of the arrays in a file, unpacked."""
    at = HEADER
    while at < len(data):
        kind, size = struct.unpack_from(f"{order}2I", data, at)
        body = data[at + 8 : at + 8 + size]
        if len(body) < size:
            raise ValueError("it is cut off")
        at += 8 + size
        if kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(body, most)
            most -= len(unpacked)
            kind, size = struct.unpack_from(f"{order}2I", unpacked)
            body = unpacked[8 : 8 + size]
        if kind != MATRIX or len(body) < size:
            raise ValueError("it is cut off, or damaged")
        yield body


class _TagReader:
    """Follows the elements of an array as SciPy does."""

    def __init__(self, body: bytes, order: str) -> None:
        self.body, self.order, self.at = body, order, 0

    def element(self, kinds: Sequence[int]) -> bytes:
        """The next element, which must be of one of these types."""
        kind, size = struct.unpack_from(f"{self.order}2I", self.body, self.at)
        start, pad = self.at + 8, -size % 8
        if kind >> 16:  # up to four bytes, in the tag itself
            kind, size, start, pad = kind & 0xFFFF, kind >> 16, self.at + 4, 0
            if size > 4:
                raise ValueError(f"an element of {size} bytes claims to fit in four")
            self.at += 8
        else:
            self.at = start + size + pad
        if kind not in kinds:
            raise ValueError(f"it has an element of type {kind} where it cannot be")
        if start + size > len(self.body):
            raise ValueError("it is cut off")
        return self.body[start : start + size]

    def integers(self) -> tuple[int, ...]:
        found = self.element((INT32, UINT32))
        return struct.unpack(f"{self.order}{len(found) // 4}i", found)

    def header(self) -> tuple[int, int, str]:
        """Flags and class, number of entries, and name of the array that begins here."""
        if struct.unpack_from(f"{self.order}2I", self.body, self.at) != (UINT32, 8):
            raise ValueError("an array has no flags")
        (flags, _) = struct.unpack(f"{self.order}2I", self.element((UINT32,)))
        sizes = self.integers()
        if not 2 <= len(sizes) <= 8 or min(sizes) < 0:
            raise ValueError(f"an array has the sizes {sizes}")
        return flags, math.prod(sizes), self.element((INT8, UTF8)).decode("latin1")

    def array(self, depth: int) -> None:
        """Everything up to the end of the array that begins here."""
        flags, entries, _ = self.header()
        kind = flags & 0xFF
        if kind in (CELL, STRUCT):
            if kind == STRUCT:
                (length,) = self.integers()
                entries *= len(self.element((INT8, UTF8))) // length if length > 0 else 0
            for _ in range(entries):
                self.nested(depth + 1)
        elif kind == CHAR or kind in NUMERIC:
            for _ in range(2 if flags & COMPLEX else 1):
                self.element(LETTERS if kind == CHAR else NUMBERS)
        else:
            raise ValueError(f"it has an array of class {kind}, which these files do not have")

    def nested(self, depth: int) -> None:
        if depth > DEEPEST:
            raise ValueError(f"it has arrays in arrays, more than {DEEPEST} deep")
        kind, size = struct.unpack_from(f"{self.order}2I", self.body, self.at)
        if kind != MATRIX:
            raise ValueError(f"it has an element of type {kind} where an array must be")
        self.at += 8
        if size:
            self.array(depth)
