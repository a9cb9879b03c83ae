"""The page of a rater: one HTML file that loads nothing and sends nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from ganzoo.turing.design import Design
from ganzoo.turing.key import Rater
from ganzoo.turing.png import png
from ganzoo.turing.pools import Pool
from ganzoo.turing.seal import SEAL_ROUNDS, seal

SCRIPTS = ("sha256.js", "pixels.js", "store.js", "trial.js", "session.js")  # one script, in this order
HEIGHT = 210  # pixels that an image is enlarged to, about, by a whole factor
LARGEST_FACTOR = 10


def page(study: str, design: Design, rater: Rater, pools: Mapping[str, Pool]) -> str:
    """The whole document. Both kinds of images pass through the same lines, and nothing else in it depends on the kind.

    The right answers of practice trials are in it, since these give feedback; their images occur only there.
    """
    folder = files("ganzoo.turing") / "page_files"
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = (folder / "page.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'"
    filled = {
        "POLICY": policy + "; form-action 'none'",
        "STYLE": style,
        "RATER": escape(rater.code),
        "DATA": json.dumps(_payload(study, design, rater, pools)).replace("<", "\\u003c"),
        "SCRIPT": script,
    }
    text = (folder / "page.html").read_text(encoding="utf-8")
    return re.sub("@([A-Z]+)@", lambda found: filled[found[1]], text)


def _payload(study: str, design: Design, rater: Rater, pools: Mapping[str, Pool]) -> dict[str, Any]:
    some = next(iter(pools.values()))
    height, width = some.images.shape[2:]
    timed = design.staircase is not None
    trials = []
    for trial in rater.trials:
        images = [_encoded(pools[each.pool].images[each.row], design) for each in trial.images]
        document: dict[str, Any] = {"id": trial.id, "block": trial.block, "images": images}
        if trial.stage == "practice":
            document["answer"] = trial.truth
        elif timed:
            document["seal"] = seal(rater.salt, trial.id, trial.truth)
        trials.append(document)
    return {
        "study": study,
        "rater": rater.code,
        "salt": rater.salt,
        "realSide": rater.real_side,
        **design.model_dump(mode="json", exclude={"rules"}),
        "sealRounds": SEAL_ROUNDS,
        "height": height,
        "width": width,
        "factor": max(1, min(LARGEST_FACTOR, round(HEIGHT / height))),
        "trials": trials,
    }


def _encoded(image: np.ndarray, design: Design) -> str:
    if design.grey_range == "stretched":
        low, high = int(image.min()), int(image.max())
        image = ((image.astype(np.float64) - low) * (255 / max(high - low, 1))).round().astype(np.uint8)
    return base64.b64encode(png(image)).decode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
