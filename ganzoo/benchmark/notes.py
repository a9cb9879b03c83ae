"""The notes below a table, which say what the table shows and what it does not show."""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo.benchmark.rows import ResultTable, Row
from ganzoo.benchmark.statistics import SIGNIFICANT

FEW_SEEDS = 5


def notes(comparison: ResultTable, damaged: int = 0) -> list[str]:
    """The notes as sentences, the most general first."""
    return [
        *_reading(comparison),
        *(f"{row.shown} was not run: {row.declined}." for row in comparison.rows if row.declined),
        *_failures(comparison.rows),
        *_budget([row for row in comparison.rows if row.networks == 1]),
        *_ensembles(comparison),
        *_cards(comparison),
        *_code(comparison.rows),
        *_devices(comparison.rows),
        *_absent(comparison.rows),
        *_warnings(comparison.rows),
        *([f"results.jsonl: {damaged} damaged lines were skipped"] if damaged else []),
    ]


def _reading(comparison: ResultTable) -> list[str]:
    rows = comparison.rows
    counts = sorted({len(row.records) for row in rows if row.records and not row.rival and row.networks == 1})
    said = ["↓ lower is better, ↑ higher. Every score is that of the last step; no label of the target test chose it."]
    if counts and counts[-1] > 1:
        span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        text = f"Mean over {span} seeds ± half its 95 % t-interval; in [brackets] the 95 % interval over people or"
        text += " images, averaged over seeds."
        if counts[0] < FEW_SEEDS:
            text += f" With fewer than {FEW_SEEDS} seeds the t-interval rests on its assumption of normal values."
        said.append(text)
        said.append(
            f"* differs from {comparison.reference} (paired t-test over seeds, p < {SIGNIFICANT} after Holm's "
            "correction within the column); the best is marked only where it beats every other row so tested, "
            "floors and oracles aside. Values that no seed moves are not tested."
        )
    elif counts:
        said.append("One seed: there is no interval over seeds and no test; [brackets] are over people or images.")
    if any(row.oracle for row in rows):
        said.append("† oracle: it is given labels of the target, which no other method sees.")
    if any(row.role == "floor" and not row.rival for row in rows):
        said.append("‡ a floor: what is had without adapting anything.")
    if any(row.rival for row in rows):
        said.append("° measured by the metrics themselves beside every method, with the network of the metric.")
    return said


def _failures(rows: Sequence[Row]) -> list[str]:
    said = []
    for row in rows:
        for reason in dict.fromkeys(row.failures.values()):
            seeds = [seed for seed, other in row.failures.items() if other == reason]
            every = "every seed" if not row.records else f"seed {', '.join(map(str, seeds))}"
            said.append(f"{row.shown} failed in {every}: {reason}")
    return said


def _budget(rows: Sequence[Row]) -> list[str]:
    """The budget of the methods in each unit, and why their numbers of steps differ."""
    trained = [row for row in rows if row.mean("images_drawn")]
    if not trained:
        return []
    idle = [row.shown for row in rows if row.records and not row.rival and row not in trained]
    drawn = _span([row.mean("images_drawn") for row in trained])
    said = [f"Budget: each trained method drew {drawn} images of each domain"
            + (f"; {', '.join(idle)} trained nothing." if idle else ".")]  # fmt: skip
    per_step = {row.shown: round((row.mean("updates") or 0) / step, 1) for row in trained if (step := row.mean("step"))}
    if len(set(per_step.values())) > 1:
        counts = ", ".join(f"{name} {count:g}" for name, count in per_step.items())
        said.append(f"Each update draws one batch, so more updates in a step mean fewer steps for the same images. "
                    f"Updates in a step: {counts}.")  # fmt: skip
    timed = [row.shown for row in trained if row.mean("budget_seconds")]
    if timed:
        seconds = _span([row.mean("budget_seconds") for row in trained if row.shown in timed])
        said.append(f"The budget of {', '.join(timed)} is {seconds} s of training: the seconds of a step were measured "
                    "once for each row, and all its seeds train for the steps that follow.")  # fmt: skip
    return said


def _ensembles(comparison: ResultTable) -> list[str]:
    """What the rows of ensembles are, and what their intervals are over."""
    rows = [row for row in comparison.rows if row.networks > 1]
    if not rows:
        return []
    said = ["An ensemble averages the predictions of its networks, in the space of the task (unit vectors, or votes "
            "for a class). Its costs are the sums over its networks; it is tested only against an ensemble of as many "
            f"networks of {comparison.reference}."]  # fmt: skip
    for row in rows:
        groups, what = len(row.records), f"{row.shown} averages {row.networks} networks of {', '.join(row.ensemble_of)}"
        if groups > 1:
            said.append(f"{what}: {groups} ensembles of disjoint seeds, and ± is over these {groups}.")
        else:
            said.append(f"{what}: one ensemble, so there is no interval over seeds; [brackets] are over people or "
                        "images of the test alone.")  # fmt: skip
    return said


def _span(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"


def _cards(comparison: ResultTable) -> list[str]:
    said = []
    for column in comparison.columns:
        if len(card_letters(comparison, column.name)) > 1:
            said.append(f"{column.name}: values with different letters were measured differently (other extractor, "
                        "counts, versions or threads) and are not compared with each other.")  # fmt: skip
    return said


def card_letters(comparison: ResultTable, column: str) -> dict[str, str]:
    """A letter for each card of a column; empty if all values have the same card."""
    cards = list(dict.fromkeys(estimate.card for row in comparison.rows for estimate in row.scores[column]))
    return {card: _letter(place) for place, card in enumerate(cards)} if len(cards) > 1 else {}


def _letter(place: int) -> str:
    return chr(ord("a") + place) if place < 26 else str(place)


def _code(rows: Sequence[Row]) -> list[str]:
    codes = list(dict.fromkeys(row.code for row in rows))
    if len(codes) < 2:
        return [f"ganzoo {codes[0]}"] if codes else []
    return [f"Rows were made by different code, are kept apart (@) and are not compared: ganzoo {', '.join(codes)}"]


def _devices(rows: Sequence[Row]) -> list[str]:
    """Which device each row was trained on, if they differ: seconds and the last bits depend on it."""
    used: dict[str, dict[str, None]] = {}
    for row in rows:
        for record in row.records if not row.rival else []:
            device = record.environment.get("device")
            if isinstance(device, str):
                used.setdefault(_model(device), {})[row.shown] = None
    if len(used) < 2:
        return []
    each = "; ".join(f"{model}: {', '.join(rows)}" for model, rows in used.items())
    return [f"The cells ran on different devices, so compare their seconds with care. {each}"]


def _model(device: str) -> str:
    """Such as "NVIDIA H100" of "cuda:0 (NVIDIA H100)"; of a processor without a name, the kind."""
    kind, _, name = device.partition(" (")
    return name.removesuffix(")") if kind.startswith("cuda") and name else device


def _absent(rows: Sequence[Row]) -> list[str]:
    """Scores that could not be measured, grouped by reason."""
    said: dict[str, dict[str, None]] = {}
    for row in rows:
        for record in row.records:
            for score in record.scores:
                if score.value is None and score.headline and score.reason:
                    said.setdefault(score.reason, {})[score.name] = None
    return [f"{', '.join(names)}: not measured: {reason}" for reason, names in said.items()]


def _warnings(rows: Sequence[Row]) -> list[str]:
    said: dict[str, dict[str, None]] = {}
    for row in rows:
        for record in row.records:
            for score in record.scores:
                if score.warning and score.headline:
                    said.setdefault(score.warning, {})[score.name] = None
    return [f"{', '.join(names)}: {warning}" for warning, names in said.items()]
