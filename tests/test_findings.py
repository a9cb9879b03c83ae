"""The verdicts of docs/findings.md, which `.ci/run` compares with the committed results."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "findings.py"
spec = importlib.util.spec_from_file_location("findings", FILE)
findings = importlib.util.module_from_spec(spec)
sys.modules["findings"] = findings  # pydantic looks annotations up there
spec.loader.exec_module(findings)


def where(claimed, value=None):
    return findings.Ours(bench="b", dataset="d", row="r", score="s", claimed=claimed, value=value)


@pytest.mark.parametrize(
    ("mean", "half", "claimed", "verdict"),
    [
        (-0.5, 0.3, "lower", "reached"),
        (-0.5, 0.3, "higher", "contradicted"),
        (-0.5, 0.6, "lower", "undecided"),
        (-0.5, None, "lower", "undecided"),
    ],
)
def test_a_difference_is_judged_by_the_side_of_zero_where_its_interval_lies(mean, half, claimed, verdict):
    assert findings.verdict(mean, half, where(claimed)) == verdict


@pytest.mark.parametrize(
    ("mean", "half", "claimed", "verdict"),
    [
        (0.8, 0.1, "higher", "reached"),
        (0.7, 0.1, "higher", "undecided"),
        (0.6, 0.1, "higher", "not reached"),
        (0.6, None, "higher", "not reached"),
        (0.6, 0.1, "lower", "reached"),
    ],
)
def test_a_value_is_reached_by_the_mean_and_missed_by_the_whole_interval(mean, half, claimed, verdict):
    assert findings.verdict(mean, half, where(claimed, 0.77)) == verdict


def test_a_difference_is_that_of_the_same_seeds_in_the_committed_results():
    of = findings.Ours(bench="bench-digits", dataset="mnist-mnistm", row="dann", than="source-only", score="accuracy",
                       claimed="higher")  # fmt: skip
    dann, source = (findings.values(of, row) for row in ("dann", "source-only"))
    assert sorted(dann) == sorted(source) == [0, 1, 2]
    mean = sum(dann[seed] - source[seed] for seed in dann) / 3
    text, seeds, _ = findings.measured(of)
    assert text.startswith(f"{mean:+.3g} ")
    assert seeds == 3
    with pytest.raises(ValueError, match="has no"):
        findings.measured(of.model_copy(update={"row": "gan"}))
