"""Facts of the dataset of a user's own vectors."""

from __future__ import annotations

import numpy as np
import pytest
from ganzoo_user_images.vectors import Vectors, VectorsConfig

from ganzoo.errors import ConfigError, DatasetError
from ganzoo.task import ClassTask, RegressionTask
from ganzoo.testing import CheckSkipped, configured, generate_checks


@pytest.fixture
def files(tmp_path):
    """A function that writes an npz, and one with three classes and one without labels."""
    random = np.random.default_rng(0)

    def write(name, **arrays):
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    write("source.npz", vector=random.normal(size=(30, 5)), label=np.arange(30) % 3)
    write("target.npz", vector=random.normal(size=(20, 5)).astype(np.float32))
    write("test.npz", vector=random.normal(size=(9, 5)), label=np.arange(9) % 3)
    write.source, write.target, write.test = (tmp_path / f"{name}.npz" for name in ("source", "target", "test"))
    return write


def test_vectors_and_classes_are_those_of_the_files(files):
    data = Vectors(VectorsConfig(source=files.source, target=files.target, target_test=files.test))
    raw = np.load(files.source)
    assert data.task == ClassTask(3)
    np.testing.assert_array_equal(data.source().samples, raw["vector"].astype(np.float32))
    np.testing.assert_array_equal(data.source().labels[:, 0], raw["label"])
    assert data.target().labels is None
    assert (len(data.target()), len(data.target_test()), data.source_test()) == (20, 9, None)
    assert data.card()["target_test"] == {"path": str(files.test), "samples": 9}


def test_numbers_are_standardised_by_those_of_the_source_and_rows_can_be_chosen(files):
    label = np.array([[1.0, 10.0], [3.0, 30.0]] * 15)
    source = files("numbers.npz", vector=np.load(files.source)["vector"], label=label)
    data = Vectors(VectorsConfig(source=f"{source}[0:10]", target=files.target, label_kind="number", label_unit="mm"))
    assert data.task == RegressionTask(2, "mm", (2.0, 20.0), (1.0, 10.0))
    assert len(data.source()) == 10


def test_the_contract_is_kept(files):
    settings = {"source": files.source, "target": files.target, "source_test": files.test, "target_test": files.test}
    ran = []
    for plugin, check in generate_checks([configured(Vectors, **settings)]):
        try:
            check(plugin)
            ran.append(check.name)
        except CheckSkipped:
            continue
    assert len(ran) > 5


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"vector": np.zeros(4), "label": np.zeros(4)}, r"vector must be numbers \[N, D\], not float64 \[4\]"),
        ({"vector": np.zeros((4, 5))}, "has no array 'label', only vector"),
        ({"label": np.zeros(4)}, "has no array 'vector', only label"),
        ({"vector": np.full((4, 5), np.nan), "label": np.zeros(4)}, "4 vectors are not finite"),
        ({"vector": np.full((4, 5), 1e300), "label": np.zeros(4)}, "4 vectors are not finite in float32"),
        ({"vector": np.zeros((4, 5)), "label": np.full(4, 0.5)}, "label must be integers from 0"),
        ({"vector": np.zeros((4, 5)), "label": np.zeros(3)}, r"label must be numbers \[4\]"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_was_expected(files, arrays, words):
    bad = files("bad.npz", **arrays)
    with pytest.raises(DatasetError, match=words) as error:
        Vectors(VectorsConfig(source=bad, target=files.target)).source()
    assert str(bad) in str(error.value)


def test_parts_that_do_not_fit_the_source_are_refused(files):
    wide = files("wide.npz", vector=np.zeros((4, 6)))
    with pytest.raises(DatasetError, match="--target: vectors have 6 numbers, but those of --source have 5"):
        Vectors(VectorsConfig(source=files.source, target=wide)).target()
    more = files("more.npz", vector=np.zeros((4, 5)), label=np.full(4, 7))
    with pytest.raises(DatasetError, match="--target-test: labels must be like those of --source"):
        Vectors(VectorsConfig(source=files.source, target=files.target, target_test=more)).target_test()
    with pytest.raises(ConfigError, match="dataset vectors needs --target"):
        Vectors(VectorsConfig(source=files.source)).target()
    with pytest.raises(DatasetError, match=r"--target .*nowhere.npz does not exist"):
        Vectors(VectorsConfig(source=files.source, target="nowhere.npz")).target()
    with pytest.raises(ConfigError, match="--label-unit is for --label-kind number"):
        Vectors(VectorsConfig(label_unit="mm"))
