"""What committed benches say about each criterion: evidence.json, made by benchmarks/criteria.py."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Evidence(BaseModel):
    """How right a criterion was on one dataset of a committed bench. Errors are in `unit`."""

    model_config = ConfigDict(frozen=True)
    criterion: str
    task: str
    bench: str  # folder and dataset
    runs: int
    families: int
    unit: str
    spearman: float | None
    low: float | None
    high: float | None
    chosen_error: float
    best_error: float
    mean_error: float
    ensemble_error: float | None

    def sentence(self) -> str:
        interval = "" if self.low is None or self.high is None else f" [{self.low:+.2f}, {self.high:+.2f}]"
        rank = "was undefined" if self.spearman is None else f"was {self.spearman:+.2f}{interval}"
        averaged = "" if self.ensemble_error is None else f"; averaging all {self.ensemble_error:.3g}"
        return (
            f"{self.bench} ({self.runs} runs of {self.families} methods): its rank correlation with the true error "
            f"{rank}; the run that it chose had {self.chosen_error:.3g} {self.unit}, the best {self.best_error:.3g}, "
            f"the mean {self.mean_error:.3g}{averaged}."
        )


class _File(BaseModel):
    evidence: list[Evidence] = []


@cache
def shipped() -> tuple[Evidence, ...]:
    """The evidence that comes with ganzoo."""
    text = files("ganzoo.selection").joinpath("evidence.json").read_text(encoding="utf-8")
    return tuple(_File.model_validate_json(text).evidence)


def about(criterion: str, task: str) -> list[Evidence]:
    """The evidence on a criterion for a task."""
    return [each for each in shipped() if (each.criterion, each.task) == (criterion, task)]
