"""Converts images to one size and one number of channels, by a named rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.guard import some
from ganzoo.files.image_file import Shape

Resizer = Literal["none", "pillow-lanczos", "pillow-bilinear", "center-crop", "crop-then-lanczos"]
Channels = Literal["as-is", "grey", "rgb"]
UNCHANGED = "none"  # how a note begins that says that nothing was done

_FILTERS = {
    "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "crop-then-lanczos": Image.Resampling.LANCZOS,
}
Box = tuple[float, float, float, float]  # left, top, right, bottom in px; (0, 0) is the image's top left corner


@dataclass(frozen=True)
class Fit:
    """The shape that images must have, and the rule that converts them to it.

    `pillow-lanczos` and `pillow-bilinear` resample the whole image (antialiased), regardless of its aspect ratio.
    `center-crop` crops the centre and never resamples. `crop-then-lanczos` crops the largest central part with the
    required aspect ratio and resamples it. `channels` other than `as-is` converts: grey is ITU-R 601
    luma, and a grey image becomes RGB by three equal channels. Labels are never changed, only pixel positions are.
    """

    shape: Shape
    resizer: Resizer = "none"
    channels: Channels = "as-is"

    def check(self, shapes: Sequence[Shape], names: Sequence[str], what: str) -> None:
        """Raise DatasetError, naming both shapes and the option, if images of `shapes` cannot be converted."""
        refused = {shape: parts for shape in dict.fromkeys(shapes) if (parts := self._refusal(shape))}
        if not refused:
            return
        odd = [name for name, shape in zip(names, shapes, strict=True) if shape in refused]
        share = "all" if len(odd) == len(shapes) else f"{len(odd):,} of {len(shapes):,} ({some(odd)})"
        advice = "; ".join(dict.fromkeys(part for all_parts in refused.values() for part in all_parts))
        found = some([words(shape) for shape in refused])
        raise DatasetError(f"{what}: {share} images are {found}, but {words(self.shape)} is required; {advice}")

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W, C] as uint8 of `shape`. Its shape must have passed `check`."""
        height, width, channels = self.shape
        if image.shape[2] != channels:
            image = _grey(image) if channels == 1 else np.repeat(image, 3, axis=2)
        if image.shape[:2] == (height, width):
            return image
        left, top, right, bottom = self.box((image.shape[0], image.shape[1], channels))
        if self.resizer == "center-crop":
            return image[int(top) : int(bottom), int(left) : int(right)]
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        resized = picture.resize((width, height), _FILTERS[self.resizer], box=(left, top, right, bottom))
        return np.asarray(resized).reshape(self.shape)

    def points(self, points: np.ndarray, shapes: Sequence[Shape]) -> np.ndarray:
        """Positions x, y in px [N, 2] of images of `shapes`, after the images have been fitted.

        (0, 0) is the centre of the top left pixel.
        """
        height, width, _ = self.shape
        boxes = np.array([self.box(shape) for shape in shapes]).reshape(-1, 4)
        corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
        return ((points + 0.5 - corner) * np.array([width, height]) / size - 0.5).astype(np.float32)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """What each pixel shows, integers [H, W], of an image that is fitted: the nearest pixel's, uint8 [H, W]."""
        height, width, _ = self.shape
        tall, wide = mask.shape
        left, top, right, bottom = self.box((tall, wide, 1))
        rows = (top + (np.arange(height) + 0.5) * (bottom - top) / height).astype(int).clip(0, tall - 1)
        columns = (left + (np.arange(width) + 0.5) * (right - left) / width).astype(int).clip(0, wide - 1)
        return mask[rows][:, columns].astype(np.uint8)

    def box(self, shape: Shape) -> Box:
        """The part of an image of `shape` that is kept."""
        (height, width, _), (tall, wide, _) = self.shape, shape
        if self.resizer == "center-crop":
            part_height, part_width = float(height), float(width)
        elif self.resizer == "crop-then-lanczos":
            scale = min(tall / height, wide / width)
            part_height, part_width = height * scale, width * scale
        else:
            return 0.0, 0.0, float(wide), float(tall)
        left, top = (wide - part_width) / 2, (tall - part_height) / 2
        if self.resizer == "center-crop":
            left, top = float(left // 1), float(top // 1)
        return left, top, left + part_width, top + part_height

    def note(self, shapes: Sequence[Shape]) -> str:
        """What the fit does to images of `shapes`, in words, for cards and manifests."""
        changed = [words(shape) for shape in dict.fromkeys(shapes) if shape != self.shape]
        if not changed:
            return f"{UNCHANGED}: all images are {words(self.shape)}"
        return f"{some(changed)} -> {words(self.shape)} (resizer {self.resizer}, channels {self.channels})"

    def _refusal(self, shape: Shape) -> list[str]:
        """How to make an image of `shape` fit; empty if it fits."""
        (height, width, channels), (tall, wide, found) = self.shape, shape
        advice = []
        if found != channels and self.channels == "as-is":
            advice.append("choose --channels grey or --channels rgb")
        if (tall, wide) != (height, width) and self.resizer == "none":
            advice.append(f"choose a --resizer: {', '.join(sorted({*_FILTERS, 'center-crop'}))}")
        if self.resizer == "center-crop" and (tall < height or wide < width):
            advice.append("--resizer center-crop needs larger images; --resizer crop-then-lanczos also enlarges")
        return advice


def common_shape(
    shapes: Sequence[Shape], what: str, *, height: int, width: int, resizer: Resizer, channels: Channels
) -> Shape:
    """The common shape: the given sizes (0: not given) and channels, else the most frequent ones in `shapes`.

    Raises ConfigError if images to be resized have several sizes and none is given.
    """
    (usual, _), *others = Counter(shapes).most_common()
    if resizer != "none" and not (height and width) and any(shape[:2] != usual[:2] for shape, _ in others):
        sizes = list(dict.fromkeys(f"{tall}x{wide}" for tall, wide, _ in shapes))
        raise ConfigError(f"{what}: images have several sizes ({some(sizes)}); give --image-height and --image-width")
    wanted = {"as-is": usual[2], "grey": 1, "rgb": 3}[channels]
    return height or usual[0], width or usual[1], wanted


def words(shape: Shape) -> str:
    height, width, channels = shape
    return f"{height}x{width} (height x width) {'grey' if channels == 1 else 'RGB'}"


def _grey(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).convert("L"))[..., None]
