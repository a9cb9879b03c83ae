"""`labels.csv`: the labels of a folder of images in one table, separated by commas, semicolons or tabs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ganzoo.errors import DatasetError
from ganzoo.files.guard import check_plain, reading, some
from ganzoo.files.labels import Columns, LabelRows, person_of
from ganzoo.files.names import composed
from ganzoo.files.table import numbers_of, read_table

CSV_NAME = "labels.csv"
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


def table_labels(file: Path, names: Sequence[str]) -> Columns:
    """The labels of the images `names`. Raises DatasetError if the table does not fit them, or is damaged."""
    header, lines = read_table(file)
    has_gaze = set(_ANGLES) <= set(header) or set(_VECTOR) <= set(header)
    if "file" not in header or not has_gaze:
        raise DatasetError(
            f"{file}: the columns must be file,pitch,yaw (radians) or file,gaze_x,gaze_y,gaze_z, optionally with "
            f"person, pupil_x and pupil_y, not {','.join(header) or 'nothing'}"
        )
    key = _key(names)
    at = {key(record["file"]): (line, record) for line, record in lines}
    _match([record["file"] for _, record in lines], names, key, file)
    rows = LabelRows()
    for name in names:
        line, record = at[key(name)]
        where = f"{file} line {line}"
        rows.gaze.append(numbers_of(record, _VECTOR, where))
        rows.pitch_yaw.append(numbers_of(record, _ANGLES, where))
        rows.pupil_center.append(numbers_of(record, _PUPIL, where))
        rows.person.append(person_of(record))
    return rows.checked(str(file), names)


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
