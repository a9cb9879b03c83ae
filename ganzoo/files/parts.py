"""Parts of a dataset that a user names by options such as --source: opened once, and converted to one shape."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError
from ganzoo.files.chosen_label import ChosenLabel, Kind
from ganzoo.files.collection import ImageCollection, open_images, read_domain, read_images
from ganzoo.files.fit import Channels, Fit, Resizer, common_shape
from ganzoo.files.image_file import Shape
from ganzoo.files.location import Location
from ganzoo.settings import Settings

WHERE = (
    "a folder of images (FOLDER/** includes subfolders), an .npz or a prepared store; a slice such as "
    "eyes.npz[0:1000] or [::2] selects rows"
)
_BROUGHT = "of all images; 0: that of the target (in `images`: of --source)."


class PartsConfig(Settings):
    """The common shape of all images. A subclass adds a path for each part, with the part's name."""

    image_height: int = Field(0, ge=0, le=8192, description=f"Height in pixels {_BROUGHT}")
    image_width: int = Field(0, ge=0, le=8192, description=f"Width in pixels {_BROUGHT}")
    channels: Channels = Field("as-is", description="Convert all images to grey or rgb; as-is: they must agree.")
    resizer: Resizer = Field(
        "none", description="How images are resized or cropped to one size; none: they must agree."
    )
    label: str | None = Field(
        None,
        description="Labels to read instead of gaze, such as iris_center: an array of an npz, a column of labels.csv "
        "(or NAME_x and NAME_y), a key of json files or a column of a store.",
    )
    label_kind: Kind | None = Field(
        None,
        description="What --label means: number (default), position (x, y in pixels, which moves with the pixels of a "
        "resized image) or class (integers from 0).",
    )
    label_unit: str | None = Field(None, description="Unit of --label for --label-kind number, such as mm.")


class Parts:
    """The parts of the dataset `dataset`; those of the part `leading` determine the shape if none is given.

    Raises ConfigError for a required part that is not given, and DatasetError for files that cannot be used.
    """

    def __init__(self, dataset: str, config: PartsConfig, leading: str) -> None:
        self.dataset, self.config, self.leading = dataset, config, leading
        if config.label is None and (config.label_kind or config.label_unit):
            raise ConfigError(f"dataset {dataset}: --label-kind and --label-unit say what --label means; give it too")
        if config.label_unit and config.label_kind not in (None, "number"):
            raise ConfigError(f"dataset {dataset}: --label-unit is for --label-kind number; leave it out")
        self.chosen = (
            None if config.label is None
            else ChosenLabel(config.label, config.label_kind or "number", config.label_unit or "")
        )  # fmt: skip
        self._opened: dict[str, tuple[Location, ImageCollection]] = {}

    def open(self, part: str) -> tuple[Location, ImageCollection]:
        """Where a part is, and what is there. Nothing is decoded."""
        if part not in self._opened:
            flag = "--" + part.replace("_", "-")
            path: Path | None = getattr(self.config, part)
            if path is None:
                raise ConfigError(f"dataset {self.dataset} needs {flag}: {WHERE}")
            location = Location.parse(path)
            self._opened[part] = location, open_images(location.path, flag)
        return self._opened[part]

    def shapes(self, part: str) -> Sequence[Shape]:
        """Of the chosen images, as they are on disk."""
        location, images = self.open(part)
        return [images.shapes[row] for row in location.select(len(images.names))]

    @cached_property
    def fit(self) -> Fit:
        """The common shape, and the rule that converts images to it."""
        config = self.config
        shape = common_shape(
            self.shapes(self.leading),
            f"--{self.leading.replace('_', '-')} {self.open(self.leading)[0]}",
            height=config.image_height,
            width=config.image_width,
            resizer=config.resizer,
            channels=config.channels,
        )
        return Fit(shape, config.resizer, config.channels)

    def read(self, part: str, name: str, *, labelled: bool) -> Domain:
        """The part as the domain `name`, with its labels, gaze or `--label`, if it has any: `labelled` requires it."""
        location, images = self.open(part)
        return read_domain(name, images, location, self.fit, labelled=labelled, chosen=self.chosen)

    def read_images(self, part: str, name: str) -> Domain:
        """The part as the domain `name`, without looking for labels."""
        location, images = self.open(part)
        return read_images(name, images, location, self.fit)

    def facts(self, part: str, domain: Domain) -> dict[str, Any]:
        """For the dataset's card: where the part is, how many images it has, and what was done to their shape."""
        return {
            "path": str(self.open(part)[0]),
            "images": len(domain),
            "fitted": self.fit.note(self.shapes(part)),
        }

    def shared_rows(self, one: str, other: str) -> int:
        """How many images of the same file or row are in both parts."""
        chosen = []
        for location, images in (self.open(one), self.open(other)):
            where = images.path.resolve()
            chosen.append({where / images.names[row] for row in location.select(len(images.names))})
        return len(chosen[0] & chosen[1])
