"""MPIIGaze: its mat files, its evaluation lists, mirrored right eyes, and labels without the scale."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import needs
from ganzoo_gaze_data.mpiigaze import MPIIGaze, MPIIGazeConfig, evaluation
from gaze_trees import LEFT_AND_UP, dark_centre, evaluation_list, hdf5_day, normalised_day, normalised_eyes, unit
from scipy.spatial.transform import Rotation

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Piece
from ganzoo.files.store import Store
from ganzoo.stores.prepare import prepare
from ganzoo.stores.verify import problems

EYES = Path(__file__).parents[2].parent / "shared" / "data" / "eyes"
needs_eyes = pytest.mark.skipif(not EYES.is_dir(), reason="shared/data/eyes is not here")
MIRROR = np.array([-1.0, 1.0, 1.0])
OTHER = unit([0.1, 0.2, -1.0])


@pytest.fixture(autouse=True)
def forget_lists() -> Iterator[None]:
    evaluation.cache_clear()
    yield
    evaluation.cache_clear()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One person, two days; right eyes look to the other side than left ones."""
    for day, count in ("day01", 2), ("day02", 1):
        left = normalised_eyes(np.stack([LEFT_AND_UP, OTHER])[:count])
        right = normalised_eyes(np.stack([LEFT_AND_UP * MIRROR, OTHER])[:count])
        normalised_day(tmp_path, "p00", day, {"left": left, "right": right}, ["0001.jpg", "0002.jpg"][:count])
    return tmp_path


def read(root: Path, day: str = "day01", **settings: Any) -> Piece:
    return MPIIGaze(MPIIGazeConfig(**settings), root).read(f"p00/{day}.mat")


def test_an_eye_that_looks_left_and_up_has_positive_yaw_and_pitch(tree: Path) -> None:
    piece = read(tree)
    x, y = dark_centre(piece.images[0, 0])
    assert x < 26  # the middle is 29.5, 17.5
    assert y < 15
    assert piece.columns["pitch"][0] > 0.2
    assert piece.columns["yaw"][0] > 0.2
    np.testing.assert_allclose(piece.columns["gaze"][0], LEFT_AND_UP, atol=1e-6)


def test_right_eyes_are_mirrored_with_their_labels(tree: Path) -> None:
    mirrored, plain = read(tree), read(tree, mirror=False)
    assert mirrored.columns["side"].tolist() == ["left", "left", "right", "right"]
    np.testing.assert_array_equal(mirrored.images[:2], plain.images[:2])
    np.testing.assert_array_equal(mirrored.images[2:], plain.images[2:, ..., ::-1])
    np.testing.assert_allclose(mirrored.columns["yaw"][2:], -plain.columns["yaw"][2:])
    np.testing.assert_allclose(mirrored.columns["pitch"], plain.columns["pitch"])
    for piece in (mirrored, plain):  # in either, the iris is where the label says
        for image, yaw in zip(piece.images[:, 0], piece.columns["yaw"], strict=True):
            assert np.sign(29.5 - dark_centre(image)[0]) == np.sign(yaw)


def test_head_pose_is_that_of_the_authors_readme(tmp_path: Path) -> None:
    """Z is the third column of the rotation; pitch = asin(Z_y), yaw = atan2(Z_x, Z_z)."""
    poses = np.random.default_rng(0).normal(0, 0.3, (5, 3))
    eyes = normalised_eyes(np.tile(OTHER, (5, 1)), poses)
    normalised_day(tmp_path, "p00", "day01", {"left": eyes, "right": eyes}, [f"{n}.jpg" for n in range(5)])
    z = Rotation.from_rotvec(poses).as_matrix()[:, :, 2]
    columns = read(tmp_path).columns
    np.testing.assert_allclose(columns["pose_pitch"], np.tile(np.arcsin(z[:, 1]), 2), atol=1e-6)
    yaw = np.arctan2(z[:, 0], z[:, 2])
    np.testing.assert_allclose(columns["pose_yaw"], np.concatenate([yaw, -yaw]), atol=1e-6)


def test_a_day_with_one_image_is_read(tree: Path) -> None:
    piece = read(tree, "day02")
    assert piece.images.shape == (2, 1, 36, 60)
    assert piece.columns["file"].tolist() == ["p00/day02/0001.jpg"] * 2


def test_the_evaluation_subset_is_a_column_where_its_lists_are_there(tree: Path) -> None:
    assert "evaluation" not in read(tree).columns
    evaluation_list(tree, "p00", "day01/0002.jpg left", "day02/0001.jpg right", "day01/0077.jpg left")
    piece = read(tree)
    assert piece.columns["evaluation"].tolist() == [False, True, False, False]
    assert piece.skipped == ["p00/day01/0077.jpg left: it is in the evaluation list, and not in the mat file"]


def annotated(root: Path, change: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
    """A day whose published labels are made as Sugano et al. (2014) made them; returns R g of left, then right eyes."""
    random = np.random.default_rng(0)
    lines = random.normal(0, 1, (6, 41))
    lines[:, 26:29] = random.normal([0, 100, 0], 60, (6, 3))  # gaze target near the camera, mm
    lines[:, 35:38] = random.normal([-30, 0, 550], [20, 20, 90], (6, 3))  # right eye
    lines[:, 38:41] = random.normal([30, 0, 550], [20, 20, 90], (6, 3))  # left eye
    sides, truth = {}, []
    for side, at in ("left", 38), ("right", 35):
        published = []
        for line in lines:
            centre = line[at : at + 3]
            gaze = line[26:29] - centre
            forward = unit(centre)
            right = unit(np.cross([0, 1, 0], forward))
            rotation = np.stack([right, np.cross(forward, right), forward])
            scale = np.diag([1, 1, 600 / np.linalg.norm(centre)])
            published.append(unit(scale @ rotation @ gaze))
            truth.append(unit(rotation @ gaze))
        sides[side] = normalised_eyes(np.stack(published))
    normalised_day(root, "p00", "day01", sides, [f"{n:04d}.jpg" for n in range(1, 7)])
    folder = root / "Data/Original/p00/day01"
    folder.mkdir(parents=True)
    np.savetxt(folder / "annotation.txt", change(lines))
    return np.stack(truth)


def test_labels_without_the_scale_are_the_rotated_gaze(tmp_path: Path) -> None:
    truth = annotated(tmp_path)
    published = read(tmp_path, mirror=False).columns["gaze"]
    rotated = read(tmp_path, mirror=False, labels="rotation-only").columns["gaze"]
    np.testing.assert_allclose(rotated, truth, atol=1e-6)
    assert np.rad2deg(np.arccos((published * truth).sum(1))).max() > 0.5  # the choice matters
    mirrored = read(tmp_path, labels="rotation-only").columns["gaze"]
    np.testing.assert_allclose(mirrored[6:], truth[6:] * MIRROR, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "least"), [(lambda lines: lines / 1000, 12), (lambda lines: np.roll(lines, 1, 0), 6)], ids=["m", "order"]
)
def test_labels_that_disagree_with_their_annotation_are_not_guessed(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], least: int
) -> None:
    annotated(tmp_path, change)
    skipped = read(tmp_path, labels="rotation-only").skipped
    assert sum("disagrees with annotation.txt by more than 1 degree" in reason for reason in skipped) >= least


def test_rotation_only_without_the_originals_is_refused_with_their_name(tree: Path) -> None:
    with pytest.raises(DatasetError, match=r"needs .*Data/Original with pXX/dayYY/annotation.txt"):
        MPIIGaze(MPIIGazeConfig(labels="rotation-only"), tree).pieces()


@pytest.mark.parametrize("count", [1, 4])
def test_a_matlab_7_3_file_is_read_as_the_same_matlab_5_file(tmp_path: Path, count: int) -> None:
    needs("h5")
    gazes = np.stack([LEFT_AND_UP, OTHER, OTHER * MIRROR, LEFT_AND_UP * MIRROR])[:count]
    poses = np.random.default_rng(0).normal(0, 0.3, (count, 3))
    sides = {"left": normalised_eyes(gazes, poses), "right": normalised_eyes(gazes * MIRROR, poses)}
    files = ["0001.jpg", "0002.jpg", "été.jpg", "0004.jpg"][:count]
    normalised_day(tmp_path / "5", "p00", "day01", sides, files)
    hdf5_day(tmp_path / "7.3", "p00", "day01", sides, files)
    old, new = read(tmp_path / "5"), read(tmp_path / "7.3")
    assert new.skipped == []
    np.testing.assert_array_equal(new.images, old.images)
    np.testing.assert_equal(dict(new.columns), dict(old.columns))


def test_without_h5py_matlab_7_3_files_are_refused_before_anything_is_written(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("h5")
    eyes = normalised_eyes(np.stack([OTHER]))
    hdf5_day(tree, "p01", "day01", {"left": eyes, "right": eyes}, ["0001.jpg"])
    monkeypatch.setitem(sys.modules, "h5py", None)
    says = r"1 of 3 mat files are MATLAB 7\.3 files \(p01/day01\.mat\), .*pip install 'ganzoo\[h5\]'; or .*'-v7'\)"
    with pytest.raises(DatasetError, match=says):
        MPIIGaze(MPIIGazeConfig(), tree).pieces()


def broken_link(file: Any) -> None:
    from h5py import ExternalLink

    del file["data/left/gaze"]
    file["data/left/gaze"] = ExternalLink("elsewhere.h5", "gaze")


def absent(file: Any) -> None:
    del file["data/right/pose"]


def huge(file: Any) -> None:
    del file["data/left/image"]
    file.create_dataset("data/left/image", (2**20, 2**20), "u1", chunks=(1024, 1024))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (broken_link, "gaze is a link, which is not followed"),
        (absent, "it has no variable data.right.pose"),
        (huge, "data.left.image takes more than 512 MiB"),
    ],
)
def test_a_matlab_7_3_file_of_another_layout_is_refused(tree: Path, damage: Any, says: str) -> None:
    needs("h5")
    package = importlib.import_module("h5py")
    eyes = normalised_eyes(np.stack([OTHER]))
    path = hdf5_day(tree, "p00", "day01", {"left": eyes, "right": eyes}, ["0001.jpg"])
    with package.File(path, "r+") as file:
        damage(file)
    (reason,) = read(tree).skipped
    assert reason == f"Data/Normalized/p00/day01.mat: it is not a readable mat file: {says}"


def test_a_day_is_read_whatever_case_its_ending_has(tree: Path) -> None:
    folder = tree / "Data/Normalized/p00"
    (folder / "day02.mat").rename(folder / "day02.MAT")
    evaluation_list(tree, "p00", "day02/0001.jpg left")
    archive = MPIIGaze(MPIIGazeConfig(), tree)
    assert archive.pieces() == ["p00/day01.mat", "p00/day02.MAT"]
    columns = archive.read("p00/day02.MAT").columns
    assert columns["day"].tolist() == ["day02", "day02"]
    assert columns["evaluation"].tolist() == [True, False]


def test_mat_files_with_other_names_are_counted_once(tree: Path) -> None:
    folder = tree / "Data/Normalized/p00"
    (folder / "day2b.mat").write_bytes(b"")
    archive = MPIIGaze(MPIIGazeConfig(), tree)
    skipped = [reason for piece in archive.pieces() for reason in archive.read(piece).skipped]
    assert skipped == ["Data/Normalized/p00/day2b.mat: its name is not dayYY.mat"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take these names for one")
def test_a_day_that_is_there_twice_is_refused(tree: Path) -> None:
    folder = tree / "Data/Normalized/p00"
    (folder / "DAY01.mat").write_bytes((folder / "day01.mat").read_bytes())
    with pytest.raises(DatasetError, match=r"has p00/day01\.mat in several spellings"):
        MPIIGaze(MPIIGazeConfig(), tree).pieces()


def test_damaged_days_and_labels_are_named(tree: Path) -> None:
    folder = tree / "Data/Normalized/p00"
    whole = (folder / "day01.mat").read_bytes()
    (folder / "day03.mat").write_bytes(whole[: len(whole) // 2])
    (folder / "day04.mat").write_bytes(b"MATLAB 7.3 it is not")
    gazes = np.stack([OTHER, [np.nan, 0, -1], OTHER * 2])
    eyes = normalised_eyes(gazes)
    names = ["0001.jpg", "0002.jpg", "0003.jpg"]
    normalised_day(tree, "p00", "day05", {"left": eyes, "right": normalised_eyes(gazes[[0, 0, 0]])}, names)
    normalised_day(tree, "p00", "day06", {"left": eyes, "right": eyes}, ["0001.jpg"] * 3)
    normalised_day(tree, "p00", "day07", {"left": eyes, "right": eyes}, names[:2])
    (folder / "day08.mat").symlink_to(tree.parent / "elsewhere.mat")
    archive = MPIIGaze(MPIIGazeConfig(), tree)
    pieces = {name: archive.read(name) for name in archive.pieces()}
    skipped = [reason for piece in pieces.values() for reason in piece.skipped]
    for start, says in {
        "Data/Normalized/p00/day03.mat": "is not a readable mat file",
        "Data/Normalized/p00/day04.mat": "is not a readable mat file",
        "p00/day05/0002.jpg left": "its gaze is not finite",
        "p00/day05/0003.jpg left": "its gaze vector is not of unit length",
        "Data/Normalized/p00/day06.mat": "has one file name twice",
        "Data/Normalized/p00/day07.mat": "has not one uint8 image, gaze and pose",
        "Data/Normalized/p00/day08.mat": "is a link that leads out of the folder",
    }.items():
        assert sum(reason.startswith(start + ": ") and says in reason for reason in skipped) == 1, (start, skipped)
    assert len(skipped) == 7
    assert sum(len(piece.images) for piece in pieces.values()) == 4 + 2 + 4
    assert not any(str(tree) in reason for reason in skipped)


def test_what_is_no_mpiigaze_is_refused_in_words(tmp_path: Path, tree: Path) -> None:
    (tmp_path / "MPIIGaze.tar.gz").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for path, says in {
        tmp_path / "MPIIGaze.tar.gz": "is packed: unpack it first",
        tmp_path / "empty": "has no Data/Normalized",
        tmp_path / "absent": "does not exist",
    }.items():
        with pytest.raises(DatasetError, match=says):
            MPIIGaze(MPIIGazeConfig(), path).pieces()
    evaluation_list(tree, "p01")
    with pytest.raises(DatasetError, match=r"p00.txt is missing"):
        MPIIGaze(MPIIGazeConfig(), tree).pieces()
    evaluation_list(tree, "p00", "0001.jpg")
    with pytest.raises(DatasetError, match=r'must have lines such as "day01/0001.jpg left"'):
        MPIIGaze(MPIIGazeConfig(), tree).pieces()


@needs_eyes
def test_real_eyes_come_back_as_they_went_into_the_mat_files(tmp_path: Path) -> None:
    """The shared file has right eyes mirrored; unmirrored into the tree, they must come back mirrored."""
    with np.load(EYES / "mpiigaze_p00.npz") as real:
        images, gaze, pose = (real[key][::20] for key in ("image", "gaze", "pose_pitchyaw"))
    pitch, yaw = pose.astype(float).T
    poses = Rotation.from_euler("YX", np.stack([yaw, -pitch], 1)).as_rotvec()
    flipped = poses * [1, -1, -1]
    half = len(images) // 2
    left = {"image": images[:half], "gaze": gaze[:half], "pose": poses[:half]}
    right = {"image": images[half:, :, ::-1], "gaze": gaze[half:] * MIRROR, "pose": flipped[half:]}
    names = [f"{n:04d}.jpg" for n in range(1, half + 1)]
    root = tmp_path / "MPIIGaze"
    normalised_day(root, "p00", "day01", {"left": left, "right": right}, names)
    store = prepare(MPIIGaze(MPIIGazeConfig(), tmp_path), tmp_path / "store", jobs=1, quiet=True)
    np.testing.assert_array_equal(store.images[:, 0], images)
    np.testing.assert_allclose(store.column("gaze"), gaze, atol=1e-6)
    np.testing.assert_allclose(store.column("pose_pitch"), pitch, atol=1e-5)
    np.testing.assert_allclose(store.column("pose_yaw"), yaw, atol=1e-5)
    assert list(problems(Store(store.path))) == []
