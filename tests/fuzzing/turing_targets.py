"""The key and the answers of a visual Turing test, and its scores in a bench."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fuzzing.mutation import json_files
from fuzzing.target import Target
from ganzoo.turing.design import Design, Numbers
from ganzoo.turing.key import Key
from ganzoo.turing.make import Study, make
from ganzoo.turing.pools import Pool
from ganzoo.turing.rows import document_of, read_scores
from ganzoo.turing.score import score
from ganzoo.turing.simulated import simulated_answers


@cache
def _study() -> tuple[Key, dict[str, Any]]:
    """A small key, and the answers of its only rater."""
    pools = [
        Pool(name, np.random.default_rng(seed).integers(0, 256, (60, 1, 4, 5), dtype=np.uint8), None, {})
        for seed, name in enumerate(("real", "fake"))
    ]
    study = Study(Design(protocol="single"), Numbers(trials=4, practice=2, catch=0, raters=1), near=0.0)
    with TemporaryDirectory() as place:
        key = make(study, pools[0], pools[1:], None, Path(place) / "pages", Path(place) / "key.json")
    return key, simulated_answers(key, key.raters[0], lambda trial, exposure: trial.truth == "real")


def _score(files: tuple[bytes, bytes], folder: Path) -> None:
    (folder / "key.json").write_bytes(files[0])
    (folder / "answers.json").write_bytes(files[1])
    results = score([folder / "answers.json"], folder / "key.json", folder / "report.html")
    assert all(0 <= each.share.value <= 1 for each in results.verdicts)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert document_of(results)["simulated"]
    read_scores(folder / "report.json")


def _scores(content: bytes, folder: Path) -> None:
    (folder / "report.json").write_bytes(content)
    assert all(isinstance(each.source, str) for each in read_scores(folder / "report.json"))


def targets() -> list[Target]:
    key, answers = _study()
    whole = key.model_dump(mode="json")
    keys, files = (st.one_of(st.just(json.dumps(each).encode()), json_files([each])) for each in (whole, answers))
    source = {"source": "fake", "card": {"training": "1f"}, "scores": [{"name": "human_d_prime", "value": 0.5}]}
    scores = {"format": "ganzoo-turing-scores", "version": 1, "sources": [source]}
    return [
        Target("key and answers of a visual Turing test (json)", st.tuples(keys, files), _score, share=0.3),
        Target("scores of a visual Turing test (json)", json_files([scores]), _scores),
    ]
