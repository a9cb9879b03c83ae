"""`images`: one set of a user's images, for methods that learn a single domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import ConfigError
from ganzoo.files.collection import Images as Files
from ganzoo.files.collection import StoreImages, open_images, read_domain, read_images
from ganzoo.files.fit import Channels, Fit, Resizer, common_shape
from ganzoo.files.location import Location
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask, NoTask, Task

ganzoo_contract = 2


class ImagesConfig(Settings):
    source: Path | None = Field(
        None,
        description="The images (needed): a folder (FOLDER/** with the folders inside it), an .npz or a prepared "
        "store; a slice such as eyes.npz[0:1000] chooses rows.",
    )
    test: Path | None = Field(None, description="Held-out images of the same kind, which metrics alone read.")
    image_height: int = Field(0, ge=0, le=8192, description="Height in pixels of all images; 0: as they are.")
    image_width: int = Field(0, ge=0, le=8192, description="Width in pixels of all images; 0: as they are.")
    channels: Channels = Field("as-is", description="Convert all images to grey or rgb; as-is: they must agree.")
    resizer: Resizer = Field("none", description="How images of other sizes are brought to one; none: they must agree.")


class Images(Dataset):
    """The set is the target. If it is labelled, it is the source as well: its owner gave the labels to be learned from,
    so a generator for labels reads them there and is no oracle."""

    name = "images"
    summary = "One set of your own images, labelled or not: for methods that learn a single domain."
    homepage = ""
    license = "that of your images"
    Config = ImagesConfig

    def __init__(self, config: ImagesConfig) -> None:
        super().__init__(config)
        self._opened: dict[str, tuple[Location, Files]] = {}

    @property
    def task(self) -> Task:
        if self._images.labels is None:
            return NoTask()
        files = self._open("source")[1]
        return files.store.spec.task if isinstance(files, StoreImages) else GazeTask()

    def source(self) -> Domain | None:
        return None if self._images.labels is None else replace(self._images, name="source")

    def source_test(self) -> Domain | None:
        return None if self._test is None or self._test.labels is None else replace(self._test, name="source-test")

    def target(self) -> Domain:
        return self._images

    def target_test(self) -> Domain | None:
        return self._test

    def card(self) -> Mapping[str, Any]:
        """Where the images are, how many, and whether they are labelled."""
        card: dict[str, Any] = {"task": self.task.name, "source": self._facts("source", self._images)}
        if self._test is not None:
            card["test"] = self._facts("test", self._test)
        return card

    @cached_property
    def _images(self) -> Domain:
        return self._read("source")

    @cached_property
    def _test(self) -> Domain | None:
        return None if self.config.test is None else self._read("test")

    def _read(self, option: str) -> Domain:
        location, files = self._open(option)
        name = "target" if option == "source" else "target-test"
        if isinstance(files, StoreImages) and isinstance(files.store.spec.task, ClassTask):
            labels = files.store.labels()
            rows = location.select(len(files.names))
            domain = read_images(name, files, location, self._fit)
            return domain if labels is None else replace(domain, labels=labels[rows])
        return read_domain(name, files, location, self._fit, labelled=False)

    @cached_property
    def _fit(self) -> Fit:
        location, files = self._open("source")
        config = self.config
        shape = common_shape(
            [files.shapes[row] for row in location.select(len(files.names))],
            f"--source {location}",
            height=config.image_height,
            width=config.image_width,
            resizer=config.resizer,
            channels=config.channels,
        )
        return Fit(shape, config.resizer, config.channels)

    def _open(self, option: str) -> tuple[Location, Files]:
        if option not in self._opened:
            path: Path | None = getattr(self.config, option)
            if path is None:
                raise ConfigError("dataset images needs --source: a folder of images, an .npz or a prepared store")
            location = Location.parse(path)
            self._opened[option] = location, open_images(location.path, f"--{option}")
        return self._opened[option]

    def _facts(self, option: str, domain: Domain) -> dict[str, Any]:
        location, files = self._open(option)
        shapes = [files.shapes[row] for row in location.select(len(files.names))]
        labelled = domain.labels is not None
        return {"path": str(location), "images": len(domain), "labelled": labelled, "fitted": self._fit.note(shapes)}


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [Images]
