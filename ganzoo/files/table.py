"""Tables in csv files: strict reading, and numbers that come back to the last bit."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import reading, some

FILE = "file"  # the column that names the image of a row


def read_table(file: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The header of a csv file and its rows, each with its line number.

    Raises DatasetError if the file cannot be read, if a row has another number of fields than the header, or if a name
    stands twice in the header.
    """
    with reading(file, "csv file"), file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True)
        header = list(reader.fieldnames or [])
        lines = [(reader.line_num, record) for record in reader]
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise DatasetError(f"{file}: more than one column is called {some(twice)}")
    for line, record in lines:
        if None in record or None in record.values():
            raise DatasetError(f"{file} line {line} must have {len(header)} fields, as the first line has")
    return header, lines


def numbers_of(record: Mapping[str, str], keys: Sequence[str], where: str) -> list[float] | None:
    """The numbers in these columns; None if the table has no such columns."""
    if any(key not in record for key in keys):
        return None
    numbers = []
    for key in keys:
        try:
            numbers.append(float(record[key]))
        except ValueError:
            raise DatasetError(f"{where}: {key} is {record[key]!r}, not a number") from None
    return numbers


def table_bytes(header: Sequence[str], names: Sequence[str], values: np.ndarray) -> bytes:
    """A csv file with a row for each name: its name under `file`, and its numbers [N, k] under `header`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([FILE, *header])
    for name, row in zip(names, values, strict=True):
        writer.writerow([name, *(np.format_float_positional(number, trim="-") for number in row)])
    return text.getvalue().encode("utf-8", "surrogateescape")
