"""Users' images and labels are read exactly, or refused in one sentence that names the file."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files import guard
from ganzoo.files.collection import open_images, read_domain
from ganzoo.files.fit import Fit
from ganzoo.files.image_file import encode_image, read_image
from ganzoo.files.location import Location
from ganzoo.files.store import as_slice

EYES = Path(__file__).parents[2].parent / "shared" / "data" / "eyes"
RNG = np.random.default_rng(0)
GREY = Fit((4, 6, 1))
needs_eyes = pytest.mark.skipif(not EYES.is_dir(), reason="shared/data/eyes is not here")


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def save(folder: Path, names: str, image: np.ndarray | None = None) -> None:
    folder.mkdir(exist_ok=True)
    for name in names.split():
        Image.fromarray(pixels(4, 6) if image is None else image).save(folder / name)


def read(path: Path, fit: Fit = GREY, *, labelled: bool = False) -> Domain:
    location = Location.parse(path)
    return read_domain("source", open_images(location.path, "--source"), location, fit, labelled=labelled)


def test_a_folder_is_read_pixel_by_pixel_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        save(tmp_path, f"eye{number}.png", np.full((4, 6), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image either")
    assert read(tmp_path).images[:, 0, 3, 5].tolist() == [2, 9, 10]


@pytest.mark.parametrize("ending", ["png", "bmp", "webp", "tif", "tiff", "pgm", "ppm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_come_back_bit_by_bit(tmp_path: Path, ending: str, channels: int) -> None:
    image = pixels(4, 6, channels)
    (tmp_path / f"a.{ending}").write_bytes(encode_image(image, f"a.{ending}"))
    back = read_image(tmp_path / f"a.{ending}")
    if ending == "webp" and channels == 1:  # the format has no grey: three equal channels come back
        back = back[..., :1]
    np.testing.assert_array_equal(back, image)


def test_jpg_is_written_nearly_without_loss() -> None:
    smooth = np.add.outer(np.arange(35), 2 * np.arange(55)).astype(np.uint8)[..., None].repeat(3, axis=2)
    with Image.open(io.BytesIO(encode_image(smooth, "a.jpg"))) as image:
        assert np.abs(np.asarray(image).astype(int) - smooth).max() <= 3


def test_many_images_are_read_in_order(tmp_path: Path) -> None:
    for number in range(300):  # more than are in work at a time
        save(tmp_path, f"{number}.bmp", np.full((4, 6), number % 251, np.uint8))
    assert read(tmp_path).images[:, 0, 0, 0].tolist() == [number % 251 for number in range(300)]


def test_csv_labels_follow_the_name_and_not_the_order(tmp_path: Path) -> None:
    save(tmp_path, "a.png b.png")
    (tmp_path / "labels.csv").write_text(
        "file,pitch,yaw,person,pupil_x,pupil_y\nb.png,0.3,-0.4,mia,3,2\na.png,-0.1,0.2,bob,1,0\n"
    )
    domain = read(tmp_path, labelled=True)
    np.testing.assert_allclose(domain.labels, [[-0.1, 0.2], [0.3, -0.4]], atol=1e-7)
    assert domain.groups is not None
    assert domain.groups.tolist() == [0, 1]
    assert domain.extra["pupil_center"].tolist() == [[1, 0], [3, 2]]


@pytest.mark.parametrize("form", ["csv vector", "csv angles", "json gaze", "json angles", "json look_vec", "npz"])
def test_an_eye_that_looks_left_and_up_has_positive_pitch_and_yaw(tmp_path: Path, form: str) -> None:
    """Seen in the picture: image-left is -x, up is -y, towards the camera is -z (UnityEyes: y up)."""
    pitch, yaw = 0.2, 0.3
    x, y, z = -np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)
    assert x < 0
    assert y < 0
    folder = tmp_path / "eyes"
    save(folder, "a.png")
    contents = {
        "csv vector": ("labels.csv", f"file,gaze_x,gaze_y,gaze_z\na.png,{x},{y},{z}\n"),
        "csv angles": ("labels.csv", f"file,pitch,yaw\na.png,{pitch},{yaw}\n"),
        "json gaze": ("a.json", json.dumps({"gaze": [x, y, z]})),
        "json angles": ("a.json", json.dumps({"gaze_pitchyaw": [pitch, yaw]})),
        "json look_vec": ("a.json", json.dumps({"eye_details": {"look_vec": f"({x:.4f}, {-y:.4f}, {z:.4f}, 0.0000)"}})),
    }
    if form == "npz":
        folder = tmp_path / "eyes.npz"
        np.savez(folder, image=pixels(1, 4, 6), gaze=np.array([[x, y, z]], np.float32))
    else:
        name, text = contents[form]
        (folder / name).write_text(text)
    np.testing.assert_allclose(read(folder, labelled=True).labels, [[pitch, yaw]], atol=1e-4)


def test_labels_csv_counts_alone_where_json_files_lie_beside_it(tmp_path: Path) -> None:
    save(tmp_path, "a.png")
    (tmp_path / "a.json").write_text('{"gaze_pitchyaw": [0.5, 0.5]}')
    (tmp_path / "labels.csv").write_text("file,pitch,yaw\na.png,0.1,0.2\n")
    np.testing.assert_allclose(read(tmp_path).labels, [[0.1, 0.2]], atol=1e-7)


def test_a_slice_chooses_images_together_with_their_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", image=pixels(5, 4, 6), gaze_pitchyaw=np.arange(10).reshape(5, 2) / 10, subject=[3] * 5)
    labels = [round(float(pitch), 1) for pitch in read(tmp_path / "e.npz[1:5:2]").labels[:, 0]]
    assert labels == [0.2, 0.6]
    assert len(read(tmp_path / "e.npz[-2:]")) == 2


def test_a_file_whose_name_ends_in_brackets_is_that_file(tmp_path: Path) -> None:
    save(tmp_path / "eyes[0:1]", "a.png b.png")
    assert len(read(tmp_path / "eyes[0:1]")) == 2


@needs_eyes
def test_genuine_unityeyes_files_are_read() -> None:
    domain = read(EYES / "unityeyes_sample", Fit((36, 60, 1), "crop-then-lanczos", "grey"), labelled=True)
    look = json.loads((EYES / "unityeyes_sample" / "1.json").read_text())["eye_details"]["look_vec"]
    x, y, z = (float(part) for part in look.strip("()").split(",")[:3])
    assert domain.labels is not None
    np.testing.assert_allclose(domain.labels[0], [np.arcsin(y), np.arctan2(-x, -z)], atol=2e-4)


@needs_eyes
def test_in_unityeyes_labels_the_iris_lies_where_the_gaze_points() -> None:
    """Of 300 renders: the further left the iris in the eye opening, the larger the yaw."""
    folder = EYES / "rendered_640x480"
    images = open_images(folder, "--source")
    offsets = []
    for name in images.names:
        record = json.loads((folder / name).with_suffix(".json").read_text())
        centers = [
            np.mean([float(point.strip("()").split(",")[0]) for point in record[key]])
            for key in ("iris_2d", "interior_margin_2d")
        ]
        offsets.append(centers[0] - centers[1])
    labels = images.columns().labels
    assert labels is not None
    assert np.corrcoef(offsets, labels[:, 1])[0, 1] < -0.5


@needs_eyes
@pytest.mark.parametrize("file", ["rendered.npz", "mpiigaze_p00.npz"])
def test_a_mirrored_image_needs_a_mirrored_label(tmp_path: Path, file: str) -> None:
    """The dark iris moves image-left with growing yaw; in mirrored images it does so only with yaw negated."""

    def correlation(domain: Domain) -> float:
        dark = (255.0 - domain.images[:, 0, 10:28, 15:45]) ** 6  # the middle of the eye, where the iris is darkest
        column = (dark * np.arange(30)).sum((1, 2)) / dark.sum((1, 2))
        assert domain.labels is not None
        return float(np.corrcoef(column, domain.labels[:, 1])[0, 1])

    eyes = read(Path(f"{EYES / file}[0:1000]"), Fit((36, 60, 1)), labelled=True)
    np.savez(tmp_path / "mirrored.npz", image=eyes.images[:, 0, :, ::-1], gaze_pitchyaw=eyes.labels)
    mirrored = read(tmp_path / "mirrored.npz", Fit((36, 60, 1)))
    assert correlation(eyes) < -0.35
    assert correlation(mirrored) == pytest.approx(-correlation(eyes), abs=1e-3)


def test_harmless_modes_are_converted(tmp_path: Path) -> None:
    save(tmp_path, "opaque.png", np.dstack([pixels(4, 6, 3), np.full((4, 6), 255, np.uint8)]))
    Image.fromarray(pixels(4, 6, 3)).quantize(8).save(tmp_path / "palette.png")
    assert read(tmp_path, Fit((4, 6, 3))).images.shape == (2, 3, 4, 6)


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG whose header states this, whatever its rows hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


BOMB = png(50000, 50000, 8, 0, bytes(99))
WIDE = png(50000, 2000, 8, 0, bytes(99))
SIXTEEN_BIT_COLOUR = png(6, 4, 16, 2, (b"\0" + b"\1\2" * 18) * 4)


def truncated(folder: Path) -> None:
    save(folder, "a.png", pixels(40, 60))
    (folder / "a.png").write_bytes((folder / "a.png").read_bytes()[:1000])


def with_alpha(folder: Path) -> None:
    Image.fromarray(np.dstack([pixels(4, 6), np.full((4, 6), 128, np.uint8)])).save(folder / "a.png")


def animated(folder: Path) -> None:
    frames = [Image.fromarray(pixels(4, 6)) for _ in range(2)]
    frames[0].save(folder / "a.webp", save_all=True, append_images=frames[1:])


def rotated(folder: Path, orientation: int = 6) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels(4, 6)).save(folder / "a.jpg", exif=exif)


def mixed(folder: Path) -> None:
    save(folder, "a.png b.png")
    save(folder, "c.png", pixels(5, 6))


@pytest.mark.parametrize("orientation", [0, 1, 9, 255])
def test_metadata_that_name_no_rotation_refuse_nothing(tmp_path: Path, orientation: int) -> None:
    rotated(tmp_path, orientation)
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_damaged_metadata_refuse_nothing(tmp_path: Path, name: str) -> None:
    image = pixels(4, 6)
    Image.fromarray(image).save(tmp_path / name, exif=b"Exif\0\0no metadata")
    assert len(read(tmp_path, Fit((4, 6, 1), channels="grey"))) == 1


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_rotation_is_refused(tmp_path: Path, orientation: int) -> None:
    rotated(tmp_path, orientation)
    with pytest.raises(DatasetError, match="carries an EXIF rotation"):
        read(tmp_path)


def test_a_jfif_file_is_read_as_the_jpg_that_it_is(tmp_path: Path) -> None:
    save(tmp_path, "a.jpg")
    same = read(tmp_path).images
    (tmp_path / "a.jpg").rename(tmp_path / "a.jfif")
    np.testing.assert_array_equal(read(tmp_path).images, same)


def test_inner_folders_are_read_on_request(tmp_path: Path) -> None:
    save(tmp_path, "top.png", np.full((4, 6), 9, np.uint8))
    for grey, inner in enumerate(("p2", "p10", "p2/day1", ".hidden")):
        (tmp_path / inner).mkdir()
        save(tmp_path / inner, "1.png", np.full((4, 6), grey, np.uint8))
    (tmp_path / "round").symlink_to(tmp_path)
    assert open_images(tmp_path, "--source").names == ["top.png"]
    images = open_images(tmp_path / "**", "--source")
    assert images.names == ["p2/1.png", "p2/day1/1.png", "p10/1.png", "top.png"]
    assert read(tmp_path / "**[0:3]").images[:, 0, 0, 0].tolist() == [0, 2, 1]


BAD_IMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (truncated, r"a\.png is not a readable image"),
    "text": (lambda d: (d / "a.png").write_text("hello"), r"a\.png is not a readable image"),
    "empty file": (lambda d: (d / "a.jpg").touch(), r"a\.jpg is not a readable image: it is empty \(0 bytes\)$"),
    "web page": (
        lambda d: (d / "a.png").write_text("<html>"),
        r"a\.png is not a readable image: its content is none of PNG,",
    ),
    "16 bit pgm": (lambda d: (d / "a.pgm").write_bytes(b"P5 1 1 65535\n\1\2"), "more than 8 bits per channel"),
    "16 bit ppm": (
        lambda d: (d / "a.ppm").write_bytes(b"P6 1 1 65535\n" + b"\1\2" * 3),
        "more than 8 bits per channel",
    ),
    "folder called png": (
        lambda d: (d / "a.png").mkdir(),
        r"holds no images .*its 1 subfolders are not searched \(write .*/\*\* to",
    ),
    "only an npz": (lambda d: np.savez(d / "eyes.npz", a=1), r"to read the npz file in it, give .*/eyes\.npz$"),
    "dangling link": (lambda d: (d / "a.png").symlink_to("nowhere"), r"a\.png is not a readable image"),
    "bomb": (lambda d: (d / "a.png").write_bytes(BOMB), "a.png (claims|is not a readable)"),
    "wide": (lambda d: (d / "a.png").write_bytes(WIDE), "claims 50000 x 2000 pixels"),
    "16 bit grey": (lambda d: save(d, "a.png", np.zeros((4, 6), np.uint16)), "more than 8 bits per channel"),
    "16 bit colour": (lambda d: (d / "a.png").write_bytes(SIXTEEN_BIT_COLOUR), "more than 8 bits per channel"),
    "float tiff": (lambda d: save(d, "a.tif", np.zeros((4, 6), np.float32)), "more than 8 bits per channel"),
    "alpha": (with_alpha, "is partly transparent"),
    "animated": (animated, r"a\.webp holds 2 frames"),
    "cmyk": (lambda d: Image.new("CMYK", (6, 4)).save(d / "a.jpg"), "has colour mode CMYK"),
    "rotated": (rotated, "carries an EXIF rotation"),
    "mixed sizes": (mixed, r"1 of 3 \(c\.png\) images are 5x6 .*4x6 .*required; choose a --resizer"),
    "colour": (lambda d: save(d, "a.png", pixels(4, 6, 3)), "RGB, but .* grey is required; .*--channels grey"),
}


@pytest.mark.parametrize(("make", "says"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_a_bad_image_is_refused_in_words(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    make(tmp_path)
    with pytest.raises(DatasetError, match=says) as caught:
        read(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_CSV = {
    "file,pitch,yaw\na.png,0,0\n": r"1 of 2 images have no row \(b\.png\)",
    "file,pitch,yaw\na.png,0,0\nb.png,0,0\nc.png,0,0\nd.png,0,0\n": r"2 rows name no image of the folder \(c\.png, d",
    "file,pitch,yaw\na.png,0,0\na.png,0,0\nb.png,0,0\n": r"1 images have more than one row \(a\.png\)",
    "file,pitch,yaw\na.png,0,0\nb.png,nan,0\n": r"1 gaze angles are not finite \(b\.png\)",
    "file,pitch,yaw\na.png,0,0\nb.png,-12.5,8\n": "radians, not degrees",
    "file,pitch,yaw\na.png,0,0\nb.png,x,8\n": r"labels\.csv line 3: pitch is 'x', not a number",
    "file,pitch,yaw\na.png,0,0\nb.png,0\n": r"labels\.csv line 3 must have 3 fields",
    "file,pitch,yaw\na.png,0,0\nb.png,0,0,0\n": r"labels\.csv line 3 must have 3 fields",
    "file,gaze_x,gaze_y,gaze_z\na.png,0,0,-1\nb.png,0,0,-2\n": r"1 gaze vectors are not of unit length \(b\.png\)",
    "name,pitch,yaw\na.png,0,0\n": "the columns must be file,pitch,yaw",
    "": "the columns must be .*not nothing",
    "file,pitch,yaw,gaze_x,gaze_y,gaze_z\na.png,0,0,0,0,-1\nb.png,0,0.1,0,0,-1\n": "disagree .*by up to 5.7 degrees",
    "file,pitch,yaw,person\na.png,0,0,1\nb.png,0,0,\n": r"1 of 2 images have no person \(b\.png\)",
    'file,pitch,yaw\n"a.png,0,0\n': "is not a readable csv file",
    "file,pitch,yaw,pupil_x,pupil_y\na.png,0,0,1,inf\nb.png,0,0,1,1\n": r"1 pupil centres are not finite \(a\.png\)",
}


@pytest.mark.parametrize(("text", "says"), BAD_CSV.items())
def test_a_bad_csv_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    save(tmp_path, "a.png b.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DatasetError, match=says):
        read(tmp_path)


BAD_JSON = {
    "{": "is not a readable json file",
    "[" * 100_000: "is not a readable json file",
    "[]": "must hold a json object",
    "{}": "has none of the keys gaze, gaze_pitchyaw, eye_details.look_vec",
    '{"gaze": [0, 1]}': "gaze must be a list of 3 numbers",
    '{"gaze": "0 0 1"}': "gaze must be a list of 3 numbers",
    '{"gaze": [NaN, 0, 1]}': "1 gaze vectors are not finite",
    '{"gaze": [0, 0, 1.01]}': r"1 gaze vectors are not of unit length \(a\.png\)",
    '{"gaze_pitchyaw": [1e999, 0]}': "1 gaze angles are not finite",
    '{"eye_details": {"look_vec": "(1, 2)"}}': "look_vec must be",
    '{"eye_details": {"look_vec": "(a, b, c, 0)"}}': "look_vec must be",
    '{"gaze": [0, 0, 1], "person": {}}': "must be a number or a name",
}


@pytest.mark.parametrize(("text", "says"), BAD_JSON.items())
def test_a_bad_json_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    save(tmp_path, "a.png")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DatasetError, match=says):
        read(tmp_path)


def test_images_without_their_json_are_named(tmp_path: Path) -> None:
    save(tmp_path, "a.png b.png c.png d.png e.png")
    (tmp_path / "b.json").write_text('{"gaze_pitchyaw": [0, 0]}')
    with pytest.raises(DatasetError, match=r"4 of 5 images have no json file .*\(a.png, c.png, d.png and 1 more\)"):
        read(tmp_path)


EYE = np.zeros((2, 4, 6), np.uint8)
BAD_NPZ: list[tuple[dict[str, np.ndarray], str]] = [
    ({"picture": EYE}, "has no array 'image', only picture"),
    ({"image": EYE.astype(np.float32)}, r"image must be uint8 .*not float32 \[2, 4, 6\]"),
    ({"image": EYE.reshape(2, 1, 4, 6)}, "with 1 or 3 channels"),
    ({"image": EYE[:0]}, "there are no images"),
    ({"image": EYE, "gaze": np.zeros((3, 3))}, r"2 images, but gaze is \[3, 3\]"),
    ({"image": EYE, "gaze": np.zeros((2, 2))}, r"gaze must be numbers \[N, 3\]"),
    ({"image": EYE, "gaze": np.array([{}, {}], object)}, "'gaze' holds Python objects"),
    ({"image": EYE, "gaze": np.ones((2, 3))}, r"2 gaze vectors are not of unit length \(row 0, row 1\)"),
    ({"image": EYE, "gaze_pitchyaw": np.full((2, 2), np.nan)}, "2 gaze angles are not finite"),
    ({"image": EYE, "pupil_center": np.zeros(2)}, r"pupil_center must be numbers \[N, 2\]"),
    ({"image": EYE}, "source .* must be labelled"),
]


@pytest.mark.parametrize(("arrays", "says"), BAD_NPZ)
def test_a_bad_npz_is_refused_in_words(tmp_path: Path, arrays: dict[str, np.ndarray], says: str) -> None:
    np.savez(tmp_path / "e.npz", **arrays)
    with pytest.raises(DatasetError, match=says):
        read(tmp_path / "e.npz", labelled=True)


def test_gaze_and_angles_that_disagree_are_refused_and_those_that_agree_are_not(tmp_path: Path) -> None:
    angles, forward = np.array([[0, 0.001]]), np.array([[0.0, 0, -1]])  # 0.06 degrees apart
    np.savez(tmp_path / "e.npz", image=EYE[:1], gaze=forward, gaze_pitchyaw=angles)
    assert read(tmp_path / "e.npz").labels is not None
    np.savez(tmp_path / "e.npz", image=EYE[:1], gaze=forward, gaze_pitchyaw=angles * 10)
    with pytest.raises(DatasetError, match="disagree"):
        read(tmp_path / "e.npz")


@pytest.mark.parametrize("keep", [0, 10, 200, -1])
def test_a_damaged_npz_is_refused_in_words(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "e.npz"
    np.savez(file, image=pixels(20, 4, 6))
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=r"e\.npz is not a readable npz file"):
        read(file)


def test_an_npz_that_outgrows_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "e.npz", image=EYE)
    monkeypatch.setattr(guard.os, "sysconf", lambda name: 6)  # a machine of 36 bytes
    with pytest.raises(DatasetError, match="GiB of memory"):
        read(tmp_path / "e.npz")


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        ("[0:6]", DatasetError, r"e\.npz\[0:6\]: there are only 5 images"),
        ("[3:3]", DatasetError, "selects none of the 5 images"),
        ("[-9:]", DatasetError, "there are only 5 images"),
        ("[x]", ConfigError, r"Python slice such as \[0:1000\]"),
        ("[3]", ConfigError, "Python slice"),
        ("[-:2]", ConfigError, "Python slice"),
        ("[::0]", ConfigError, "step of a slice cannot be 0"),
    ],
)
def test_a_bad_slice_is_refused_in_words(tmp_path: Path, rows: str, error: type[Exception], says: str) -> None:
    np.savez(tmp_path / "e.npz", image=pixels(5, 4, 6))
    with pytest.raises(error, match=says):
        read(tmp_path / f"e.npz{rows}")


def test_missing_and_foreign_files_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "e.txt").touch()
    for path, says in {
        tmp_path / "nowhere": "--source .*nowhere does not exist",
        tmp_path / "e.txt": "must be a folder of images, an .npz file or a prepared store",
        tmp_path: "holds no images",
    }.items():
        with pytest.raises(DatasetError, match=says):
            read(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    with pytest.raises(DatasetError, match="permission denied"):
        read(tmp_path / "locked")


def test_evenly_spaced_rows_are_a_slice_and_others_stay_as_they_are():
    rows = np.arange(10)
    for chosen in (slice(2, 7), slice(1, None, 3), slice(4, 5)):
        found = as_slice(rows[chosen])
        assert isinstance(found, slice)
        assert list(rows[found]) == list(rows[chosen])
    for kept in (np.array([0, 1, 3]), np.array([3, 2, 1]), np.array([2, 2])):
        assert as_slice(kept) is kept
