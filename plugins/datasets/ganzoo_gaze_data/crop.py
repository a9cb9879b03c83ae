"""Eye-centred crops by landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from ganzoo.errors import DatasetError
from ganzoo.settings import Settings

LEAST = 8.0  # px between the eye corners: smaller eyes show no gaze


class CropConfig(Settings):
    height: int = Field(35, ge=8, le=2048, description="Height of the stored images in px.")
    width: int = Field(55, ge=8, le=2048, description="Width of the stored images in px.")
    crop_width: float = Field(1.1, gt=0.2, le=5, description="Width of the crop, in distances of the eye corners.")
    equalize: bool = Field(
        False, description="Equalise each image's histogram, as MPIIGaze's normalised images have it."
    )


@dataclass(frozen=True)
class Crop:
    """A part of an image: `left`, `top` and sizes in px; (0, 0) is the image's top left corner."""

    left: float
    top: float
    across: float
    down: float

    @classmethod
    def of(cls, corners: np.ndarray, config: CropConfig) -> Crop:
        """Centred on the middle of two eye corners [2, 2]. Raises DatasetError if they are not valid."""
        apart = float(np.linalg.norm(corners[1] - corners[0]))
        if not apart >= LEAST:  # also if it is not a number
            raise DatasetError(f"its eye corners are less than {LEAST:g} px apart")
        across = config.crop_width * apart
        down = across * config.height / config.width
        x, y = corners.mean(0)
        return cls(float(x - across / 2), float(y - down / 2), across, down)

    def image(self, pixels: np.ndarray, config: CropConfig) -> np.ndarray:
        """uint8 [H, W, C] as grey uint8 [1, height, width]. Raises DatasetError if the crop leaves the image."""
        tall, wide = pixels.shape[:2]
        right, bottom = self.left + self.across, self.top + self.down
        if self.left < 0 or self.top < 0 or right > wide or bottom > tall:
            raise DatasetError("the crop around its eye reaches beyond the image")
        # only the required part becomes grey; a margin is for the filter at the crop's edge
        reach = int(np.ceil(3 * max(1.0, self.across / config.width, self.down / config.height))) + 1
        x, y = max(0, int(self.left) - reach), max(0, int(self.top) - reach)
        part = pixels[y : int(bottom) + reach + 1, x : int(right) + reach + 1]
        picture = Image.fromarray(part[..., 0] if part.shape[2] == 1 else part).convert("L")
        box = (self.left - x, self.top - y, right - x, bottom - y)
        made = picture.resize((config.width, config.height), Image.Resampling.LANCZOS, box=box)
        return np.asarray(ImageOps.equalize(made) if config.equalize else made)[None]

    def points(self, points: np.ndarray, config: CropConfig) -> np.ndarray:
        """Positions [N, 2] in the image as px of the stored image, where (0, 0) is the top left pixel's centre."""
        scale = np.array([config.width / self.across, config.height / self.down])
        return ((points - [self.left, self.top]) * scale - 0.5).astype(np.float32)


def steps(config: CropConfig) -> dict[str, str]:
    """The description of a crop, for recipes."""
    return {
        "crop width": f"{config.crop_width:g} times the distance of the eye corners",
        "crop height": "so that pixels stay square",
        "resize": f"to {config.height} x {config.width} (height x width), Pillow's Lanczos, antialiased",
        "grey": "ITU-R 601 luma",
        "equalized": "Pillow's ImageOps.equalize, after the resize" if config.equalize else "no",
    }
