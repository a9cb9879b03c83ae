"""One split of the dataset as a function from row numbers to pictures and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ganzoo_eyes.counter import Draws
from ganzoo_eyes.geometry import LANDMARKS, labels
from ganzoo_eyes.photograph import develop, equalized, photograph, rounded
from ganzoo_eyes.render import render
from ganzoo_eyes.rendering_styles import source_scene, target_scene, twin_scene
from ganzoo_eyes.scene import Scene

COLUMNS = {
    "gaze": (2,),
    "head_pose": (2,),
    "pupil_center": (2,),
    "iris_center": (2,),
    "lid_landmarks": (LANDMARKS, 2),
}


@dataclass(frozen=True)
class Split:
    """All that a split's pictures depend on, besides the row number."""

    name: str  # keeps the splits' random numbers apart
    look: Literal["source", "target", "twin"]  # twin: what the source shows, in the style of the target
    gaze: Literal["matched", "wide"]  # of the source and its twins; the target's is fixed
    seed: int
    first_person: int
    people: int
    height: int
    width: int
    channels: int
    equalize: bool

    def scene(self, index: Tensor) -> Scene:
        """What rows `index` (int64 [N]) show."""
        if self.look == "source":
            return source_scene(self.seed, self.name, index, self.people, self.gaze)
        if self.look == "twin":
            return twin_scene(self.seed, self.name, index, self.people, self.gaze)
        return target_scene(self.seed, self.name, index, self.first_person, self.people)

    def person(self, index: Tensor) -> Tensor:
        """Person ids, int64 [N]: rows go round the people, so that each has as many as any other."""
        return self.first_person + index % self.people

    def draw(self, index: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images uint8 [N, C, H, W] and the label columns of rows `index`, on its device."""
        scene = self.scene(index)
        light = render(scene, self.height, self.width, self.channels)
        if scene.photography is None:
            levels = develop(light)
        else:
            levels = photograph(light, scene.photography, Draws(self.seed, self.name, index))
        images = equalized(levels) if self.equalize else rounded(levels)
        return images, labels(scene, self.height, self.width)
