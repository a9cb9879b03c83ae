"""How well metrics order refiners whose truth is known, because the data have twins: docs/metric-ranking.md.

    python benchmarks/metric_ranking.py --bench FOLDER    # first, after `ganzoo bench twins`: its loss terms, to commit
    python benchmarks/metric_ranking.py                   # the page, from benchmarks/results/bench-twins
    python benchmarks/metric_ranking.py --check           # only whether the page is true

For each truth and each metric: Spearman's rank correlation over all runs, with an interval that draws rows and, in
each, seeds; the correlation of the rows' means; and the mean correlation of the seeds of one row.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.selection.judging import JudgedRun, Judgement, judge

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "bench-twins"
LOSSES = RESULTS / "losses.json"
PAGE = ROOT / "docs" / "metric-ranking.md"
START, END = "<!-- ranking: made by benchmarks/metric_ranking.py -->", "<!-- end -->"
LEAST = 6  # rows that a metric or loss must have been measured for
LAST = 5  # lines of a log whose mean is the loss at the end: 250 steps

# Lower is better in each. The first is what users want; the others are what the twins measure.
TRUTHS = {
    "gaze_error_deg": "the error on the target's test of a network trained on the refined images",
    "twin_distance[pixels]": "the distance from the twins, in grey levels",
    "twin_distance[gaze]": "the distance from the twins, in features of a gaze network",
    "twin_label_drift_deg": "the change of the label, by a judge that learned from labelled target images",
}
METRICS = (
    "fid[gaze]", "kid[gaze]", "precision[gaze]", "recall[gaze]", "density[gaze]", "coverage[gaze]",
    "two_sample_accuracy[pixels]", "two_sample_accuracy[gaze]", "label_drift_deg", "pupil_shift_px",
)  # fmt: skip
HEAD = (
    "| metric | runs | rank correlation, all runs (95 %) | of the rows' means | among seeds of one row |\n"
    "|---|---:|---:|---:|---:|"
)
Values = Mapping[str, Mapping[str, float]]  # metric -> cell -> value, oriented so that lower is better


def scores_of(records: Sequence[FinishedRecord]) -> Values:
    """The method's own scores."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for record in records:
        for score in record.scores:
            if score.subject == "method" and score.value is not None:
                found[score.name][record.cell] = -score.value if score.better == "higher" else score.value
    return found


def losses_of(bench: Path) -> dict[str, dict[str, float]]:
    """The mean of each loss term over the last lines of each cell's log."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for log in sorted(bench.glob("cells/*/run/log.jsonl")):
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()][-LAST:]
        for term in sorted({key for line in lines for key in line if "/" in key}):
            values = [line[term] for line in lines if term in line]
            found[term][log.parents[1].name] = round(float(np.mean(values)), 5)
    return found


def tables(records: Sequence[FinishedRecord], losses: Values) -> Iterator[str]:
    rows = {record.cell: record.label for record in records}
    scores = scores_of(records)
    candidates = {**{name: scores[name] for name in (*METRICS, *TRUTHS) if name in scores}, **losses}
    yield (
        f"{len(rows)} runs of {len(set(rows.values()))} rows. Metrics of which more is better are turned around, so "
        "that a positive correlation is right; loss terms are taken as they are.\n"
    )
    for truth, words in TRUTHS.items():
        yield f"### {words[0].upper()}{words[1:]} (`{truth}`)\n\n{HEAD}"
        found = [
            judgement
            for name, values in candidates.items()
            if name != truth and (judgement := judged(name, values, scores[truth], rows)) is not None
        ]
        yield from (line(each) for each in sorted(found, key=lambda each: -(each.spearman or 0)))
        yield ""


def judged(
    metric: str, values: Mapping[str, float], truth: Mapping[str, float], rows: Mapping[str, str]
) -> Judgement | None:
    cells = [cell for cell in rows if cell in values and cell in truth]
    if len({rows[cell] for cell in cells}) < LEAST:
        return None
    return judge(metric, [JudgedRun(cell, rows[cell], values[cell], truth[cell]) for cell in cells])


def line(found: Judgement) -> str:
    low, high = found.low, found.high
    interval = "" if low is None or high is None else f" ({low:+.2f} to {high:+.2f})"
    cells = [f"`{found.criterion}`", str(found.runs), signed(found.spearman) + interval, signed(found.between)]
    return f"| {' | '.join(cells)} | {signed(found.within)} |"


def signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def made() -> str:
    """The page with its tables replaced."""
    records = [*BenchFolder(RESULTS).all_results().finished.values()]
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    after = rest.split(END, 1)[1]
    text = "\n".join(tables(records, json.loads(LOSSES.read_text(encoding="utf-8")))).rstrip()
    return f"{before}{START}\n{text}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.bench:
        LOSSES.write_text(json.dumps(losses_of(given.bench), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    text = made()
    if not given.check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is not what {RESULTS} says; run python benchmarks/metric_ranking.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
