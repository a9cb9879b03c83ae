"""Cells that do not run because their method declines their data."""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo.batch import DataSpec
from ganzoo.benchmark.cell import Cell
from ganzoo.errors import DatasetError
from ganzoo.runs.suitability import reason_to_decline


def declined_cells(cells: Sequence[Cell]) -> dict[str, str]:
    """The reason for each cell whose method declines its data, by the id of the cell.

    If the data are absent, nothing is declined: the cell fails with a message that says how to get the data.
    """
    specs: dict[tuple[str, str], DataSpec | None] = {}
    reasons = {}
    for cell in cells:
        plan = cell.plan
        key = plan.dataset.name, plan.dataset_config.model_dump_json()
        if key not in specs:
            try:
                specs[key] = plan.dataset(plan.dataset_config).spec()
            except DatasetError:
                specs[key] = None
        spec = specs[key]
        if spec is not None and (reason := reason_to_decline(plan.method, plan.method_config, spec)):
            reasons[cell.id] = reason
    return reasons
