"""What a study asks of its raters, and by which rules raters are excluded: fixed before the first answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Protocol = Literal["single", "pairs", "timed"]
Enlarge = Literal["bicubic", "nearest"]
GreyRange = Literal["as-is", "stretched"]


class Strict(BaseModel):
    """Read from files that may have been edited: no conversions, no unknown keys, no NaN."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Staircase(Strict):
    """The exposure of HYPE-time (Zhou et al. 2019, section 3.1), in milliseconds.

    One step down after a right answer and three up after a wrong one settle where 75 % of the answers are right
    (Kaernbach 1991): 10 p = 30 (1 - p).
    """

    start_ms: int = Field(500, ge=1)
    least_ms: int = Field(100, ge=1)
    most_ms: int = Field(1000, ge=1)
    down_ms: int = Field(10, ge=0)
    up_ms: int = Field(30, ge=0)

    def following(self, exposure_ms: int, right: bool) -> int:
        """The exposure after an answer."""
        moved = exposure_ms - self.down_ms if right else exposure_ms + self.up_ms
        return min(max(moved, self.least_ms), self.most_ms)


class Rules(Strict):
    """A rater who breaks one of these is left out, whatever the answers were."""

    catch_right_share: float = Field(
        0.8, ge=0, le=1, description="Minimum share of catch trials that are answered right."
    )
    fast_ms: int = Field(200, ge=0, description="An answer sooner than this after the image is too fast, ms.")
    fast_share: float = Field(0.1, ge=0, le=1, description="Maximum share of answers that are too fast.")
    same_answer_share: float = Field(0.98, ge=0.5, le=1, description="Maximum share of answers with the same key.")


class Design(Strict):
    """The task of a rater."""

    protocol: Protocol
    exposure_ms: int = Field(0, ge=0)  # 0: until the answer; of `timed`, the staircase says it
    fixation_ms: int = Field(500, ge=0)
    mask_ms: int = Field(300, ge=0)  # of noise, after a limited exposure
    enlarge: Enlarge = "bicubic"
    grey_range: GreyRange = "as-is"
    staircase: Staircase | None = None
    rules: Rules = Rules()


class Numbers(Strict):
    """How many trials a rater has."""

    trials: int = Field(ge=2)  # for each source of images; of single images, half of them are real
    raw_trials: int = Field(0, ge=0)  # a block with raw images as a source of its own
    practice: int = Field(ge=0)  # with feedback, on images that occur nowhere else
    catch: int = Field(ge=0)  # raw images that everybody should recognise
    raters: int = Field(ge=1, le=999)


EXPOSURE = {"single": 0, "pairs": 1000, "timed": 0}  # ms: CycleGAN's studies showed a pair for 1 s
DEFAULTS = {
    "single": Numbers(trials=100, practice=10, catch=5, raters=1),  # HYPE-infinity: 50 real and 50 generated images
    "pairs": Numbers(trials=40, practice=10, catch=5, raters=1),  # as in CycleGAN's studies, section 5.1.1
    "timed": Numbers(trials=150, practice=10, catch=0, raters=1),  # HYPE-time
}
SIMGAN = Numbers(trials=100, raw_trials=20, practice=0, catch=0, raters=10)
"""Shrivastava et al. 2017, section 3.1: ten subjects, 50 refined and 50 real images, 10 raw and 10 real ones."""
