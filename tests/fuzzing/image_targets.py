"""A user's images and labels: image files, npz, csv, json, and prepared stores."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
from hypothesis import strategies as st
from PIL import Image

from fuzzing.mutation import WORDS, damaged, json_files
from fuzzing.target import CANARY, Target
from ganzoo.files.collection import open_images, read_domain
from ganzoo.files.fit import Fit
from ganzoo.files.image_file import FORMATS, image_shape, read_image
from ganzoo.files.location import Location
from ganzoo.files.store import LABELS, NAMED, Store, as_table
from ganzoo.files.store_pair import pair_of
from ganzoo.stores.summary import summary
from ganzoo.stores.verify import problems

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (4, 6), np.uint8)
COLOUR = RANDOM.integers(0, 256, (4, 6, 3), np.uint8)
FIT = Fit((4, 6, 1), "pillow-bilinear", "grey")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F")


def _encoded() -> list[tuple[str, bytes]]:
    """Images of all modes in all formats that hold them: suffix, content."""
    made = []
    for suffix, kind in FORMATS.items():
        for mode in MODES:
            picture = Image.fromarray(COLOUR).convert("RGB" if mode == "I;16" else mode) if mode != "I;16" else None
            picture = picture or Image.fromarray(GREY.astype(np.uint16) * 200)
            extra: list[dict[str, Any]] = [{}]
            if kind in ("WEBP", "TIFF", "PNG"):
                extra.append({"save_all": True, "append_images": [picture]})
            if kind == "TIFF":
                extra += [{"compression": name} for name in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group4")]
            if kind == "JPEG":
                extra += [{"progressive": True}, {"exif": _rotated()}]
            for options in extra:
                buffer = io.BytesIO()
                try:
                    picture.save(buffer, kind, **options)
                except Exception:  # that format has no such mode
                    continue
                made.append((suffix, buffer.getvalue()))
    return made


def _rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _image(example: tuple[str, bytes], folder: Path) -> None:
    suffix, content = example
    file = folder / f"eye{suffix}"
    file.write_bytes(content)
    shape = image_shape(file)
    pixels = read_image(file)
    assert pixels.dtype == np.uint8
    assert pixels.shape == shape
    with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(pixels, np.asarray(image.convert("L" if shape[2] == 1 else "RGB")).reshape(shape))


def _domain(path: Path) -> None:
    """Read everything of a labelled collection, and check what labels promise."""
    location = Location.parse(path)
    domain = read_domain("source", open_images(location.path, "--source"), location, FIT, labelled=True)
    assert domain.images.shape[1:] == (1, 4, 6)
    assert domain.labels is not None
    assert domain.labels.shape == (len(domain), 2)
    assert np.isfinite(domain.labels).all()
    assert (np.abs(domain.labels) <= np.pi + 1e-6).all()


def _npz(content: bytes, folder: Path) -> None:
    (folder / "eyes.npz").write_bytes(content)
    _domain(folder / "eyes.npz")


class _Attack:
    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (CANARY, "w")


@st.composite
def _archives(draw: st.DrawFn) -> bytes:
    """An npz of arrays of any kind under the names that ganzoo knows."""
    arrays: dict[str, Any] = {"image": np.stack([GREY] * 3), "gaze_pitchyaw": np.zeros((3, 2), np.float32)}
    names = ("image", "gaze", "gaze_pitchyaw", "pupil_center", "subject", "person", "../out", "x" * 200)
    for name in draw(st.lists(st.sampled_from(names), max_size=3)):
        shape = draw(
            st.sampled_from([(), (0,), (3,), (3, 2), (3, 3), (4, 2), (3, 4, 6), (3, 4, 6, 3), (3, 1, 1, 1, 1)])
        )
        dtype = draw(st.sampled_from(["u1", "i8", "f4", "f8", "f2", "c16", "S3", "U3", "M8[s]", "?", ">f4", "O", "V4"]))
        array = np.zeros(shape, dtype)
        if dtype == "O":
            array[...] = _Attack()
        elif dtype[0] in "f>" and draw(st.booleans()):
            array[...] = draw(st.sampled_from([np.nan, np.inf, 1e30, 4.0, 0.57735026]))
        arrays[name] = array
    buffer = io.BytesIO()
    (np.savez_compressed if draw(st.booleans()) else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def _claiming(shape: str, dtype: str = "|u1") -> bytes:
    """An npz whose image is said to have this shape, and has no content."""
    import zipfile

    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", b"\x93NUMPY\x01\x00v\x00" + text)
    return buffer.getvalue()


CLAIMS = [
    _claiming(shape)
    for shape in (
        "(3, 4, 6)",
        "(10**6, 10**6, 3)",
        "(-3, 4, 6)",
        "(3, -4, -6)",
        "(1 << 62, 1, 1)",
        "(3000000, 40, 60)",
        "(True, 4, 6)",
        "(3, 4, 2**70)",
        "()",
        "None",
    )
]


def _labels(example: tuple[str, bytes], folder: Path) -> None:
    name, content = example
    for image in ("a.png", "b.png"):
        Image.fromarray(GREY).save(folder / image)
    (folder / "b.json").write_text('{"gaze_pitchyaw": [0.1, 0.2], "person": "mia"}')
    (folder / name).write_bytes(content)
    _domain(folder)


CSV = [
    b"file,pitch,yaw,person,pupil_x,pupil_y\na.png,0.1,0.2,mia,1,2\nb.png,-0.1,0.3,bob,2,1\n",
    b"file,gaze_x,gaze_y,gaze_z\na.png,0,0,-1\nb.png,0.6,0,-0.8\n",
    b'\xef\xbb\xbffile,pitch,yaw\r\n"a.png",0,0\r\n"b.png",1e-3,-0\r\n',
]
JSON = [
    {"gaze": [0.0, 0.0, -1.0], "gaze_pitchyaw": [0.0, 0.0], "person": "mia", "pupil_center": [1, 2]},
    {"eye_details": {"look_vec": "(0.0000, 0.0000, -1.0000, 0.0000)"}, "subject": 3},
    {"gaze_pitchyaw": [0.1, 0.2], "group": "7"},
]


@st.composite
def _tables(draw: st.DrawFn) -> bytes:
    """A csv with other columns and cells."""
    cells = st.one_of(WORDS, st.sampled_from(["a.png", "b.png", "0.1", "1_0", " 2 ", "٣", "nan", "9" * 400, '"']))
    head = draw(
        st.lists(st.sampled_from(["file", "pitch", "yaw", "person", "pupil_x", "pupil_y", "gaze_x", ""]), max_size=7)
    )
    rows = [[name, *draw(st.lists(cells, min_size=2, max_size=4))] for name in ("a.png", "b.png")]
    return "\n".join(",".join(row) for row in (["file", "pitch", "yaw", *head][:6], *rows)).encode("utf-8", "replace")


CARD = {
    "name": "eyes",
    "summary": "Eyes.",
    "license": "none",
    "images": 4,
    "skipped": 0,
    "recipe": {"images": "as they are"},
    "spec": {"channels": 1, "height": 4, "width": 6, "task": "GazeTask"},
    "conventions": {},
    "settings": {},
    "checksums": {"images.npy": "blake2b-16:0", "labels.parquet": "blake2b-16:0"},
}
COLUMNS = {
    "gaze": np.tile(np.array([[0, 0, -1]], np.float32), (4, 1)),
    "pitch": np.zeros(4, np.float32),
    "yaw": np.array([0, 0.1, 0.2, 0.3], np.float32),
    "pupil_x": np.ones(4, np.float32),
    "pupil_y": np.ones(4, np.float32),
    "person": np.array(["a", "b", "c", "d"]),
    "split": np.array(["train", "train", "test", "test"]),
    "file": np.array(["1", "2", "3", "4"]),
    "class": np.array([0, 1, 2, 3], np.int32),
}


def _parquet(table: pyarrow.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


@st.composite
def _odd_tables(draw: st.DrawFn) -> bytes:
    """Parquet files with columns of other types and lengths."""
    odd = [
        pyarrow.array([1, None, 3, 4]),
        pyarrow.array(["a", None, "b", "\0"]),
        pyarrow.array([[1.0], [], None, [2.0, 3.0]]),
        pyarrow.array([{"x": 1}] * 4),
        pyarrow.array([b"\xff"] * 4),
        pyarrow.nulls(4),
        pyarrow.array([True, False] * 2),
        pyarrow.array(["x"] * 4).dictionary_encode(),
        pyarrow.array([0, 1, 2, 3], pyarrow.timestamp("s")),
        pyarrow.array([float("nan"), float("inf"), 1e300, 4.0]),
        pyarrow.array([0, 1, 2, 2**62]),
        pyarrow.array([[1.0, 2.0], None, [3.0, 4.0], [5.0, 6.0]], pyarrow.list_(pyarrow.float64(), 2)),
    ]
    columns = {name: as_table({name: values}).column(0) for name, values in COLUMNS.items() if draw(st.integers(0, 9))}
    for name in draw(st.lists(st.sampled_from(NAMED), max_size=2)):
        columns[name] = draw(st.sampled_from(odd))
    table = pyarrow.table(columns) if columns else pyarrow.table({"file": ["a"]})
    return _parquet(pyarrow.concat_tables([table] * draw(st.sampled_from([1, 1, 1, 2]))))


def _store(example: tuple[bytes, bytes, bytes], folder: Path) -> None:
    place = folder / "store"
    place.mkdir()
    for name, content in zip(("card.json", "images.npy", LABELS), example, strict=True):
        (place / name).write_bytes(content)
    store = Store(place)
    list(problems(store))
    summary(store)
    assert len(store) == store.card["images"]
    for name in store.columns:
        assert len(store.column(name)) == len(store)
    config = pair_of("store", "store").Config
    dataset = _Here(config(), folder)
    for part in (dataset.source(), dataset.source_test(), dataset.target(), dataset.target_test()):
        assert part.images.shape[1:] == store.spec.image_shape
    labels = dataset.source().labels
    assert labels is not None
    assert store.spec.task.problem(labels) is None
    dataset.card()


class _Here(pair_of("store", "store")):  # type: ignore[misc]
    """The pair of a store with itself, from a folder of its own."""

    def __init__(self, config: Any, folder: Path) -> None:
        super().__init__(config)
        self.folder = folder

    def _open(self, name: str) -> Store:
        return Store(self.folder / name)


def targets() -> list[Target]:
    images = _encoded()
    buffer = io.BytesIO()
    np.save(buffer, np.stack([GREY] * 4)[:, None])
    pixels, card = buffer.getvalue(), json.dumps(CARD).encode()
    labels = [_parquet(as_table(COLUMNS)), _parquet(as_table(COLUMNS), compression="gzip", version="1.0")]
    npz = io.BytesIO()
    np.savez_compressed(npz, image=np.stack([GREY] * 3), gaze=np.tile([[0.0, 0.0, -1.0]], (3, 1)), subject=[1, 2, 3])
    stores = st.one_of(
        st.tuples(
            json_files([CARD, {**CARD, "spec": {**CARD["spec"], "task": "ClassTask", "classes": 3}}]),
            st.just(pixels),
            st.just(labels[0]),
        ),
        st.tuples(st.just(card), damaged([pixels]), st.just(labels[0])),
        st.tuples(st.just(card), st.just(pixels), damaged(labels)),
        st.tuples(st.just(card), st.just(pixels), _odd_tables()),
    )
    json_labels = json_files(JSON).map(lambda content: ("a.json", content))
    csv_labels = st.one_of(damaged(CSV), _tables()).map(lambda content: ("labels.csv", content))
    any_image = st.sampled_from(images).flatmap(
        lambda each: st.one_of(st.just(each), damaged([each[1]]).map(lambda content: (each[0], content)))
    )
    return [
        Target("image", any_image, _image),
        Target("npz", st.one_of(damaged([npz.getvalue()]), _archives(), _archives(), st.sampled_from(CLAIMS)), _npz),
        Target("labels.csv", csv_labels, _labels),
        Target("label json", json_labels, _labels),
        Target("prepared store (json, npy, parquet)", stores, _store, ("/store", "dataset store-store")),
    ]
