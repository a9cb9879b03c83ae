"""Simulated raters, to plan a study and to try a report. Their files say that they are simulated, and so do reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ganzoo.turing.answers import FORMAT, VERSION
from ganzoo.turing.key import Key, Rater, Trial
from ganzoo.turing.seal import checksum

OTHER = {"real": "generated", "generated": "real", "left": "right", "right": "left"}


def simulated_answers(key: Key, rater: Rater, right: Callable[[Trial, int], bool]) -> dict[str, Any]:
    """The document of a simulated rater. `right(trial, exposure_ms)` decides whether an answer is right."""
    stairs = key.design.staircase
    trials: list[dict[str, Any]] = []
    block, now = -1, key.design.exposure_ms
    for place, trial in enumerate(rater.trials):
        if stairs is not None and trial.block != block:
            now = stairs.start_ms
        block = trial.block
        good = right(trial, now)
        ms = 600 + 37 * (place % 11)
        trials.append(
            {"id": trial.id, "answer": trial.truth if good else OTHER[trial.truth], "ms": ms, "exposure_ms": now,
             "shown_ms": min(ms, now) if now else ms, "early": 0, "scale_percent": 600, "views": 1}
        )  # fmt: skip
        if stairs is not None and trial.stage != "practice":
            now = stairs.following(now, good)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "study": key.study,
        "rater": rater.code,
        "protocol": key.design.protocol,
        "simulated": True,
        "reloads": 0,
        "pauses": 0,
        "window": {"width": 1280, "height": 720, "pixel_ratio_percent": 100},
        "trials": trials,
    }
    return {**document, "checksum": checksum(rater.salt, document)}


def with_share(share: float, random: np.random.Generator) -> Callable[[Trial, int], bool]:
    """A rater who is right with that probability, and always in catch trials."""
    return lambda trial, exposure_ms: trial.stage == "catch" or bool(random.random() < share)
