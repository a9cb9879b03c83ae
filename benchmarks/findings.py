"""Writes docs/findings.md, published findings beside ganzoo's own results; with `--check` only compares.

`findings.toml` has one table for each finding: the claim, its source and what was published. `ours` names committed
results: a bench, a dataset, a row and a score, and either another row (`than`), with the same seeds of which the
difference is taken, or the published `value`. The verdict follows from the numbers, as INTRODUCTION says.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.statistics import mean_interval
from ganzoo.benchmark.table import number

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "findings.md"
TRUST = {
    "read": "read in the paper or in the authors' code",
    "second hand": "from another paper's table or a summary",
    "memory": "from memory of the paper: a lead, not a fact",
}
INTRODUCTION = """# Published findings beside ours

What papers report about the methods of ganzoo, and what ganzoo's committed results say about it. The protocols differ:
each entry says how. Numbers are means with 95 % t-intervals over seeds, or differences of two rows with the same seeds.
`python benchmarks/findings.py` makes this page from `benchmarks/findings.toml` and `benchmarks/results/`.

The verdict follows from the numbers. *Reached*: the interval lies on the claimed side of zero, or the mean is as good
as the published value. *Contradicted*: the interval lies on the other side of zero. *Not reached*: all of it is worse
than the published value. *Undecided*: it holds zero, or the value with a worse mean. *Not tried*: there is no committed
result.
"""
HEADING = ("| method | claim | published | ours | seeds | verdict |", "|---|---|---|---|---:|---|")


class Ours(BaseModel):
    """Where ganzoo's number stands."""

    model_config = ConfigDict(extra="forbid")
    bench: str  # a folder in benchmarks/results, or a file there with {score: {row: {seed: value}}}
    dataset: str
    row: str
    score: str
    subject: str = "method"
    than: str = ""  # a row of which the same seeds are subtracted
    claimed: Literal["higher", "lower"]  # than the other row, or the better side of the value
    value: float | None = None
    unit: str = ""


class Finding(BaseModel):
    """One published finding."""

    model_config = ConfigDict(extra="forbid")
    method: str
    claim: str
    source: str
    trust: Literal["read", "second hand", "memory"]
    published: str
    protocol: str  # how ours differs from the published one
    why: str = ""
    ours: Ours | None = None


def values(where: Ours, row: str) -> dict[int, float]:
    """The score of a row, by seed. A predictor has a gaze error under its name with `direct_` before it."""
    if where.bench.endswith(".json"):
        found = json.loads((RESULTS / where.bench).read_text(encoding="utf-8"))[where.score][row]
        return {int(seed): value for seed, value in found.items()}
    names = (where.score, f"direct_{where.score}")
    return {
        record.seed: score.value
        for record in BenchFolder(RESULTS / where.bench).results().finished.values()
        if (record.dataset, record.label) == (where.dataset, row)
        for score in record.scores
        if score.subject == where.subject and score.name in names and score.value is not None
    }


def measured(where: Ours) -> tuple[str, int, str]:
    """Ganzoo's number with its interval, the number of seeds, and the verdict."""
    found = values(where, where.row)
    if where.than:
        other = values(where, where.than)
        found = {seed: value - other[seed] for seed, value in found.items() if seed in other}
    if not found:
        raise ValueError(f"{where.bench} has no {where.score} of {where.row} on {where.dataset}")
    mean, half = mean_interval(list(found.values()))
    text = (f"{mean:+.3g}" if where.than else number(mean)) + (f" ± {number(half)}" if half else "")
    return f"{text} {where.unit}".rstrip(), len(found), verdict(mean, half, where)


def verdict(mean: float, half: float | None, where: Ours) -> str:
    """What the interval says about the claim."""
    sign = 1 if where.claimed == "higher" else -1
    if where.value is not None:
        ahead = sign * (mean - where.value)
        return "reached" if ahead >= 0 else "undecided" if half is not None and ahead >= -half else "not reached"
    if half is None or abs(mean) <= half:
        return "undecided"
    return "reached" if sign * mean > 0 else "contradicted"


def page(findings: Iterable[Finding]) -> str:
    trusted = "; ".join(f"*{name}*: {text}" for name, text in TRUST.items())
    lines = [f"{INTRODUCTION}\nHow far to trust a published value: {trusted}.\n", *HEADING]
    details = []
    for at, each in enumerate(findings, 1):
        text, seeds, said = measured(each.ours) if each.ours else ("", 0, "not tried")
        lines.append(
            f"| `{each.method}` | [{each.claim}](#{at}-{each.method}) | {each.published} ({each.trust}) | {text} | "
            f"{seeds or ''} | **{said}** |"
        )
        details += ["", f"## {at} `{each.method}`", f"{each.claim}: {said}.", "", f"- Source: {each.source}.",
                    f"- Protocol: {each.protocol}"]  # fmt: skip
        if each.ours:
            where = each.ours
            subject = "" if where.subject == "method" else f" of `{where.subject}`"
            rows = f"`{where.row}`" + (f" minus `{where.than}`" if where.than else "")
            details.append(f"- Ours: `{where.score}`{subject}, {rows}, on `{where.dataset}` of "
                           f"`benchmarks/results/{where.bench}`.")  # fmt: skip
        if each.why:
            details.append(f"- {each.why}")
    return "\n".join([*lines, *details]) + "\n"


def main() -> int:
    document = tomllib.loads((ROOT / "benchmarks" / "findings.toml").read_text(encoding="utf-8"))
    made = page(Finding.model_validate(each) for each in document["finding"])
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
    elif not PAGE.exists() or made != PAGE.read_text(encoding="utf-8"):
        print("docs/findings.md does not show the committed results; run: python benchmarks/findings.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
