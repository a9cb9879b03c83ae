"""Split one person's images by the day on which they were taken: target and test of different days.

    python benchmarks/split_by_day.py --images mpiigaze_p00.npz --names mpiigaze_p00_names.csv --last-target-day 22 \
        --out ../eyes-by-day

Reads an npz with one row for each image, and a table with the columns `npz_row` and `image` in which an image is named
by its day as MPIIGaze names it (`day08/0069.jpg`). Writes `target.npz` (days up to the last target day) and
`target_test.npz` (later days) for `--dataset pair`: each array of the npz, and `day`. Rows keep their order. Prints
how many images and days each part has, and how many test images have a near-duplicate in the target.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from pathlib import Path

import numpy as np

from ganzoo.errors import DatasetError, GanzooError
from ganzoo.files.npz import array_headers, read_array

REPOSITORY = Path(__file__).parent.parent.resolve()
DAY = re.compile(r"day(\d+)/")
DUPLICATE = 0.95  # correlation of the pixels of two images
PARTS = ("target", "target_test")


def days_of_rows(names: Path, count: int) -> np.ndarray:
    """The day of each row, int64. Raises DatasetError unless the table names each of `count` rows, with its day."""
    try:
        with names.open(newline="", encoding="utf-8-sig") as file:
            records = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"--names {names} cannot be read: {error}") from None
    if not records or not {"npz_row", "image"} <= set(records[0]):
        raise DatasetError(f"--names {names} must be a table with the columns npz_row and image")
    found = {record["npz_row"]: DAY.match(record["image"] or "") for record in records}
    if len(records) != count or set(found) != {str(row) for row in range(count)}:
        raise DatasetError(f"--names {names}: npz_row must name each of the {count:,} rows of --images once")
    if undated := [row for row, day in found.items() if day is None]:
        raise DatasetError(
            f"--names {names}: the image of row {undated[0]} is not named by its day, such as day08/0069.jpg"
        )
    return np.array([int(found[str(row)][1]) for row in range(count)])  # type: ignore[index]  # none is None


def near_duplicates(target: np.ndarray, test: np.ndarray) -> float:
    """The share of test images [N, ...] whose pixels correlate above 0.95 with those of a target image [M, ...]."""
    standardised = []
    for images in (target, test):
        pixels = images.reshape(len(images), -1).astype(np.float32)
        pixels -= pixels.mean(1, keepdims=True)
        standardised.append(pixels / np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-6))
    return float(((standardised[1] @ standardised[0].T).max(1) > DUPLICATE).mean())


def split(images: Path, names: Path, last_target_day: int, out: Path) -> list[str]:
    """Write both parts. Returns a sentence about each."""
    headers = array_headers(images)
    if "image" not in headers:
        raise DatasetError(f"--images {images} has no array 'image'")
    count = headers["image"][0][0]
    day = days_of_rows(names, count)
    is_target = day <= last_target_day
    if is_target.all() or not is_target.any():
        raise DatasetError(
            f"--last-target-day {last_target_day} leaves no day for {'the test' if is_target.all() else 'the target'}; "
            f"the images are of days {day.min()} to {day.max()}"
        )
    arrays = {key: read_array(images, key, headers) for key in headers}
    if odd := [key for key, values in arrays.items() if values.shape[:1] != (count,)]:
        raise DatasetError(f"--images {images}: the array {odd[0]} does not have one row for each of {count:,} images")
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for part, rows in zip(PARTS, (is_target, ~is_target), strict=True):
        np.savez_compressed(out / f"{part}.npz", day=day[rows], **{key: values[rows] for key, values in arrays.items()})
        lines.append(f"{out / part}.npz: {rows.sum():,} images of {len(np.unique(day[rows]))} days")
    share = near_duplicates(arrays["image"][is_target], arrays["image"][~is_target])
    return [*lines, f"{share:.0%} of the test images correlate above {DUPLICATE} with a target image"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--last-target-day", type=int, default=22)
    parser.add_argument("--out", type=Path, required=True, help="a folder outside the repository")
    options = parser.parse_args(arguments)
    if options.out.resolve().is_relative_to(REPOSITORY):
        parser.error(f"--out {options.out} is inside the repository, which must not hold data; name a folder elsewhere")
    try:
        print("\n".join(split(options.images, options.names, options.last_target_day, options.out)))
    except GanzooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
