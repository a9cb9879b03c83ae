"""Labels of a folder of images: one `labels.csv`, or one `NAME.json` per image."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganzoo.errors import DatasetError
from ganzoo.files import strict_json
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.guard import check_inside, check_plain, reading, some
from ganzoo.files.label_table import CSV_NAME, label_table, table_labels
from ganzoo.files.labels import PERSON_KEYS, Columns, LabelRows, person_of
from ganzoo.files.look_vector import look_vector
from ganzoo.files.names import composed

_MAX_JSON_BYTES = 2**24


def folder_labels(folder: Path, names: Sequence[str], chosen: ChosenLabel | None = None) -> Columns:
    """The labels of the images `names` of a folder, gaze or those chosen; none if it has neither kind of file.

    If `labels.csv` exists, json files are ignored. Raises DatasetError if labels do not fit the images.
    """
    if (table := label_table(folder)) is not None:
        return table_labels(table, names, chosen)
    _check_no_inner_table(folder, names)
    files = json_files(folder, names)
    if not files:
        return Columns()
    if without := [name for name in names if name not in files]:
        raise DatasetError(f"{folder}: {len(without):,} of {len(names):,} images have no json file ({some(without)})")
    _check_not_shared(folder, files)
    rows = LabelRows()
    for name in names:
        if chosen is None:
            _add_json(rows, files[name])
        else:
            _add_chosen(rows, chosen, files[name])
    return rows.checked(str(folder), names) if chosen is None else rows.checked_chosen(chosen, str(folder), names)


def label_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """All label files of a folder with these images. Raises DatasetError for a link that leads out of the folder."""
    table = label_table(folder)
    return [*([] if table is None else [table]), *dict.fromkeys(json_files(folder, names).values())]


def json_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The json file of each image that has one: NAME.json, with an extension in any case.

    Raises DatasetError if several match, or for a link that leads out of the folder.
    """
    listed: dict[Path, dict[str, list[str]]] = {}  # of folders in which an image has no exact NAME.json
    found = {}
    for name in names:
        file = (folder / name).with_suffix(".json")
        if not os.path.lexists(file) or file.is_dir():
            if file.parent not in listed:
                listed[file.parent] = _json_by_stem(file.parent)
            near = listed[file.parent].get(composed(file.stem), [])
            if not near:
                continue
            if len(near) > 1:
                raise DatasetError(f"{folder / name}: {' or '.join(near)} may be meant; keep one of them")
            file = file.with_name(near[0])
        _check_inside(file, folder)
        found[name] = file
    return found


def _json_by_stem(folder: Path) -> dict[str, list[str]]:
    """Names of the json files in a folder, by their name without its extension."""
    found: dict[str, list[str]] = {}
    with reading(folder, "folder"), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith(".json") and not entry.is_dir():
                found.setdefault(composed(Path(entry.name).stem), []).append(entry.name)
    return found


def _check_not_shared(folder: Path, files: Mapping[str, Path]) -> None:
    """Raise DatasetError if images that differ only in their extension would get the same labels."""
    sharing: dict[Path, list[str]] = {}
    for name, file in files.items():
        sharing.setdefault(file, []).append(name)
    shared = {file: images for file, images in sharing.items() if len(images) > 1}
    if shared:
        file, images = next(iter(shared.items()))
        raise DatasetError(
            f"{folder}: {sum(map(len, shared.values())):,} images share a json file with another image "
            f"({' and '.join(images)} have {file.name}); keep one of them, or rename it and give it a json file"
        )


def _check_no_inner_table(folder: Path, names: Sequence[str]) -> None:
    """Raise DatasetError for tables in subfolders, which would otherwise be ignored silently."""
    for inner in dict.fromkeys(Path(name).parent for name in names if "/" in name):
        if label_table(folder / inner) is not None:
            raise DatasetError(
                f"{folder} has {inner / CSV_NAME}; for images in subfolders give one {CSV_NAME} in {folder} "
                f"that names them as {inner}/NAME"
            )


def _check_inside(file: Path, folder: Path) -> None:
    try:
        check_inside(file, folder)
    except DatasetError as error:
        raise DatasetError(f"{file}: {error}") from None


def _add_chosen(rows: LabelRows, chosen: ChosenLabel, file: Path) -> None:
    record = _record(file)
    value = record.get(chosen.name)
    count = len(value) if isinstance(value, list) else 1
    wanted = value if isinstance(value, list) or value is None else [value]
    rows.chosen.append(_numbers({chosen.name: wanted}, chosen.name, count, file))
    _add_person(rows, record, file)


def _record(file: Path) -> dict[str, object]:
    """The json object that a file holds."""
    check_plain(file)
    with reading(file, "json file"):
        if file.stat().st_size > _MAX_JSON_BYTES:
            raise DatasetError(
                f"{file} is larger than {_MAX_JSON_BYTES >> 20} MiB, too large for the labels of one image"
            )
        record = strict_json.parse(file.read_text(encoding="utf-8-sig"))
    if not isinstance(record, dict):
        raise DatasetError(f"{file} must hold a json object")
    return record


def _add_json(rows: LabelRows, file: Path) -> None:
    record = _record(file)
    gaze, pitch_yaw = _numbers(record, "gaze", 3, file), _numbers(record, "gaze_pitchyaw", 2, file)
    details = record.get("eye_details")
    if gaze is None and isinstance(details, dict) and "look_vec" in details:
        gaze = look_vector(details["look_vec"], f"{file}: eye_details.look_vec")
    if gaze is None and pitch_yaw is None:
        raise DatasetError(f"{file} has none of the keys gaze, gaze_pitchyaw, eye_details.look_vec")
    rows.gaze.append(gaze)
    rows.pitch_yaw.append(pitch_yaw)
    rows.pupil_center.append(_numbers(record, "pupil_center", 2, file))
    _add_person(rows, record, file)


def _add_person(rows: LabelRows, record: Mapping[str, object], file: Path) -> None:
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
