"""`iris-shift`: does the iris stay where its mask says, when an image is refined?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.capabilities import Refines
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import DomainName, Evaluation, Metric, Score, mean_interval
from ganzoo.settings import Settings

ganzoo_contract = 2
CHUNK = 128


class IrisShiftConfig(Settings):
    iris: tuple[int, ...] = Field((2, 3), description="Values of the mask that show the iris and the pupil.")
    sclera: tuple[int, ...] = Field((1,), description="Values of the mask that show the sclera.")
    reach: int = Field(8, ge=1, le=64, description="Largest shift in pixels, each way, that is tried.")


class IrisShift(Metric):
    """The mask of each image is moved over the image; where the sclera around it is brightest in comparison with the
    iris, is where the image shows the iris. Nothing is trained, so no change of style can have affected it.

    `iris_offset_px` is the mean distance of that place from the mask's own, in refined images and, for the detector's
    own error, in the source images (`unrefined`). `iris_shift_px` is the mean distance between the two places of an
    image, before and after refining. Images without iris or sclera in their mask are left out.
    """

    name = "iris-shift"
    summary = "How far refining moves the iris from where the mask of a synthetic image says it is, in pixels."
    needs = (Refines,)
    by_default = False  # few datasets have masks
    Config = IrisShiftConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        origin, before, after = _pair(data)
        if "mask" not in before.extra:
            raise MetricUnavailableError("iris-shift needs masks of the source, and these data have no column 'mask'")
        mask = np.asarray(before.extra["mask"])
        iris, sclera = np.isin(mask, self.config.iris), np.isin(mask, self.config.sclera)
        usable = np.flatnonzero(iris.any((1, 2)) & sclera.any((1, 2)))
        if not len(usable):
            raise MetricUnavailableError(
                f"iris-shift: no mask has both iris ({self.config.iris}) and sclera ({self.config.sclera})"
            )
        template = contrast_template(iris[usable], sclera[usable])
        places = [best_shifts(each.images[usable], template, self.config.reach) for each in (before, after)]
        card = {
            **self.config.model_dump(), "measured_on": origin, "images": len(usable),
            "left_out": len(mask) - len(usable), "fingerprint": before.fingerprint(),
            "detector": "mask shifted to the largest contrast of sclera and iris",
            "interval": "normal 95 % of the mean",
        }  # fmt: skip
        groups = None if before.groups is None else before.groups[usable]
        measured = {
            ("iris_shift_px", "method"): places[1] - places[0],
            ("iris_offset_px", "method"): places[1],
            ("iris_offset_px", "unrefined"): places[0],
        }
        scores = []
        for (name, subject), moved in measured.items():
            distance = np.linalg.norm(moved, axis=1)
            low, high = mean_interval(distance, groups) or (None, None)
            scores.append(Score(name, float(distance.mean()), subject, "px", "lower", low, high, card=card))
        return scores


def _pair(data: Evaluation) -> tuple[DomainName, Domain, Domain]:
    """Held-out source images and their refined versions; training images if none are held out."""
    try:
        return "source_test", data.sampled("source_test"), data.refined("source_test")
    except MetricUnavailableError:
        return "source", data.sampled("source"), data.refined("source")


def contrast_template(iris: np.ndarray, sclera: np.ndarray) -> Tensor:
    """Weights float32 [N, H, W] whose product with an image is its mean on the sclera minus its mean on the iris, of
    masks bool [N, H, W]."""
    positive, negative = (torch.from_numpy(each).float() for each in (sclera, iris))
    return positive / positive.sum((1, 2), keepdim=True) - negative / negative.sum((1, 2), keepdim=True)


def best_shifts(images: np.ndarray, template: Tensor, reach: int) -> np.ndarray:
    """The shift x, y in px [N, 2] of each template at which its product with the image is largest, in uint8 images
    [N, C, H, W]. It is refined below a pixel by a parabola through the neighbours of the maximum.

    The image is continued by its border, so that a shift beyond it compares no missing pixels.
    """
    found = []
    for start in range(0, len(images), CHUNK):
        rows = slice(start, start + CHUNK)
        grey = torch.from_numpy(np.array(images[rows])).float().mean(1)
        padded = F.pad(grey[None], (reach, reach, reach, reach), mode="replicate")
        response = F.conv2d(padded, template[rows][:, None], groups=len(grey))[0]
        found.append(_peaks(response) - reach)
    return torch.cat(found).numpy()


def _peaks(response: Tensor) -> Tensor:
    """The maximum x, y [N, 2] of maps [N, H, W], float64."""
    width = response.shape[2]
    at = response.flatten(1).argmax(1)
    rows = torch.arange(len(response))
    y, x = at // width, at % width
    along_x, along_y = response[rows, y].double(), response[rows, :, x].double()
    return torch.stack([x + _parabola(along_x, x), y + _parabola(along_y, y)], 1)


def _parabola(line: Tensor, at: Tensor) -> Tensor:
    """How far the vertex of a parabola through the maximum of lines [N, L] and its neighbours lies from it; 0 at an
    end."""
    inside = at.clamp(1, line.shape[1] - 2)
    rows = torch.arange(len(line))
    before, middle, after = (line[rows, inside + step] for step in (-1, 0, 1))
    bend = before - 2 * middle + after
    moved = torch.where(bend < 0, 0.5 * (before - after) / bend, 0.0).clamp(-0.5, 0.5)
    return torch.where(inside == at, moved, 0.0)


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [IrisShift]
