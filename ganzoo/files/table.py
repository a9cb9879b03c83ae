"""Tables in csv files, with commas, semicolons or tabs: strict reading, and exact numbers."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import reading, some
from ganzoo.files.look_vector import DECIMAL_COMMA, has_decimal_comma

SEPARATORS = ",;\t"
FILE = "file"  # the column that names the image of a row


def read_table(file: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The header of a csv file and its rows, each with its line number.

    Raises DatasetError if the file cannot be read, if a row and the header differ in the number of fields, or if a
    name occurs twice in the header.
    """
    with reading(file, "csv file"):
        text = file.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0].rstrip("\r")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_separator(first), strict=True)
        header = list(reader.fieldnames or [])
        lines = [(reader.line_num, record) for record in reader]
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise DatasetError(f"{file}: more than one column is called {some(twice)}")
    for line, record in lines:
        if None in record or None in record.values():
            why = "; write numbers with a decimal point" if None in record else ""
            raise DatasetError(f"{file} line {line} must have {len(header)} fields, like the first line{why}")
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
            why = f" ({DECIMAL_COMMA})" if has_decimal_comma(record[key]) else ""
            raise DatasetError(f"{where}: {key} is {record[key]!r}, not a number{why}") from None
    return numbers


def _separator(first: str) -> str:
    """The separator that gives the most fields in the first line; a comma if there is none."""
    counts = [len(next(csv.reader([first], delimiter=each), [])) for each in SEPARATORS]
    return SEPARATORS[counts.index(max(counts))]


def table_bytes(header: Sequence[str], names: Sequence[str], values: np.ndarray) -> bytes:
    """A csv file with a row for each name: its name under `file`, and its numbers [N, k] under `header`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([FILE, *header])
    for name, row in zip(names, values, strict=True):
        writer.writerow([name, *(np.format_float_positional(number, trim="-") for number in row)])
    return text.getvalue().encode("utf-8", "surrogateescape")
