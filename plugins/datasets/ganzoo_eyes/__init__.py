"""Dataset `eyes`: eyes rendered from a parametric 3-D model, in the styles of a simulator and of a webcam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import DatasetError
from ganzoo.files.gaze_range import restrict_gaze
from ganzoo.settings import Settings
from ganzoo.task import GazeTask
from ganzoo_eyes.cache import RENDERER_VERSION, columns
from ganzoo_eyes.rendering_styles import SOURCE_GAZE, TARGET_GAZE
from ganzoo_eyes.split import COLUMNS, Split

ganzoo_contract = 2

_FIRST_TARGET_PERSON = 10_000  # person ids of the source are below, so that no id is used twice
_EXTRA = tuple(name for name in COLUMNS if name != "gaze")


class EyesConfig(Settings):
    """How many eyes, of what size, and from which gaze range."""

    source_size: int = Field(12_000, ge=1, le=10_000_000, description="Number of source training images.")
    source_test_size: int = Field(2_048, ge=1, le=10_000_000, description="Number of held-out source images.")
    target_size: int = Field(10_000, ge=1, le=10_000_000, description="Number of target training images.")
    target_test_size: int = Field(2_048, ge=1, le=10_000_000, description="Number of target test images.")
    height: int = Field(35, ge=16, le=512, description="Height of an image in pixels.")
    width: int = Field(55, ge=24, le=512, description="Width of an image in pixels; the camera's field stays the same.")
    channels: Literal[1, 3] = Field(1, description="1 for grey images, 3 for colour.")
    data_seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Seed of people and pictures, separate from the training seed."
    )
    source_people: int = Field(40, ge=1, le=_FIRST_TARGET_PERSON, description="Number of faces of the simulator.")
    target_people: int = Field(200, ge=1, le=100_000, description="Number of people in the target's training images.")
    target_test_people: int = Field(
        40, ge=1, le=100_000, description="Number of other people in the target's test set."
    )
    source_gaze: Literal["matched", "wide"] = Field(
        "matched",
        description="Gaze range of the source: matched is close to the target's stated range, wide is much wider.",
    )
    source_range: tuple[float, float, float, float] | None = Field(
        None,
        description="Keep only source and source-test images whose gaze lies in PITCH_MIN,PITCH_MAX,YAW_MIN,YAW_MAX "
        "(degrees).",
    )
    equalize_source: bool = Field(True, description="Equalise the source's histograms too, as the target's always are.")
    render_device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Device that renders images; a GPU's may differ from the CPU's by rounding."
    )


class Eyes(Dataset):
    """See docs/eyes.md for the model, every nuisance of the target and the origin of its size."""

    name: ClassVar[str] = "eyes"
    summary: ClassVar[str] = "Procedural eyes with exact gaze labels: clean simulator images, and webcam-like ones."
    homepage: ClassVar[str] = "docs/eyes.md"
    license: ClassVar[str] = "Apache-2.0 (generated)"
    Config: ClassVar[type[Settings]] = EyesConfig

    config: EyesConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    def source(self) -> Domain:
        return self._in_range(self._domain(self._split("source"), self.config.source_size))

    def source_test(self) -> Domain:
        """Held-out source images, each with its `twin`: the same eye in the style of the target, which only metrics
        read."""
        split, size = self._split("source_test"), self.config.source_test_size
        domain = self._domain(split, size)
        twins = columns(replace(split, look="twin", equalize=True), size, self.config.render_device)["images"]
        return self._in_range(replace(domain, extra={**domain.extra, "twin": twins}))

    def target(self) -> Domain:
        return self._domain(self._split("target"), self.config.target_size)

    def target_test(self) -> Domain:
        return self._domain(self._split("target_test"), self.config.target_test_size)

    def spec(self) -> DataSpec:
        """Known without rendering, which takes minutes the first time."""
        c = self.config
        one_side = {
            "": Column((c.channels, c.height, c.width)),
            "_label": Column((self.task.label_size,), "vector"),
            "_group": Column((1,), "vector"),
            **{f"_{name}": Column(COLUMNS[name], "vector") for name in _EXTRA},
        }
        columns = {side + name: column for side in ("source", "target") for name, column in one_side.items()}
        return DataSpec(columns, self.task)

    def card(self) -> Mapping[str, Any]:
        """Gaze ranges in degrees (pitch from, to, yaw from, to), people, and the version of the renderer."""
        c = self.config
        return {
            "renderer_version": RENDERER_VERSION,
            "source_gaze_range_deg": SOURCE_GAZE[c.source_gaze],
            "source_range_deg": c.source_range,
            "target_gaze_range_deg": TARGET_GAZE,
            "source_people": c.source_people,
            "target_people": c.target_people,
            "target_test_people": c.target_test_people,
            "data_seed": c.data_seed,
            "equalized": ["source", "target"] if c.equalize_source else ["target"],
            "label": {"source": "optical axis", "target": "visual axis"},
        }

    def _split(self, name: str) -> Split:
        c = self.config
        look: Literal["source", "target"] = "source" if name.startswith("source") else "target"
        first, people = {
            "target": (_FIRST_TARGET_PERSON, c.target_people),
            "target_test": (_FIRST_TARGET_PERSON + c.target_people, c.target_test_people),
        }.get(name, (0, c.source_people))
        return Split(
            name=name,
            look=look,
            gaze=c.source_gaze if look == "source" else "matched",
            seed=c.data_seed,
            first_person=first,
            people=people,
            height=c.height,
            width=c.width,
            channels=c.channels,
            equalize=look == "target" or c.equalize_source,
        )

    def _in_range(self, source: Domain) -> Domain:
        wanted = self.config.source_range
        return source if wanted is None else restrict_gaze(source, wanted)

    def _domain(self, split: Split, size: int) -> Domain:
        device = self.config.render_device
        if device == "cuda" and not torch.cuda.is_available():
            raise DatasetError("dataset eyes: render_device is cuda, but torch finds no GPU here; use cpu")
        made = columns(split, size, device)
        extra = {name: made[name] for name in _EXTRA}
        return Domain(split.name, made["images"], labels=made["gaze"], groups=made["person"], extra=extra)


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    """The dataset `eyes`."""
    return [Eyes]
