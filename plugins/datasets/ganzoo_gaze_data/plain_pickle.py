"""Pickles that hold nothing but numbers, text, containers and numpy arrays. Anything else is refused.

A pickle is a program: `pickle.load` of an untrusted file may run any code. Here it can only call the few functions
below, which keep what they are given; numpy gets none of it before it has been checked.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any

import numpy as np

from ganzoo.errors import DatasetError

MOST_VALUES = 100_000  # in all containers of a file: shared references can make a small file large
DEEPEST = 20  # containers within containers
_KINDS = re.compile(r"[<>|=]?(b1|\?|[iuf][1248]|f16|S\d{1,4}|U\d{1,4})")


def loads(data: bytes) -> Any:
    """The value of a pickle of any protocol, of Python 2 or 3. Raises DatasetError for anything but plain values."""
    try:
        return _Plain().of(_Reader(_Content(data), encoding="latin1").load(), 0)
    except DatasetError:
        raise
    except Exception as error:  # damaged pickles raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DatasetError(f"it is not a readable pickle: {reason[:100]}") from error


class _Reader(pickle._Unpickler):
    """Python's reader in Python. The one in C would make a list as long as the highest number in the file, before it
    is seen that the file has no such many values: 64 GiB for eight bytes.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may call. Bound methods, since it can set no attribute of them."""
        made = _Makers()
        module = module.replace("numpy._core", "numpy.core")
        known = {
            ("numpy.core.multiarray", "_reconstruct"): made.empty,
            ("numpy.core.multiarray", "scalar"): made.scalar,
            ("numpy.core.numeric", "_frombuffer"): made.array,
            ("numpy", "dtype"): made.dtype,
            ("numpy", "ndarray"): None,  # an argument of _reconstruct, and not called
            ("_codecs", "encode"): made.encoded,
            ("__builtin__", "bytes"): made.no_bytes,
        }
        if (module, name) not in known:
            raise DatasetError(f"its pickle names {module}.{name}, which could run code; only numbers, text, lists, "
                               "dictionaries and numpy arrays are read")  # fmt: skip
        return known[module, name]


class _Content(io.BytesIO):
    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise EOFError("it ends in the middle of a line")
        return line


class _Dtype:
    """A dtype by its name, and later its byte order."""

    __slots__ = ("name", "order")

    def __init__(self, name: object) -> None:
        if not isinstance(name, str) or not _KINDS.fullmatch(name):
            raise DatasetError("its pickle holds an array of something other than numbers and text")
        self.name, self.order = name.lstrip("<>|="), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise DatasetError("its pickle holds an array in an unknown byte order")
        self.order = state[1]


class _Array:
    """An array's parts, before they are checked."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __init__(self, shape: object = (0,), dtype: object = None, data: object = b"", fortran: object = False) -> None:
        self.shape, self.dtype, self.data, self.fortran = shape, dtype, data, fortran

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.fortran, self.data = state

    def value(self) -> np.ndarray:
        data = self.data.encode("latin1") if isinstance(self.data, str) else self.data  # Python 2's bytes come as text
        shape, dtype = self.shape, self.dtype
        if not (isinstance(data, bytes | bytearray) and isinstance(dtype, _Dtype) and isinstance(shape, tuple)):
            raise DatasetError("its pickle holds an array that is none")
        if len(shape) > DEEPEST or not all(type(side) is int and 0 <= side <= MOST_VALUES for side in shape):
            raise DatasetError("its pickle holds an array of an impossible shape")
        kind = np.dtype(dtype.order.replace("|", "=") + dtype.name)
        count = 1
        for side in shape:
            count *= side
        if count * kind.itemsize != len(data):
            raise DatasetError("its pickle holds an array whose content does not fill its shape")
        return np.frombuffer(bytes(data), kind).reshape(shape, order="F" if self.fortran else "C")


class _Makers:
    def empty(self, *_: object) -> _Array:
        return _Array()

    def scalar(self, dtype: object, data: object = b"") -> _Array:
        return _Array((), dtype, data)

    def array(self, data: object, dtype: object, shape: object, order: object) -> _Array:
        return _Array(shape, dtype, data, order == "F")

    def dtype(self, name: object, *_: object) -> _Dtype:
        return _Dtype(name)

    def no_bytes(self) -> bytes:
        return b""

    def encoded(self, text: str, encoding: str = "") -> bytes:
        if encoding != "latin1" or not isinstance(text, str):
            raise DatasetError("its pickle holds bytes that numpy does not write")
        return text.encode("latin1")


class _Plain:
    """Copies what was read into plain values, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, value: Any, depth: int) -> Any:
        self.count += 1
        if self.count > MOST_VALUES or depth > DEEPEST:
            raise DatasetError("its pickle holds too many values, or too deep ones")
        if isinstance(value, _Array):
            return value.value()
        if type(value) in (list, tuple, set, frozenset):
            return [self.of(part, depth + 1) for part in value]
        if type(value) is dict:
            return {self.of(key, depth + 1): self.of(part, depth + 1) for key, part in value.items()}
        if value is None or type(value) in (bool, int, float, complex, str, bytes, bytearray):
            return value
        raise DatasetError(f"its pickle holds a {type(value).__name__}")
