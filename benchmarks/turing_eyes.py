"""The worked example of docs/turing.md: a short SimGAN run on the built-in eyes, a study as in the SimGAN paper with
SIMULATED raters, and the classifiers' real judgements. Writes benchmarks/results/turing_eyes.json.

    python benchmarks/turing_eyes.py [FOLDER]

Takes about a minute on a free CPU. The raters are random numbers with the shares below: they say nothing about people.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ganzoo.turing.key import read_key
from ganzoo.turing.simulated import simulated_answers

RESULT = Path(__file__).parent / "results" / "turing_eyes.json"
SIZES = ("source", "source-test", "target", "target-test")
RUN = ["run", "simgan", "--dataset", "eyes", "--steps", "100", "--batch-size", "16", "--metrics", "none",
       *(word for name in SIZES for word in (f"--{name}-size", "1200"))]  # fmt: skip
SHARE = {"simgan": 0.55, "raw": 0.9}  # with which a simulated rater is right
SEED = 0


def ganzoo(folder: Path, *words: str) -> None:
    print("ganzoo", *words, flush=True)
    subprocess.run([sys.executable, "-m", "ganzoo", *words], cwd=folder, check=True)


def simulate(folder: Path) -> list[str]:
    """One file of answers for each page."""
    key = read_key(folder / "pages-key.json")
    (folder / "answers").mkdir(exist_ok=True)
    files = []
    for number, rater in enumerate(key.raters):
        random = np.random.default_rng([SEED, number])
        document = simulated_answers(key, rater, lambda trial, _, draw=random: draw.random() < SHARE[trial.source])
        files.append(f"answers/{rater.code}.json")
        (folder / files[-1]).write_text(json.dumps(document), encoding="utf-8")
    return files


def main(folder: Path) -> None:
    ganzoo(folder, *RUN, "--out", "simgan")
    ganzoo(folder, "turing", "make", "--fake", "simgan", "--preset", "simgan", "--seed", str(SEED), "--out", "pages")
    score(folder)


def score(folder: Path) -> None:
    ganzoo(folder, "turing", "score", *simulate(folder), "--key", "pages-key.json", "--out", "report.html")
    found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    del found["images"], found["raters"]
    for source in found["sources"]:
        source["card"].pop("weights_sha256", None)
    found = {"note": "Raters are SIMULATED; only the scores that begin with machine are measured.",
             "simulated_share_right": SHARE, "command": ["ganzoo", *RUN], **found}  # fmt: skip
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory() as place:
            main(Path(place))
