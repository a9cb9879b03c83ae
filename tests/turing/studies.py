"""Small studies for the tests: images, keys, and answers of simulated raters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.turing.design import DEFAULTS, EXPOSURE, Design, Numbers, Rules, Staircase
from ganzoo.turing.key import Key, Trial
from ganzoo.turing.make import Study, make
from ganzoo.turing.pools import Pool
from ganzoo.turing.simulated import simulated_answers


def pool(
    name: str, count: int = 80, seed: int = 0, mean: float = 128.0, shape: tuple[int, int, int] = (1, 7, 11)
) -> Pool:
    """Noise: images of all pools look alike unless their mean differs."""
    values = np.random.default_rng(seed).normal(mean, 40, (count, *shape))
    return Pool(name, values.clip(0, 255).round().astype(np.uint8), None, {"path": f"secret-place-of-{name}"})


def design(protocol: str = "single", **more: Any) -> Design:
    """Without pauses between stages, for speed."""
    stairs = Staircase() if protocol == "timed" else None
    usual = {"exposure_ms": EXPOSURE[protocol], "fixation_ms": 0, "mask_ms": 0, "staircase": stairs}
    return Design(protocol=protocol, **{**usual, **more})


def study(protocol: str = "single", *, null: bool = False, twin: bool = False, seed: int | None = None,
          rules: Rules | None = None, design_: Design | None = None, **numbers: int) -> Study:  # fmt: skip
    counts = Numbers(**{**DEFAULTS[protocol].model_dump(), "trials": 8, "practice": 2, "catch": 0, **numbers})
    asked = design_ or design(protocol, **({"rules": rules} if rules else {}))
    return Study(asked, counts, null, twin, 1.0, seed)


def made(
    folder: Path, what: Study, real: Pool | None = None, fakes: list[Pool] | None = None, raw: Pool | None = None
) -> Key:
    """The key of a study whose pages are in folder/pages."""
    real, fakes = real or pool("real", seed=1), fakes or [pool("fake", seed=2)]
    return make(what, real, fakes, raw or pool("raw", seed=3, mean=40), folder / "pages", folder / "key.json")


def write_answers(folder: Path, key: Key, right: Callable[[Trial, int], bool], **changed: Any) -> list[Path]:
    """One file of a simulated rater for each page. `changed` replaces keys of the document, the checksum stays."""
    files = []
    for rater in key.raters:
        file = folder / f"answers-{rater.code}.json"
        file.write_text(json.dumps({**simulated_answers(key, rater, right), **changed}))
        files.append(file)
    return files
