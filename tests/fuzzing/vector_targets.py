"""Feature files, and labels that a user names."""

from __future__ import annotations

import io
from pathlib import Path
from unittest import mock

import numpy as np
from ganzoo_office_caltech import features
from scipy.io import savemat

from fuzzing.mutation import damaged
from fuzzing.target import Target
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.collection import open_images

COUNT, SIZE = 20, 4


def _feature_files() -> list[bytes]:
    made = []
    for key, column, packed in (("fts", True, False), ("feas", False, True)):
        buffer = io.BytesIO()
        labels = (np.arange(COUNT) % 10 + 1).astype(np.uint8)
        values = np.arange(COUNT * SIZE, dtype=np.float32 if packed else np.uint8).reshape(COUNT, SIZE)
        savemat(buffer, {key: values, "labels": labels[:, None] if column else labels}, do_compression=packed)
        made.append(buffer.getvalue())
    return made


def _features(content: bytes, folder: Path) -> None:
    (folder / "surf_amazon.mat").write_bytes(content)
    with mock.patch.dict(features.DIMENSION, {"surf": SIZE}):
        values, classes = features.read_features(folder, "surf", "amazon")
    assert values.shape == (len(classes), SIZE)
    assert np.isfinite(values).all()
    assert set(classes) == set(range(10))


def _archives() -> list[bytes]:
    made = []
    for center in (np.array([[1.0, 2], [3, 4]]), np.array([7, 8], np.int32)):
        buffer = io.BytesIO()
        mask = np.zeros((2, 3, 4), np.uint8)
        np.savez(buffer, image=np.zeros((2, 3, 4), np.uint8), mask=mask, center=center)
        made.append(buffer.getvalue())
    return made


def _chosen(content: bytes, folder: Path) -> None:
    file = folder / "eyes.npz"
    file.write_bytes(content)
    images = open_images(file, "--source")
    found = images.columns(ChosenLabel("center"))
    assert found.labels is None or (np.isfinite(found.labels).all() and len(found.labels) == len(images.names))
    assert found.mask is None or found.mask.shape[1:] == images.shapes[0][:2]


def targets() -> list[Target]:
    return [
        Target("Office+Caltech (mat)", damaged(_feature_files()), _features),
        Target("chosen labels (npz)", damaged(_archives()), _chosen),
    ]
