"""Kaggle's eye-gaze, Columbia Gaze, your own folder, and the pairs of stores."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import needs
from ganzoo_gaze_data import columbia, folder, ganzoo_archives, ganzoo_datasets, kaggle
from ganzoo_gaze_data.columbia import ColumbiaConfig, ColumbiaGaze
from ganzoo_gaze_data.folder import Folder, FolderConfig
from ganzoo_gaze_data.kaggle import KaggleEyeGaze, KaggleRealGaze, NoSettings
from ganzoo_gaze_data.unityeyes import UnityEyes
from gaze_trees import LEFT_AND_UP, dark_centre, drawn_eye, unit, unity_record
from PIL import Image
from stores.test_preparing import made_of

from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.stores.prepare import prepare

MIRROR = np.array([-1.0, 1.0, 1.0])
UP = np.array([1.0, -1.0, 1.0])  # from y down to y up


@pytest.fixture(autouse=True)
def forget() -> None:
    for cached in (kaggle.keys, kaggle.rows_of, kaggle._names, kaggle._records, columbia._images,
                   folder.opened, folder.columns_of):  # fmt: skip
        cached.cache_clear()


def whole(archive: Archive) -> Piece:
    (name,) = archive.pieces()
    return archive.read(name)


def looks_left_and_up(piece: Piece) -> None:
    x, y = dark_centre(piece.images[0, 0])
    assert x < 24  # the middle is 27, 17
    assert y < 15
    assert piece.columns["yaw"][0] > 0.2
    assert piece.columns["pitch"][0] > 0.1


@pytest.fixture
def h5(tmp_path: Path) -> Any:
    """Writes an h5 file in Kaggle's layout."""
    needs("h5")
    import h5py as package

    def write(name: str, images: dict[str, np.ndarray], **arrays: Any) -> Path:
        with package.File(tmp_path / name, "w") as file:
            for key, image in images.items():
                file[f"image/{key}"] = image
            for key, array in arrays.items():
                file[key] = array
        return tmp_path / name

    return write


def test_kaggles_renders_look_where_their_labels_say(h5: Any, tmp_path: Path) -> None:
    gazes = [LEFT_AND_UP, LEFT_AND_UP * MIRROR]
    h5("gaze.h5", {str(n): drawn_eye(35, 55, gaze) for n, gaze in enumerate(gazes)}, look_vec=np.stack(gazes) * UP)
    piece = whole(KaggleEyeGaze(NoSettings(), tmp_path))
    looks_left_and_up(piece)
    np.testing.assert_allclose(piece.columns["gaze"], gazes, atol=1e-6)
    assert list(piece.inputs) == ["gaze.h5"]


def test_kaggles_labels_go_to_the_image_with_their_number_and_not_to_the_next_in_the_alphabet(h5: Any) -> None:
    gazes = np.stack([unit([0.02 * n, 0, -1]) for n in range(12)])
    images = {str(n): np.full((35, 55), n, np.uint8) for n in range(12)}
    piece = whole(KaggleEyeGaze(NoSettings(), h5("gaze.h5", images, look_vec=gazes)))
    assert piece.images[:3, 0, 0, 0].tolist() == [0, 1, 10]  # as h5 lists them
    np.testing.assert_allclose(piece.columns["gaze"], gazes[piece.images[:, 0, 0, 0]], atol=1e-6)


def test_kaggles_labels_are_found_by_path_or_not_guessed(h5: Any) -> None:
    gazes = np.stack([unit([0.1 * n, 0, -1]) for n in range(3)])
    images = {name: np.full((35, 55), n, np.uint8) for n, name in enumerate(("c", "a", "b"))}
    paths = np.array([b"imgs/c.jpg", b"imgs/a.jpg", b"imgs/b.jpg"])
    piece = whole(KaggleEyeGaze(NoSettings(), h5("gaze.h5", images, look_vec=gazes, path=paths)))
    np.testing.assert_allclose(piece.columns["gaze"], gazes[piece.images[:, 0, 0, 0]], atol=1e-6)
    kaggle.keys.cache_clear()
    kaggle.rows_of.cache_clear()
    with pytest.raises(DatasetError, match=r"unclear which look_vec belongs to which image \(such as image/a\)"):
        KaggleEyeGaze(NoSettings(), h5("gaze.h5", images, look_vec=gazes)).pieces()


def test_kaggles_folder_of_images_is_read_with_its_json(tmp_path: Path) -> None:
    (tmp_path / "imgs").mkdir()
    for number in range(1, 8):
        Image.fromarray(drawn_eye(35, 55, LEFT_AND_UP)).save(tmp_path / f"imgs/{number}.jpg", quality=95)
    full = np.full((480, 640), 150, np.uint8)
    full[160:319, 195:445] = drawn_eye(159, 250, LEFT_AND_UP)
    Image.fromarray(full).save(tmp_path / "imgs/2.jpg")
    vector = "({:.6f}, {:.6f}, {:.6f}, 0.0)".format(*(LEFT_AND_UP * UP))
    labels: dict[str, Any] = {
        "1.jpg": {"look_vec": vector}, "2.jpg": unity_record(LEFT_AND_UP), "3": (LEFT_AND_UP * UP).tolist(),
        "4": [1, 2], "5": {"look_vec": "(nan, 0, -1)"}, "7": {"look_vec": "(0,1, 0,2, -0,9747, 0,0)"},
    }  # fmt: skip
    (tmp_path / "gaze.json").write_text(json.dumps(labels))
    piece = whole(KaggleEyeGaze(NoSettings(), tmp_path))
    looks_left_and_up(piece)
    np.testing.assert_allclose(piece.columns["gaze"], np.tile(LEFT_AND_UP, (3, 1)), atol=1e-5)
    assert piece.skipped == [
        "imgs/4.jpg: its entry in gaze.json has no look_vec of three numbers",
        "imgs/5.jpg: its gaze is not finite",
        "imgs/6.jpg: gaze.json has no entry for it",
        "imgs/7.jpg: its entry in gaze.json has no look_vec of three numbers (numbers have a decimal comma; write them "
        "with a decimal point)",
    ]


def test_kaggles_real_eyes_have_no_labels(h5: Any, tmp_path: Path) -> None:
    images: dict[str, np.ndarray] = {f"{n:05d}": drawn_eye(35, 55, LEFT_AND_UP) for n in range(3)}
    images["odd"] = np.zeros((36, 60), np.uint8)
    images["float"] = np.full((35, 55), 0.5)
    piece = whole(KaggleRealGaze(NoSettings(), h5("real_gaze.h5", images).parent))
    assert piece.images.shape == (3, 1, 35, 55)
    assert set(piece.columns) == {"file"}
    assert piece.skipped == [
        "real_gaze.h5 image/float: its values are not grey levels from 0 to 255",
        "real_gaze.h5 image/odd: it is not 35 x 55",
    ]
    store = prepare(KaggleRealGaze(NoSettings(), tmp_path), tmp_path / "store", quiet=True)
    assert store.labels() is None


def test_h5_files_that_lead_elsewhere_or_nowhere_are_refused(h5: Any, tmp_path: Path) -> None:
    needs("h5")
    import h5py as package

    file = h5("real_gaze.h5", {"1": np.zeros((35, 55), np.uint8)})
    archive = KaggleRealGaze(NoSettings(), file)
    with package.File(file, "a") as content:
        content["image/2"] = package.ExternalLink("other.h5", "/image/1")
    with pytest.raises(DatasetError, match="image/2 is a link into another file, which is not followed"):
        archive.pieces()
    for write, says in [
        (lambda: file.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "real_gaze.h5 is not a readable h5 file"),
        (lambda: h5("real_gaze.h5", {}, other=[1]), "has no group image, only other"),
        (file.unlink, "has no real_gaze.h5|does not exist"),
    ]:
        write()
        kaggle.keys.cache_clear()
        with pytest.raises(DatasetError, match=says):
            archive.pieces()


def test_without_h5py_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real_gaze.h5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DatasetError, match=r"pip install 'ganzoo\[h5\]'"):
        KaggleRealGaze(NoSettings(), tmp_path).pieces()


def columbia_eye(path: Path, gaze: np.ndarray, size: tuple[int, int] = (70, 110)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(drawn_eye(*size, gaze)[..., None], 3, 2)).save(path)


def test_columbias_names_say_where_eyes_look(tmp_path: Path) -> None:
    columbia_eye(tmp_path / "0001/0001_2m_-15P_10V_-15H.png", LEFT_AND_UP)
    columbia_eye(tmp_path / "0001_2m_0P_-10V_5H_right.jpg", unit([0.1, 0.1, -1]))
    piece = whole(ColumbiaGaze(ColumbiaConfig(), tmp_path))
    looks_left_and_up(piece)
    degrees = np.rad2deg([piece.columns["pitch"], piece.columns["yaw"]]).T
    np.testing.assert_allclose(degrees, [[10, 15], [-10, -5]], atol=1e-4)
    assert piece.columns["side"].tolist() == ["unknown", "right"]
    assert piece.columns["p_deg"].tolist() == [-15, 0]
    other = whole(ColumbiaGaze(ColumbiaConfig(positive_h="image-left"), tmp_path))
    np.testing.assert_allclose(other.columns["yaw"], -piece.columns["yaw"])
    np.testing.assert_allclose(other.columns["pitch"], piece.columns["pitch"])


def test_columbias_photographs_and_foreign_names_are_skipped_with_reasons(tmp_path: Path) -> None:
    columbia_eye(tmp_path / "0001_2m_0P_0V_0H.png", LEFT_AND_UP)
    columbia_eye(tmp_path / "0002_2m_0P_0V_0H.jpg", LEFT_AND_UP, (700, 1100))
    columbia_eye(tmp_path / "holiday.png", LEFT_AND_UP)
    piece = whole(ColumbiaGaze(ColumbiaConfig(), tmp_path))
    assert len(piece.images) == 1
    assert piece.skipped == [
        "0002_2m_0P_0V_0H.jpg: it is larger than 1024 px: a photograph, and no crop of an eye",
        "holiday.png: its name is not like 0001_2m_0P_10V_-5H.jpg",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no image with such a name"):
        ColumbiaGaze(ColumbiaConfig(), tmp_path / "empty").pieces()


def own_folder(path: Path, rows: str = "1.png,0.1,0.2,anna\n2.png,-0.1,0.3,ben\n") -> Path:
    path.mkdir(parents=True)
    for number in (1, 2):
        Image.fromarray(drawn_eye(35, 55, LEFT_AND_UP)).save(path / f"{number}.png")
    (path / "labels.csv").write_text("file,pitch,yaw,person\n" + rows)
    return path


def test_a_folder_of_ones_own_becomes_a_store(tmp_path: Path) -> None:
    piece = whole(Folder(FolderConfig(), own_folder(tmp_path / "eyes")))
    np.testing.assert_allclose(piece.columns["pitch"], [0.1, -0.1], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(piece.columns["gaze"], axis=1), 1, atol=1e-6)
    assert (piece.columns["gaze"][0] < 0).all()  # left, up, and towards the camera
    assert piece.columns["person"].tolist() == ["anna", "ben"]
    assert set(piece.inputs) == {"1.png", "2.png", "labels.csv"}


def test_inner_folders_of_ones_own_become_a_store(tmp_path: Path) -> None:
    for person in ("p1", "p2"):
        own_folder(tmp_path / "eyes" / person)
        (tmp_path / "eyes" / person / "labels.csv").unlink()
    rows = "".join(
        f"{name};0.{n};0.2;{name[:2]}\n" for n, name in enumerate(("p2/1.png", "p1/2.png", "p1/1.png", "p2/2.png"))
    )
    (tmp_path / "eyes" / "labels.csv").write_text("file;pitch;yaw;person\n" + rows)
    store = prepare(Folder(FolderConfig(), tmp_path / "eyes/**"), tmp_path / "store", jobs=1, quiet=True)
    assert store.column("file").tolist() == ["p1/1.png", "p1/2.png", "p2/1.png", "p2/2.png"]
    assert store.column("person").tolist() == ["p1", "p1", "p2", "p2"]
    np.testing.assert_allclose(store.column("pitch"), [0.2, 0.1, 0, 0.3], atol=1e-6)
    assert set(store.card["inputs"]) == {"labels.csv", "p1/1.png", "p1/2.png", "p2/1.png", "p2/2.png"}


def test_an_npz_of_ones_own_becomes_a_store_of_another_size(tmp_path: Path) -> None:
    image = np.stack([drawn_eye(36, 60, LEFT_AND_UP)] * 3)
    pupil = np.tile([20.0, 10.0], (3, 1))
    np.savez(tmp_path / "eyes.npz", image=image, gaze=np.tile(LEFT_AND_UP, (3, 1)), pupil_center=pupil)
    config = FolderConfig(height=35, width=55, resizer="center-crop")
    piece = whole(Folder(config, tmp_path / "eyes.npz"))
    np.testing.assert_array_equal(piece.images[:, 0], image[:, :35, 2:57])
    np.testing.assert_allclose(piece.columns["gaze"], np.tile(LEFT_AND_UP, (3, 1)), atol=1e-6)
    assert piece.columns["pupil_x"].tolist() == [18, 18, 18]
    looks_left_and_up(piece)


def test_a_folder_with_a_wrong_row_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name, rows, says in [
        ("twice", "1.png,0,0,a\n1.png,0,0,a\n2.png,0,0,a\n", "1 images have more than one row"),
        ("missing", "1.png,0,0,a\n", "1 of 2 images have no row"),
        ("nan", "1.png,nan,0,a\n2.png,0,0,a\n", "gaze angles are not finite"),
    ]:
        with pytest.raises(DatasetError, match=says):
            prepare(Folder(FolderConfig(), own_folder(tmp_path / name, rows)), tmp_path / "store", quiet=True)
        assert not list(tmp_path.glob("store*"))
    (tmp_path / "secret.png").write_bytes(b"")
    (own_folder(tmp_path / "linked") / "3.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DatasetError, match=r"3.png: it is a link that leads out of the folder"):
        Folder(FolderConfig(), tmp_path / "linked").pieces()


def test_the_pairs_cut_mpiigaze_to_the_size_of_the_renders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    random = np.random.default_rng(0)
    angles = {"pitch": random.uniform(-0.3, 0.3, 30), "yaw": random.uniform(-0.3, 0.3, 30)}
    made_of(tmp_path / "unityeyes", random.integers(0, 256, (30, 1, 35, 55), np.uint8), **angles)
    real = random.integers(0, 256, (30, 1, 36, 60), np.uint8)
    made_of(tmp_path / "mpiigaze", real, **angles, person=np.repeat(["p00", "p01", "p02"], 10))
    pairs = {pair.name: pair for pair in ganzoo_datasets()}
    assert set(pairs) == {"unityeyes-mpiigaze", "syntheseyes-mpiigaze"}
    pair = pairs["unityeyes-mpiigaze"](pairs["unityeyes-mpiigaze"].Config())
    assert pair.spec().image_shape == (1, 35, 55)
    np.testing.assert_array_equal(pair.target().images, real[:20, :, :35, 2:57])
    with pytest.raises(DatasetError, match=r"needs the store syntheseyes.*ganzoo data prepare syntheseyes --from PATH"):
        pairs["syntheseyes-mpiigaze"](pairs["syntheseyes-mpiigaze"].Config()).source()
    with pytest.raises(ConfigError):
        pairs["unityeyes-mpiigaze"](pairs["unityeyes-mpiigaze"].Config(split="leave-one-out"))


def test_every_archive_says_what_it_is() -> None:
    for archive in ganzoo_archives():
        for text in (archive.summary, archive.license, archive.size, archive.expects):
            assert text
        assert archive.expects.startswith("PATH (")
        assert archive.domain in ("source", "target", "either")
    assert UnityEyes in ganzoo_archives()
