"""One image file: strict decoding to uint8, and encoding in the format of its name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ganzoo.errors import DatasetError
from ganzoo.files.guard import check_plain, reading

Shape = tuple[int, int, int]  # height, width, channels

FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".bmp": "BMP", ".webp": "WEBP", ".tif": "TIFF",
    ".tiff": "TIFF", ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},  # as little loss as the format reasonably allows
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_deflate"},
}
_CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3}
_MAX_PIXELS = 2**26  # 8192 x 8192; a file that claims more is treated as a decompression bomb
_ORIENTATION = 0x0112  # the EXIF tag
_TURNED = range(2, 9)  # its values that rotate or mirror the image; 1 is upright, and others are undefined


def image_shape(file: Path) -> Shape:
    """The shape that an image's header states. Raises DatasetError if `read_image` would reject the header."""
    with _opened(file, file) as image:
        return image.height, image.width, _CHANNELS[image.mode]


def read_image(file: Path, data: bytes | None = None) -> np.ndarray:
    """An image as uint8 [H, W, C] with C 1 (grey) or 3 (RGB); `data` is its content, if that is already read.

    One-bit images become grey, palettes RGB, and an alpha channel that is opaque everywhere is dropped. Raises
    DatasetError for what cannot be converted unambiguously: transparency, more than 8 bits, several
    frames, other colour spaces, an EXIF rotation; and for what cannot be decoded.
    """
    with _opened(file, file if data is None else io.BytesIO(data)) as image:
        with reading(file, "image"):
            image.load()
            plain = _opaque(image, file).convert("L" if _CHANNELS[image.mode] == 1 else "RGB")
            pixels = np.asarray(plain)
        return pixels.reshape(image.height, image.width, _CHANNELS[image.mode])


def encode_image(pixels: np.ndarray, name: str) -> bytes:
    """uint8 [H, W, C] in the format of the file name `name`: lossless, except for jpg (quality 95, no subsampling)."""
    kind = FORMATS[Path(name).suffix.lower()]
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, kind, **_OPTIONS.get(kind, {}))
    return buffer.getvalue()


@contextmanager
def _opened(file: Path, content: Path | io.BytesIO) -> Iterator[Image.Image]:
    """A file whose header has been checked; nothing is decoded yet."""
    if content is file:
        check_plain(file)
    with reading(file, "image"):
        kinds = tuple(dict.fromkeys(FORMATS.values()))
        try:
            image = Image.open(content, formats=kinds)
        except UnidentifiedImageError:  # whose message names an object in memory
            raise ValueError(f"its content is none of {', '.join(kinds)}") from None
    with image:
        with reading(file, "image"):
            problem = _problem(image)
        if problem:
            raise DatasetError(f"{file} {problem}")
        yield image


def _problem(image: Image.Image) -> str | None:
    """Why an image's header makes it unusable, in words; None if it does not."""
    if image.width * image.height > _MAX_PIXELS:
        return f"claims {image.width} x {image.height} pixels; more than {_MAX_PIXELS:,} are not accepted"
    # Pillow silently reduces 16-bit colour to 8 bits; only the raw mode, or PPM's maximum, of undecoded data shows it.
    arguments = [part for tile in getattr(image, "tile", ()) for part in _parts(tile[3])]
    deep = any(";16" in part if isinstance(part, str) else image.format == "PPM" and part > 255 for part in arguments)
    if image.mode.startswith(("I", "F")) or deep:
        return "has more than 8 bits per channel; convert it to 8 bits first, with a scaling of your choice"
    if image.mode not in _CHANNELS:
        return f"has colour mode {image.mode}; convert it to grey or RGB first"
    if getattr(image, "n_frames", 1) > 1:
        return f"holds {getattr(image, 'n_frames', 1)} frames; save the required one as a separate image"
    if _orientation(image) in _TURNED:
        return "carries an EXIF rotation; rotate its pixels first, so that they agree with the labels"
    return None


def _opaque(image: Image.Image, file: Path) -> Image.Image:
    if image.mode.endswith("A") or "transparency" in image.info:
        image = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
        if image.getextrema()[-1][0] < 255:  # type: ignore[index]  # one (low, high) per channel, alpha last
            raise DatasetError(f"{file} is partly transparent; put it on a background first")
    return image


def _orientation(image: Image.Image) -> object:
    """The orientation in the metadata; None if they are damaged."""
    if image.format == "PNG":
        image.load()  # its metadata may follow the pixels; errors in the pixels must not be hidden
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # Pillow raises nearly anything on damaged metadata
        return None


def _parts(arguments: object) -> list[str | int]:
    """The texts and numbers among a decoder's arguments."""
    found = arguments if isinstance(arguments, tuple) else (arguments,)
    return [part for part in found if isinstance(part, str | int)]
