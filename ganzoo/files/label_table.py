"""`labels.csv`: the labels of a folder of images in one table, separated by commas, semicolons or tabs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ganzoo.errors import DatasetError
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.guard import check_plain, reading, some
from ganzoo.files.labels import Columns, LabelRows, person_of
from ganzoo.files.names import composed
from ganzoo.files.table import FILE, numbers_of, read_table

CSV_NAME = "labels.csv"
Line = tuple[int, dict[str, str]]  # its number, and its fields by column
_ANGLES, _VECTOR, _PUPIL = ("pitch", "yaw"), ("gaze_x", "gaze_y", "gaze_z"), ("pupil_x", "pupil_y")


def label_table(folder: Path) -> Path | None:
    """The `labels.csv` of a folder, in any case; None if there is none.

    It may be a link, even to a .csv file outside the folder. Raises DatasetError for a link to any other file outside
    the folder: such a file must not be copied or shown as labels.
    """
    with reading(folder, "folder"), os.scandir(folder) as entries:
        found = sorted(entry.name for entry in entries if entry.name.lower() == CSV_NAME)
    if not found:
        return None
    if len(found) > 1 and CSV_NAME not in found:
        raise DatasetError(f"{folder} has {' and '.join(found)}; keep only one, as {CSV_NAME}")
    file = folder / (CSV_NAME if CSV_NAME in found else found[0])
    if file.is_symlink():
        with reading(file, "link"):
            to = file.resolve()
        if to.suffix.lower() != ".csv" and not to.is_relative_to(folder.resolve()):
            raise DatasetError(f"{file}: it is a link out of the folder to a file that is not a .csv file")
        if not to.exists():
            raise DatasetError(f"{file}: it is a link to {to}, which does not exist")
    check_plain(file)
    return file


def table_labels(file: Path, names: Sequence[str], chosen: ChosenLabel | None = None) -> Columns:
    """The labels of the images `names`: gaze, or those chosen, if the table has them.

    Raises DatasetError if the table does not fit the images, or is damaged.
    """
    header, lines = read_table(file)
    if chosen is not None:
        return _chosen_labels(file, names, chosen, header, lines)
    has_gaze = set(_ANGLES) <= set(header) or set(_VECTOR) <= set(header)
    if "file" not in header or not has_gaze:
        raise DatasetError(
            f"{file}: the columns must be file,pitch,yaw (radians) or file,gaze_x,gaze_y,gaze_z, optionally with "
            f"person, pupil_x and pupil_y, not {','.join(header) or 'nothing'}"
        )
    rows = LabelRows()
    for line, record in _in_order(file, names, lines):
        where = f"{file} line {line}"
        rows.gaze.append(numbers_of(record, _VECTOR, where))
        rows.pitch_yaw.append(numbers_of(record, _ANGLES, where))
        rows.pupil_center.append(numbers_of(record, _PUPIL, where))
        rows.person.append(person_of(record))
    return rows.checked(str(file), names)


def _chosen_labels(
    file: Path, names: Sequence[str], chosen: ChosenLabel, header: Sequence[str], lines: Sequence[Line]
) -> Columns:
    if FILE not in header:
        raise DatasetError(
            f"{file}: the column {FILE} must name the images; it has only {','.join(header) or 'nothing'}"
        )
    keys = next((keys for keys in chosen.keys if {*keys} <= {*header}), None)
    rows = LabelRows()
    for line, record in _in_order(file, names, lines):
        rows.chosen.append(None if keys is None else numbers_of(record, keys, f"{file} line {line}"))
        rows.person.append(person_of(record))
    return rows.checked_chosen(chosen, str(file), names)


def _in_order(file: Path, names: Sequence[str], lines: Sequence[Line]) -> list[Line]:
    """The rows of the images `names`. Raises DatasetError unless there is exactly one for each."""
    key = _key(names)
    _match([record[FILE] for _, record in lines], names, key, file)
    at = {key(record[FILE]): (line, record) for line, record in lines}
    return [at[key(name)] for name in names]


def _key(names: Sequence[str]) -> Callable[[str], str]:
    """How names are compared: in composed Unicode, unless two images would then have the same name."""
    return composed if len({composed(name) for name in names}) == len(names) else str


def _match(files: Sequence[str], names: Sequence[str], key: Callable[[str], str], file: Path) -> None:
    """Raise DatasetError unless `files` are exactly the images `names`."""
    listed, there = {key(name) for name in files}, {key(name) for name in names}
    if twice := [name for name, count in Counter(map(key, files)).items() if count > 1]:
        raise DatasetError(f"{file}: {len(twice):,} images have more than one row ({some(twice)})")
    if absent := [name for name in files if key(name) not in there]:
        raise DatasetError(
            f"{file}: {len(absent):,} rows name no image of the folder ({some(absent)}); "
            "the column file must hold names with their extension, and with a folder only for images in subfolders"
        )
    if without := [name for name in names if key(name) not in listed]:
        raise DatasetError(f"{file}: {len(without):,} of {len(names):,} images have no row ({some(without)})")
