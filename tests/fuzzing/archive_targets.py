"""Raw files of published data sets, and what an interrupted preparation or refinement leaves."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import ganzoo_digits.originals as originals
import numpy as np
from ganzoo_digits.originals import MNIST, USPS
from ganzoo_eyes import cache
from ganzoo_eyes.split import Split
from ganzoo_gaze_data import columbia, kaggle, mpiigaze, syntheseyes, unityeyes
from ganzoo_gaze_data.columbia import ColumbiaGaze
from ganzoo_gaze_data.kaggle import KaggleEyeGaze
from ganzoo_gaze_data.mpiigaze import MPIIGaze, MPIIGazeConfig
from ganzoo_gaze_data.plain_pickle import loads
from ganzoo_gaze_data.syntheseyes import SynthesEyes
from ganzoo_gaze_data.unityeyes import UnityEyes
from hypothesis import strategies as st
from PIL import Image
from plugins.datasets.gaze_trees import LEFT_AND_UP, drawn_eye, normalised_day, normalised_eyes, unit, unity_record
from scipy.io import savemat

from fuzzing.image_targets import GREY
from fuzzing.mutation import damaged, edited, json_files
from fuzzing.target import CANARY, Target
from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.output import OutputFolder
from ganzoo.stores.writer import StoreWriter


def _read(archive: Archive) -> None:
    """All pieces, as `ganzoo data prepare` gets them."""
    for module in (kaggle, mpiigaze, syntheseyes, unityeyes, originals):
        for function in vars(module).values():
            getattr(function, "cache_clear", int)()
    pieces = [archive.read(name) for name in archive.pieces()]
    if not any(len(piece.images) for piece in pieces):  # as the writer of a store ends
        raise DatasetError(f"{archive.path}: no image can be used; {next(iter(pieces[0].skipped), 'it is empty')}")
    for piece in pieces:
        assert piece.images.dtype == np.uint8
        assert piece.images.shape[1:] == archive.image_shape
        assert all(len(column) == len(piece.images) for column in piece.columns.values())
        assert all("\n" not in reason for reason in piece.skipped)
        if "gaze" in piece.columns and len(piece.images):
            assert np.isfinite(piece.columns["gaze"]).all()


def _mat(content: bytes, folder: Path) -> None:
    file = folder / "Data/Normalized/p00/day01.mat"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    _read(MPIIGaze(MPIIGazeConfig(), folder))


def _mats() -> list[bytes]:
    eyes = normalised_eyes(np.stack([unit([0.1, 0.1, -1.0])] * 2))
    with tempfile.TemporaryDirectory() as folder:
        made = [
            normalised_day(Path(folder), "p00", "day01", dict.fromkeys(("left", "right"), eyes), ["1.jpg", "2.jpg"])
        ]
        contents = [path.read_bytes() for path in made]
    for options in ({"format": "4"}, {"do_compression": False}):
        buffer = io.BytesIO()
        content = (
            {"data": np.zeros((2, 2)), "filenames": "a"}
            if options.get("format")
            else {
                "data": dict.fromkeys(("left", "right"), eyes),
                "filenames": np.array(["1.jpg", "2.jpg"], dtype=object),
            }
        )
        savemat(buffer, content, **options)
        contents.append(buffer.getvalue())
    return contents


def _h5(content: bytes, folder: Path) -> None:
    (folder / "gaze.h5").write_bytes(content)
    _read(KaggleEyeGaze(KaggleEyeGaze.Config(), folder))


def _h5s() -> list[bytes]:
    import h5py

    eye = drawn_eye(35, 55, LEFT_AND_UP)
    made = []
    for kind in ({}, {"chunks": (35, 55), "compression": "gzip"}):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for number in range(2):
                file.create_dataset(f"image/{number}", data=eye, **kind)
            file["look_vec"] = np.tile([*(LEFT_AND_UP * [1, -1, 1]), 0.0], (2, 1))
            file["path"] = [b"0.jpg", b"1.jpg"]
        made.append(buffer.getvalue())
    for odd in (
        np.zeros((35, 55)),
        np.full((35, 55), np.nan),
        np.zeros((2, 2), np.uint8),
        np.array("text", dtype="S4"),
    ):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file["image/0"], file["look_vec"] = odd, np.array([[0, 0, -1.0, 0]])
            file["image/1"] = h5py.ExternalLink("/etc/hostname", "x")
        made.append(buffer.getvalue())
    return made


def _named(names: list[str], folder: Path) -> None:
    """Crops with these names; those that no file can have are left out."""
    buffer = io.BytesIO()
    Image.fromarray(drawn_eye(35, 55, LEFT_AND_UP)).save(buffer, "PNG")
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            (folder / name.replace("/", "_")).write_bytes(buffer.getvalue())
    columbia._images.cache_clear()
    _read(ColumbiaGaze(ColumbiaGaze.Config(), folder))


def _cached(files: Mapping[str, bytes], folder: Path) -> None:
    """Drawn eyes in the user's cache."""
    with mock.patch.object(cache, "cache_folder", lambda name: folder / name):
        _write(cache.folder(EYES, 2, "cpu"), files)
        found = cache.columns(EYES, 2)
    assert all(len(column) == 2 for column in found.values())
    assert found["images"].dtype == np.uint8


def _drawn() -> dict[str, bytes]:
    """Files as drawing two eyes leaves them. Nothing is drawn: benchmarks/fuzz.py forks, and threads would not."""
    files = {}
    for name, (dtype, shape) in cache._layout(EYES, 2).items():
        buffer = io.BytesIO()
        np.save(buffer, np.ones(shape, dtype))
        files[f"{name}.npy"] = buffer.getvalue()
    return files


class _Attack:
    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (CANARY, "w")


def _pickle(content: bytes, folder: Path) -> None:
    place = folder / "f01"
    place.mkdir()
    (place / "eye.pkl").write_bytes(content)
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(place / "eye.png")
    try:
        loads(content)
    finally:
        _read(SynthesEyes(SynthesEyes.Config(), folder))


def _pickles() -> list[bytes]:
    points = [[40.0, 60.0], [80.0, 50.0], [120.0, 60.0]]
    ldmks = {name: np.array(points) for name in ("ldmks_lids_2d", "ldmks_iris_2d", "ldmks_pupil_2d")}
    record = {"look_vec": np.array([0.0, 0.0, -1.0]), "head_pose": np.eye(3), "ldmks": ldmks}
    huge = {**record, "look_vec": [10**400, 0, 0]}
    made = [pickle.dumps(each, protocol) for each in (record, huge) for protocol in range(6)]
    memo = b"\x80\x02Nr\xff\xff\xff\xff."  # a memo of 2**32 places
    nested = b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."
    return [
        *made,
        pickle.dumps(_Attack()),
        pickle.dumps({"look_vec": _Attack()}),
        memo,
        nested,
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x00.",
        b"cos\nsystem\n(S'touch x'\ntR.",
    ]


def _unity(content: bytes, folder: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((480, 640, 3), 90, np.uint8)).save(buffer, "JPEG")
    (folder / "1.jpg").write_bytes(buffer.getvalue())
    (folder / "1.json").write_bytes(content)
    _read(UnityEyes(UnityEyes.Config(), folder))


def _kaggle(content: bytes, folder: Path) -> None:
    (folder / "imgs").mkdir()
    Image.fromarray(drawn_eye(35, 55, LEFT_AND_UP)).save(folder / "imgs" / "1.jpg")
    (folder / "gaze.json").write_bytes(content)
    _read(KaggleEyeGaze(KaggleEyeGaze.Config(), folder))


def _texts(example: tuple[bytes, bytes], folder: Path) -> None:
    _write(
        folder,
        {
            "Data/Normalized/p00/day01.mat": MATS[0],
            "Data/Original/p00/day01/annotation.txt": example[0],
            "Evaluation Subset/sample list for eye image/p00.txt": example[1],
        },
    )
    _read(MPIIGaze(MPIIGazeConfig(labels="rotation-only"), folder))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _digits(example: tuple[str, bytes], folder: Path) -> None:
    name, content = example
    if name.endswith(".npz"):
        (folder / name).write_bytes(content)
        _read(MNIST(MNIST.Config(), folder / name))
        return
    if "usps" in name:
        _write(folder, {"usps.bz2": USPS_FILE, "usps.t.bz2": USPS_FILE, name: content})
        _read(USPS(USPS.Config(), folder))
        return
    parts = {
        f"MNIST/raw/{part}-{kind}-ubyte.gz": gzip.compress(IDX[kind]) for part in ("train", "t10k") for kind in IDX
    }
    _write(folder, {**parts, name: content})
    _read(MNIST(MNIST.Config(), folder))


IDX = {
    "images-idx3": b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28)) + bytes(2 * 784),
    "labels-idx1": b"\0\0\x08\x01" + (2).to_bytes(4, "big") + b"\x01\x02",
}
USPS_FILE = bz2.compress(
    b"\n".join(b"7 " + b" ".join(b"%d:0.5" % (i + 1) for i in range(256)) for _ in range(2)) + b"\n"
)


def _begun(files: Mapping[str, bytes], folder: Path) -> None:
    """What a killed preparation left, gone on with by the same job."""
    writer = StoreWriter(folder / "store", {"archive": "eyes", "version": "1"}, (1, 4, 6))
    _write(writer.aside, files)
    (writer.aside / "labels").mkdir(exist_ok=True)
    with writer.open() as done:
        assert len(set(done)) == len(done)
        writer.write("last", Piece(GREY[None, None], {"person": np.array(["x"])}))
    writer.finish({"name": "eyes"})
    assert len(np.load(folder / "store" / "images.npy", mmap_mode="r")) == writer.rows


def _halfway() -> dict[str, bytes]:
    """The files of a preparation of which one piece is written."""
    with tempfile.TemporaryDirectory() as folder:
        writer = StoreWriter(Path(folder) / "store", {"archive": "eyes", "version": "1"}, (1, 4, 6))
        with writer.open():
            writer.write("first", Piece(GREY[None, None], {"person": np.array(["x"])}))
        files = [path for path in writer.aside.rglob("*") if path.is_file() and path.name != ".lock"]
        return {str(path.relative_to(writer.aside)): path.read_bytes() for path in files}


def _claimed(content: bytes, folder: Path) -> None:
    """What a refinement left in its folder."""
    for name in ("manifest.json", ".unfinished.json"):
        place = folder / name.strip(".")
        place.mkdir()
        (place / name).write_bytes(content)
        assert OutputFolder(place, {"input": "a", "batch_size": 3}).claim(10) in ("complete", "resumed")


MATS = _mats()
EYES = Split("source", "source", "matched", 0, 0, 2, 16, 24, 1, equalize=False)


def targets() -> list[Target]:
    halfway = _halfway()
    spoilt = st.sampled_from(sorted(halfway)).flatmap(
        lambda name: damaged([halfway[name]]).map(lambda content: {**halfway, name: content})
    )
    line = json.loads(halfway["journal.jsonl"])
    journals = edited([[line]]).map(
        lambda found: {**halfway, "journal.jsonl": "".join(json.dumps(each) + "\n" for each in found).encode()}
    )
    drawn = _drawn()
    columns = st.sampled_from(sorted(drawn)).flatmap(
        lambda name: damaged([drawn[name]]).map(lambda content: {**drawn, name: content})
    )
    names = st.lists(st.one_of(st.text(max_size=40), st.from_regex(columbia.NAME, fullmatch=True)), max_size=4)
    npz = io.BytesIO()
    np.savez(
        npz,
        **{
            f"{what}_{part}": array
            for part in ("train", "test")
            for what, array in {"x": np.zeros((2, 28, 28), np.uint8), "y": np.array([1, 2])}.items()
        },
    )
    digits = st.one_of(
        damaged([npz.getvalue()]).map(lambda content: ("digits.npz", content)),
        st.sampled_from(sorted(IDX)).flatmap(
            lambda kind: damaged([IDX[kind]]).map(lambda content: (f"MNIST/raw/train-{kind}-ubyte", content))
        ),
        damaged([gzip.compress(IDX["images-idx3"])]).map(
            lambda content: ("MNIST/raw/train-images-idx3-ubyte.gz", content)
        ),
        damaged([USPS_FILE]).map(lambda content: ("usps.bz2", content)),
        damaged([bz2.decompress(USPS_FILE)]).map(lambda content: ("usps.bz2", bz2.compress(content))),
    )
    texts = st.tuples(
        damaged([b"\n".join(b" ".join(b"%d" % n for n in range(41)) for _ in range(2))]),
        damaged([b"day01/1.jpg left\nday01/2.jpg right\n"]),
    )
    return [
        Target("MPIIGaze (mat)", damaged(MATS), _mat),
        Target("MPIIGaze lists (txt)", texts, _texts),
        Target("Kaggle (h5)", st.deferred(lambda: damaged(_h5s())), _h5, extra="h5"),
        Target(
            "Kaggle (json)", json_files([{"1": "(0.1, 0.1, -0.98994949)"}, {"1": unity_record(LEFT_AND_UP)}]), _kaggle
        ),
        Target("Columbia (names)", names, _named, share=0.5),
        Target("cache of drawn eyes (npy)", columns, _cached),
        Target("SynthesEyes (pickle)", damaged(_pickles()), _pickle, ("",)),
        Target("UnityEyes (json)", json_files([unity_record(LEFT_AND_UP)]), _unity),
        Target("digits (npz, idx, gz, bz2)", digits, _digits),
        Target("half-written store", st.one_of(spoilt, journals), _begun),
        Target("half-written refinement", json_files([{"input": "a", "batch_size": 3, "images": 9}]), _claimed),
    ]
