"""The feature files of Office+Caltech-10: one MATLAB file for each domain and kind of features."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.io import loadmat

from ganzoo.errors import DatasetError
from ganzoo.files.guard import check_plain, reading
from ganzoo.files.mat_tags import checked

DomainName = Literal["amazon", "caltech10", "dslr", "webcam"]
Features = Literal["surf", "googlenet1024", "decaf6"]
CLASSES = ("backpack", "bike", "calculator", "headphones", "keyboard", "laptop", "monitor", "mouse", "mug", "projector")
DIMENSION = {"surf": 800, "googlenet1024": 1024, "decaf6": 4096}
MOST = 2**28  # bytes of a file, unpacked
VALUES = ("fts", "feas")  # as the published files name the features


def read_features(root: Path, features: Features, domain: DomainName) -> tuple[np.ndarray, np.ndarray]:
    """Features float64 [N, D] and classes from 0, int64 [N], of all images of a domain.

    Raises DatasetError if the file is absent, damaged or has another layout.
    """
    file = _file(root, features, domain)
    check_plain(file)
    with reading(file, "mat file"):
        if file.stat().st_size > MOST:
            raise DatasetError(f"{file} is larger than {MOST >> 20} MiB, too large for the features of one domain")
        names = [*VALUES, "labels"]
        content = loadmat(io.BytesIO(checked(file.read_bytes(), names, MOST)), variable_names=names)
        values = next((content[name] for name in VALUES if name in content), None)
        labels = content.get("labels")
    if values is None or labels is None:
        raise DatasetError(f"{file} must hold the variables {' or '.join(VALUES)} (features) and labels")
    numbers = values.dtype.kind in "fiu" and labels.dtype.kind in "fiu"
    if not numbers or values.ndim != 2 or values.shape != (labels.size, DIMENSION[features]):
        raise DatasetError(
            f"{file}: {features} features must be numbers [N, {DIMENSION[features]}] with one label for each row, not "
            f"{values.dtype} {list(values.shape)} with {labels.size} labels"
        )
    classes = labels.ravel().astype(np.int64) - 1
    if not np.isfinite(values).all():
        raise DatasetError(f"{file}: some features are not finite")
    if not np.array_equal(np.unique(classes), np.arange(len(CLASSES))):
        raise DatasetError(f"{file}: labels must be the classes 1 to {len(CLASSES)}, each at least once")
    return values.astype(np.float64), classes


def standardised(values: np.ndarray, features: Features) -> np.ndarray:
    """Features of one domain [N, D] as the published protocol has them: SURF histograms divided by their sum, then each
    feature brought to mean 0 and deviation 1. A constant feature becomes 0."""
    if features == "surf":
        values = values / np.maximum(values.sum(1, keepdims=True), 1e-12)
    deviation = values.std(0, ddof=1)
    return (values - values.mean(0)) / np.where(deviation > 0, deviation, 1.0)


def _file(root: Path, features: Features, domain: DomainName) -> Path:
    """The file of a domain: FEATURES_DOMAIN.mat, or for SURF the published DOMAIN_SURF_L10.mat."""
    if not root.is_dir():
        raise DatasetError(f"--root {root} must be the folder with the feature files, such as {features}_{domain}.mat")
    wanted = [f"{features}_{domain}.mat", *([f"{domain}_SURF_L10.mat"] if features == "surf" else [])]
    found = {entry.name.lower(): entry for entry in root.iterdir()}
    file = next((found[name.lower()] for name in wanted if name.lower() in found), None)
    if file is None:
        there = sorted(name for name in found if name.startswith(features) and name.endswith(".mat"))
        raise DatasetError(
            f"--root {root} has no {' or '.join(wanted)}; of the features {features} it has "
            f"{', '.join(there) or 'none'}"
        )
    return file
