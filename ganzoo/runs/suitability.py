"""Whether a method can work on a dataset, in one sentence and before any work."""

from __future__ import annotations

from typing import Any

from ganzoo.batch import DataSpec
from ganzoo.errors import UnsuitableError
from ganzoo.method import Method
from ganzoo.task import NoTask

WORDS = {
    "source": "source samples", "source_label": "source labels", "target": "target samples",
    "target_label": "target labels", "source_group": "the persons of source images",
    "target_group": "the persons of target images",
}  # fmt: skip


def reason_to_decline(method: type[Method], config: Any, spec: DataSpec) -> str:
    """Why `method` cannot be run with these settings on such data: one sentence, or empty if it can."""
    columns = method.columns(config)
    if missing := [name for name in columns if name not in spec.columns]:
        shown = [name for name in spec.columns if name in WORDS or missing[0] not in WORDS]
        return f"{method.name} reads {_words(missing)}, and these data have only {_words(shown)}"
    if method.paired and not spec.paired:
        return f"{method.name} reads paired rows, and the source and target of these data are not paired"
    sides = [name for name in columns if name in ("source", "target")]
    for side in sides:
        if spec.columns[side].kind not in method.kinds:
            known = " or ".join(f"{kind}s" for kind in method.kinds)
            return f"{method.name} reads {known}, and the {side} of these data holds {spec.columns[side]}"
    if method.tasks and not isinstance(spec.task, method.tasks):
        known = " or ".join(task.name for task in method.tasks)
        has = "no labels" if isinstance(spec.task, NoTask) else f"the task {spec.task.name}"
        return f"{method.name} works on the task {known}, and these data have {has}"
    said = method.declines(config, spec)
    return f"{method.name} {said}" if said else ""


def check_suitable(method: type[Method], config: Any, spec: DataSpec, dataset: str) -> None:
    """Raise UnsuitableError if the method declines the data."""
    if reason := reason_to_decline(method, config, spec):
        raise UnsuitableError(f"{reason} (dataset {dataset})")


def _words(names: Any) -> str:
    return ", ".join(WORDS.get(name, f"the column {name}") for name in names)
