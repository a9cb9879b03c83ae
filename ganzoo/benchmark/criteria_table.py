"""What criteria say of a bench, and how right they were where the target's test has labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganzoo.benchmark.criteria import CellCriteria, CriteriaFile, DatasetCriteria
from ganzoo.discovery.registry import registry
from ganzoo.selection.gates import aside_in_words
from ganzoo.selection.judging import LEAST, JudgedRun, Judgement, judge

HEAD = ("criterion", "runs", "rank correlation [95 %]", "within methods", "between methods", "one method left out",
        "chosen run", "its error", "regret", "against the mean", "regret, one left out")  # fmt: skip


@dataclass(frozen=True)
class CriteriaTable:
    """One dataset of a bench."""

    dataset: str
    rows: list[list[str]]  # under HEAD
    notes: list[str]


def judgements(found: DatasetCriteria) -> list[Judgement]:
    """How right each criterion was, over the runs that could be chosen and whose error is known."""
    judged = []
    candidates = found.candidates()
    for name in criteria_of(found):
        runs = [judged_run(cell_id, cell, name) for cell_id, cell in candidates.items()]
        if (made := judge(name, [run for run in runs if run is not None])) is not None:
            judged.append(made)
    return judged


def criteria_of(found: DatasetCriteria) -> list[str]:
    """The installed criteria that a cell has a value or a reason for."""
    known = dict.fromkeys(name for cell in found.cells.values() for name in cell.readings)
    return [name for name in known if name in registry().found["criteria"]]


def judged_run(cell_id: str, cell: CellCriteria, criterion: str) -> JudgedRun | None:
    """A cell with its value, oriented so that lower is better; None without a value or a true error."""
    entry = cell.readings.get(criterion)
    if entry is None or entry.value is None or cell.error is None:
        return None
    sign = -1 if registry().found["criteria"][criterion].better == "higher" else 1
    return JudgedRun(cell_id, cell.family, sign * entry.value, cell.error)


def criteria_tables(file: CriteriaFile) -> list[CriteriaTable]:
    return [CriteriaTable(name, _rows(found), _notes(found)) for name, found in file.datasets.items() if found.cells]


def markdown(tables: Sequence[CriteriaTable], title: str) -> str:
    """criteria.md."""
    parts = [f"# {title}: choice without target labels"]
    for table in tables:
        lines = ["| " + " | ".join(row) + " |" for row in ([*HEAD], *table.rows)] if table.rows else []
        if lines:
            lines.insert(1, "|---|" + "---:|" * (len(HEAD) - 1))
        notes = [f"- {note}" for note in table.notes]
        parts.append("\n".join([f"## {table.dataset}", "", *lines, "", *notes]))
    return "\n\n".join(parts) + "\n"


def _rows(found: DatasetCriteria) -> list[list[str]]:
    return [_row(each, found) for each in judgements(found)]


def _row(made: Judgement, found: DatasetCriteria) -> list[str]:
    interval = "" if made.low is None or made.high is None else f" [{made.low:+.2f}, {made.high:+.2f}]"
    cell = found.cells[made.chosen]
    return [
        made.criterion,
        f"{made.runs} of {made.families} methods",
        _signed(made.spearman) + interval,
        _signed(made.within),
        _signed(made.between),
        "" if made.left_out is None else f"{made.left_out[0]:+.2f} to {made.left_out[1]:+.2f}",
        f"{cell.label}, seed {cell.seed}",
        f"{made.chosen_error:.3g}",
        f"{made.regret:.3g}",
        f"{made.against_mean:+.3g}",
        "" if made.regret_left_out is None else f"{made.regret_left_out:.3g}",
    ]


def _signed(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.2f}"


def _notes(found: DatasetCriteria) -> list[str]:
    candidates = found.candidates()
    errors = [cell.error for cell in candidates.values() if cell.error is not None]
    said = []
    if len(errors) < LEAST:
        few = "no labels of the target's test" if candidates and not errors else f"{len(candidates)} runs"
        said.append(f"Criteria are judged with {LEAST} runs and more whose true error is known; there are {few}.")
    else:
        unit = found.unit
        said.append(
            f"True errors of {len(errors)} runs ({unit}): best {min(errors):.3g}, mean "
            f"{sum(errors) / len(errors):.3g}, worst {max(errors):.3g}. A positive rank correlation (Spearman) is "
            "right. Regret is the error of the chosen run less the best; against the mean, less the mean of all, so "
            "negative if choosing helped."
        )
        said.append(
            "Intervals draw methods and, in each, runs; they say nothing of other data. Labels of the target's test "
            "enter the true errors and nothing else."
        )
        if found.ensemble_error is not None:
            said.append(
                f"No choice at all: the average of all {found.ensemble_networks} runs has an error of "
                f"{found.ensemble_error:.3g} {unit}."
            )
    aside = {f"{found.cells[n].label}, seed {found.cells[n].seed}": why for n, why in found.set_aside().items()}
    return said + aside_in_words(aside) + _absent(found)


def _absent(found: DatasetCriteria) -> list[str]:
    """Criteria without a value, grouped by reason."""
    said: dict[str, dict[str, int]] = {}
    candidates = found.candidates()
    for cell in candidates.values():
        for name, entry in cell.readings.items():
            if entry.value is None:
                runs = said.setdefault(entry.reason, {})
                runs[name] = runs.get(name, 0) + 1
    return [
        f"{name} has no value for {count} of {len(candidates)} runs: {reason}."
        for reason, names in said.items()
        for name, count in names.items()
    ]
