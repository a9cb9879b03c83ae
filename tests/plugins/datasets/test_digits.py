"""Digits: the authors' files as they come, MNIST-M by its formula, and the pairs that papers report."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ganzoo_digits import ganzoo_archives, ganzoo_datasets, mnistm, originals
from ganzoo_digits.mnistm import MNISTM, MNISTMConfig
from ganzoo_digits.originals import MNIST, SVHN, USPS, Digits, NoSettings
from ganzoo_digits.stacked import StackedConfig, StackedMNIST
from PIL import Image
from scipy.io import savemat

from ganzoo.batch import set_spec
from ganzoo.dataset import spec_of
from ganzoo.errors import DatasetError
from ganzoo.files.archive import Piece
from ganzoo.files.store import Store
from ganzoo.stores.prepare import prepare
from ganzoo.stores.writer import StoreWriter
from ganzoo.task import ClassTask
from ganzoo.testing import configured, generate_checks

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def forget() -> None:
    originals._part.cache_clear()
    mnistm.photographs.cache_clear()
    mnistm._mnist.cache_clear()


def whole(archive: Digits) -> Piece:
    """All pieces as one."""
    pieces = [archive.read(name) for name in archive.pieces()]
    columns = {key: np.concatenate([piece.columns[key] for piece in pieces]) for key in pieces[0].columns}
    inputs = {key: value for piece in pieces for key, value in piece.inputs.items()}
    return Piece(np.concatenate([piece.images for piece in pieces]), columns, (), inputs)


def idx(array: np.ndarray) -> bytes:
    """LeCun's format: two zeros, 8 for bytes, the number of axes, their sizes, the bytes."""
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def mnist_folder(root: Path, packed: bool = True) -> dict[str, np.ndarray]:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    made = {}
    for prefix, count in ("train", 12), ("t10k", 5):
        made[prefix + "-images-idx3"] = RNG.integers(0, 256, (count, 28, 28), np.uint8)
        made[prefix + "-labels-idx1"] = (np.arange(count) % 10).astype(np.uint8)
    for name, array in made.items():
        content = idx(array)
        file = folder / f"{name}-ubyte{'.gz' if packed else ''}"
        file.write_bytes(gzip.compress(content) if packed else content)
    return made


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
def test_mnist_is_read_from_its_own_files_and_nothing_is_written_beside_them(tmp_path: Path, packed: bool) -> None:
    made = mnist_folder(tmp_path, packed)
    before = sorted(tmp_path.rglob("*"))
    piece = whole(MNIST(NoSettings(), tmp_path))
    images = np.concatenate([made["train-images-idx3"], made["t10k-images-idx3"]])
    np.testing.assert_array_equal(piece.images[:, 0], images)
    assert piece.columns["class"].tolist() == [*range(10), 0, 1, *range(5)]
    assert piece.columns["split"].tolist() == ["train"] * 12 + ["test"] * 5
    assert piece.columns["file"][12] == "test row 0"
    assert sorted(tmp_path.rglob("*")) == before
    assert len(piece.inputs) == 4


def test_an_npz_gives_the_same_as_the_folder(tmp_path: Path) -> None:
    made = mnist_folder(tmp_path)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=made["train-images-idx3"], y_train=made["train-labels-idx1"],
        x_test=made["t10k-images-idx3"], y_test=made["t10k-labels-idx1"],
    )  # fmt: skip
    folder, file = whole(MNIST(NoSettings(), tmp_path)), whole(MNIST(NoSettings(), tmp_path / "mnist.npz"))
    np.testing.assert_array_equal(folder.images, file.images)
    np.testing.assert_array_equal(folder.columns["class"], file.columns["class"])


def test_usps_is_read_from_its_text_whose_classes_count_from_one(tmp_path: Path) -> None:
    values = RNG.uniform(-1, 1, (4, 256)).round(6)
    for name, rows in ("usps.bz2", values[:3]), ("usps.t.bz2", values[3:]):
        lines = [f"{at + 1} " + " ".join(f"{n + 1}:{v}" for n, v in enumerate(row)) for at, row in enumerate(rows)]
        (tmp_path / name).write_bytes(bz2.compress(("\n".join(lines) + "\n").encode()))
    piece = whole(USPS(NoSettings(), tmp_path))
    assert piece.columns["class"].tolist() == [0, 1, 2, 0]
    expected = ((values + 1) / 2 * 255).reshape(-1, 16, 16)
    assert np.abs(piece.images[:, 0] - expected).max() <= 1


def test_svhn_calls_zero_zero_and_has_channels_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = RNG.integers(0, 256, (32, 32, 3, 3), np.uint8)
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": images, "y": np.array([[10], [1], [9]], np.uint8)})
    with pytest.raises(DatasetError, match=r"train_32x32.mat as published, whose checksum is known; ganzoo data"):
        SVHN(NoSettings(), tmp_path).pieces()
    monkeypatch.setattr("torchvision.datasets.SVHN._check_integrity", lambda _: True)
    piece = whole(SVHN(NoSettings(), tmp_path))
    assert piece.columns["class"].tolist() == [0, 1, 9] * 2
    np.testing.assert_array_equal(piece.images[1], images[..., 1].transpose(2, 0, 1))


def test_broken_and_foreign_files_are_one_sentence(tmp_path: Path) -> None:
    mnist_folder(tmp_path / "torn")
    file = tmp_path / "torn/MNIST/raw/train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:100])
    np.savez(tmp_path / "part.npz", x_train=np.zeros((1, 28, 28), np.uint8))
    np.savez(tmp_path / "eleven.npz", **{f"x_{s}": np.zeros((1, 28, 28), np.uint8) for s in ("train", "test")},
             y_train=np.array([10]), y_test=np.array([0]))  # fmt: skip
    (tmp_path / "text.npz").write_text("no zip")
    (tmp_path / "empty").mkdir()
    for path, says in {
        "torn": "torn is not a readable folder with mnist",
        "empty": "empty is not a readable folder with mnist as torchvision lays it out",
        "absent": "absent does not exist; it must be PATH",
        "part.npz": "part.npz has no y_train, x_test, y_test, only x_train",
        "eleven.npz": "with one digit of 0 to 9 each",
        "text.npz": "must be a folder, or an npz with x_train",
    }.items():
        with pytest.raises(DatasetError, match=says):
            MNIST(NoSettings(), tmp_path / path).pieces()


@pytest.fixture
def photographs(tmp_path: Path) -> list[np.ndarray]:
    folder = tmp_path / "photographs"
    folder.mkdir()
    made = [RNG.integers(0, 256, (40 + 5 * at, 60 - 5 * at, 3), np.uint8) for at in range(3)]
    for at, image in enumerate(made):
        Image.fromarray(image).save(folder / f"{at}.png")
    return made


def blended(tmp_path: Path, name: str = "store", **settings: Any) -> Store:
    mnist = tmp_path / "mnist"
    if not mnist.exists():
        mnist_folder(tmp_path / "raw")
        prepare(MNIST(NoSettings(), tmp_path / "raw"), mnist, quiet=True)
    archive = MNISTM(MNISTMConfig(mnist=mnist, **settings), tmp_path / "photographs")
    return prepare(archive, tmp_path / name, quiet=True)


def test_mnistm_is_the_difference_of_a_patch_and_the_digit(tmp_path: Path, photographs: list[np.ndarray]) -> None:
    """Each image equals |patch - digit| of exactly one place in one photograph."""
    store, mnist = blended(tmp_path), Store(tmp_path / "mnist")
    np.testing.assert_array_equal(store.column("class"), mnist.column("class"))
    for row in (0, 7, 16):
        found = 0
        digit = mnist.images[row, 0].astype(int)[..., None]
        for photograph in photographs:
            patches = np.lib.stride_tricks.sliding_window_view(photograph.astype(int), (28, 28, 3))[:, :, 0]
            same = np.abs(patches - digit) == store.images[row].transpose(1, 2, 0)
            found += int(same.all((-1, -2, -3)).sum())
        assert found == 1


def test_mnistm_is_the_same_on_every_machine_and_another_by_another_seed(
    tmp_path: Path, photographs: list[np.ndarray]
) -> None:
    one, two, other = (blended(tmp_path, name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert one.card["checksums"] == two.card["checksums"]
    assert one.card["checksums"]["images.npy"] != other.card["checksums"]["images.npy"]
    assert one.card["recipe"]["photographs"] == 3


def test_mnistm_without_mnist_or_photographs_says_what_to_do(tmp_path: Path, photographs: list[np.ndarray]) -> None:
    archive = MNISTM(MNISTMConfig(mnist=tmp_path / "no"), tmp_path / "photographs")
    with pytest.raises(DatasetError, match="ganzoo data prepare mnist first"):
        archive.pieces()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty holds no photographs; it must be PATH"):
        MNISTM(MNISTMConfig(), tmp_path / "empty").pieces()
    Image.new("L", (60, 60)).save(tmp_path / "empty" / "grey.png")
    with pytest.raises(DatasetError, match=r"grey.png must be a colour photograph of 28 x 28"):
        MNISTM(MNISTMConfig(), tmp_path / "empty").pieces()


def test_the_pairs_bring_images_to_one_shape(
    tmp_path: Path, photographs: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    blended(tmp_path, "mnistm")
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    pairs = {pair.name: pair for pair in ganzoo_datasets()}
    pair = pairs["mnist-mnistm"](pairs["mnist-mnistm"].Config())
    assert pair.spec().image_shape == (3, 28, 28)
    assert len(pair.source()) == len(pair.target()) == 12
    assert [archive.name for archive in ganzoo_archives()] == ["mnist", "mnistm", "usps", "svhn"]


@pytest.fixture
def a_store_of_mnist(tmp_path, monkeypatch):
    """A prepared store of a few digits, each filled with its own grey level."""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    random = np.random.default_rng(0)
    digits = random.integers(0, 10, 60)
    images = np.broadcast_to(digits[:, None, None, None] * 20, (60, 1, 28, 28)).astype(np.uint8)
    writer = StoreWriter(tmp_path / "mnist", {}, (1, 28, 28))
    with writer.open():
        split = np.array(["train"] * 40 + ["test"] * 20)
        writer.write("all", Piece(images, {"class": digits.astype(np.int64), "split": split}))
    writer.finish({"name": "mnist", "license": "none", "spec": set_spec(1, 28, 28, ClassTask(10)).as_table()})


def test_stacked_digits_are_three_channels_and_say_which(a_store_of_mnist):
    data = StackedMNIST(StackedConfig(size=50, test_size=30))
    target = data.target()
    assert target.images.shape == (50, 3, 28, 28)
    assert np.array_equal(target.images[:, :, 0, 0], target.extra["digits"] * 20)
    assert data.spec() == spec_of(None, target, data.task)
    assert target.unlabelled().extra == {}, "which digits they are reaches no method"


def test_stacked_digits_without_a_store_say_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    with pytest.raises(DatasetError, match="ganzoo data prepare mnist --from"):
        StackedMNIST(StackedConfig()).spec()


def test_stacked_digits_need_a_store_with_both_splits(a_store_of_mnist, tmp_path, monkeypatch):
    store = Store(tmp_path / "mnist")
    writer = StoreWriter(tmp_path / "other" / "mnist", {}, (1, 28, 28))
    with writer.open():
        train = {"class": store.column("class")[:40], "split": store.column("split")[:40]}
        writer.write("all", Piece(np.asarray(store.images[:40]), train))
    writer.finish({"name": "mnist", "license": "none", "spec": store.spec.as_table()})
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "other"))
    with pytest.raises(DatasetError, match="has no digits of the test split"):
        StackedMNIST(StackedConfig(size=4)).target_test()


def test_stacked_digits_keep_the_contract_of_datasets(a_store_of_mnist):
    for plugin, check in generate_checks([configured(StackedMNIST, size=50, test_size=30)]):
        if check.name not in ("absent_data_is_said", "tests_are_held_out"):  # grey levels stand for digits here
            check(plugin)


def test_which_digits_are_stacked_depends_on_the_seed_alone(a_store_of_mnist):
    prints = [StackedMNIST(StackedConfig(size=30, data_seed=seed)).target().fingerprint() for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]
