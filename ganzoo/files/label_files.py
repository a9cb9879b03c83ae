"""Labels of a folder of images: one `labels.csv`, or one `NAME.json` beside each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganzoo import strict_json
from ganzoo.errors import DatasetError
from ganzoo.files.guard import check_inside, reading, some
from ganzoo.files.labels import PERSON_KEYS, Columns, Rows, person_of
from ganzoo.files.table import numbers_of, read_table

CSV_NAME = "labels.csv"
_ANGLES, _VECTOR, _PUPIL = ("pitch", "yaw"), ("gaze_x", "gaze_y", "gaze_z"), ("pupil_x", "pupil_y")
_MAX_JSON_BYTES = 2**24


def folder_labels(folder: Path, names: Sequence[str]) -> Columns:
    """The labels of the images `names` of a folder; without any where it has neither kind of file.

    `labels.csv` counts alone where it is there. Raises DatasetError where labels do not fit the images.
    """
    if (folder / CSV_NAME).is_file():
        _check_inside(folder / CSV_NAME)
        return _csv_labels(folder / CSV_NAME, names)
    with_json = [name for name in names if has_label_file(folder, name)]
    if not with_json:
        return Columns()
    if len(with_json) < len(names):
        without = sorted(set(names) - set(with_json))
        raise DatasetError(
            f"{folder}: {len(without):,} of {len(names):,} images have no json file beside them ({some(without)})"
        )
    rows = Rows()
    for name in names:
        _add_json(rows, label_file(folder, name))
    return rows.checked(str(folder), names)


def label_file(folder: Path, name: str) -> Path:
    """The json file that belongs to an image, whether it is there or not."""
    return (folder / name).with_suffix(".json")


def has_label_file(folder: Path, name: str) -> bool:
    """Whether it is there. Raises DatasetError where it is a link that leads out of the folder."""
    file = label_file(folder, name)
    try:
        found = file.is_file()
    except OSError:  # the image's name is as long as names can be, and the json's would be longer
        return False
    if found:
        _check_inside(file)
    return found


def label_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """All label files of a folder with these images. Raises DatasetError for a link that leads out of the folder."""
    if (folder / CSV_NAME).is_file():
        _check_inside(folder / CSV_NAME)
    files = [folder / CSV_NAME, *(label_file(folder, name) for name in names if has_label_file(folder, name))]
    return [file for file in files if file.is_file()]


def _check_inside(file: Path) -> None:
    try:
        check_inside(file, file.parent)
    except DatasetError as error:
        raise DatasetError(f"{file}: {error}") from None


def _csv_labels(file: Path, names: Sequence[str]) -> Columns:
    header, lines = read_table(file)
    has_gaze = set(_ANGLES) <= set(header) or set(_VECTOR) <= set(header)
    if "file" not in header or not has_gaze:
        raise DatasetError(
            f"{file}: the columns must be file,pitch,yaw (radians) or file,gaze_x,gaze_y,gaze_z, with person, pupil_x "
            f"and pupil_y if you like, not {','.join(header) or 'nothing'}"
        )
    _match([record["file"] for _, record in lines], names, file)
    at = {record["file"]: (line, record) for line, record in lines}
    rows = Rows()
    for name in names:
        line, record = at[name]
        where = f"{file} line {line}"
        rows.gaze.append(numbers_of(record, _VECTOR, where))
        rows.pitch_yaw.append(numbers_of(record, _ANGLES, where))
        rows.pupil_center.append(numbers_of(record, _PUPIL, where))
        rows.person.append(person_of(record))
    return rows.checked(str(file), names)


def _match(files: Sequence[str], names: Sequence[str], file: Path) -> None:
    """Raise DatasetError unless `files` are exactly the images `names`."""
    listed, there = set(files), set(names)
    if twice := [name for name, count in Counter(files).items() if count > 1]:
        raise DatasetError(f"{file}: {len(twice):,} images have more than one row ({some(twice)})")
    if absent := [name for name in files if name not in there]:
        raise DatasetError(
            f"{file}: {len(absent):,} rows name no image of the folder ({some(absent)}); "
            "the column file holds names with their ending, without a folder"
        )
    if without := [name for name in names if name not in listed]:
        raise DatasetError(f"{file}: {len(without):,} of {len(names):,} images have no row ({some(without)})")


def _add_json(rows: Rows, file: Path) -> None:
    if file.stat().st_size > _MAX_JSON_BYTES:
        raise DatasetError(f"{file} is larger than {_MAX_JSON_BYTES >> 20} MiB, too large for the labels of one image")
    with reading(file, "json file"):
        record = strict_json.parse(file.read_text(encoding="utf-8-sig"))
    if not isinstance(record, dict):
        raise DatasetError(f"{file} must hold a json object")
    gaze, pitch_yaw = _numbers(record, "gaze", 3, file), _numbers(record, "gaze_pitchyaw", 2, file)
    details = record.get("eye_details")
    if gaze is None and isinstance(details, dict) and "look_vec" in details:
        gaze = _unity_gaze(details["look_vec"], file)
    if gaze is None and pitch_yaw is None:
        raise DatasetError(f"{file} has none of the keys gaze, gaze_pitchyaw, eye_details.look_vec")
    rows.gaze.append(gaze)
    rows.pitch_yaw.append(pitch_yaw)
    rows.pupil_center.append(_numbers(record, "pupil_center", 2, file))
    rows.person.append(person_of(record))
    if isinstance(rows.person[-1], dict | list):
        raise DatasetError(f"{file}: {' or '.join(PERSON_KEYS)} must be a number or a name")


def _numbers(record: Mapping[str, object], key: str, count: int, file: Path) -> list[float] | None:
    value = record.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != count or not all(type(part) in (int, float) for part in value):
        raise DatasetError(f"{file}: {key} must be a list of {count} numbers")
    try:
        return [float(part) for part in value]
    except OverflowError:
        raise DatasetError(f"{file}: {key} holds a number that is too large") from None


def _unity_gaze(value: object, file: Path) -> list[float]:
    """UnityEyes' look_vec "(x, y, z, 0)" has y up; here y is down."""
    try:
        x, y, z = (float(part) for part in str(value).strip("() ").split(",")[:3])
    except ValueError:
        raise DatasetError(f'{file}: eye_details.look_vec must be "(x, y, z, 0)", not {str(value)[:40]!r}') from None
    return [x, -y, z]
