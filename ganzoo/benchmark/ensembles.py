"""ensembles.jsonl: the scores of averaged predictions of several cells, in the form of the records of cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ganzoo.benchmark.criteria import Cells, Doing
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.results import Results, read_results
from ganzoo.benchmark.suite import EnsembleEntry, Suite
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.errors import GanzooError
from ganzoo.evaluation.evaluate import settings_hash
from ganzoo.metric import Score
from ganzoo.runs.run_folder import RunFolder
from ganzoo.selection.contenders import check_same_data

ENSEMBLES = "ensembles.jsonl"
Members = list[FinishedRecord]


def update_ensembles(folder: Path, suite: Suite, results: Results, cells: Mapping[str, Cells], doing: Doing) -> None:
    """Measure the ensembles of the suite that are not measured yet, and write the file."""
    file = folder / ENSEMBLES
    known = read_results(file).finished
    records = []
    for dataset in dict.fromkeys(record.dataset for record in results.finished.values()):
        here = [record for record in results.finished.values() if record.dataset == dataset]
        for label, entry in suite.ensembles.items():
            for members in groups(here, entry):
                blank = _blank(label, entry, members)
                made = known.get(blank.cell) or _measured(blank, members, cells.get(dataset), doing)
                if made is not None:
                    records.append(made)
    text = "".join(json.dumps(record.to_json(), default=str) + "\n" for record in records)
    if records or file.exists():
        RunFolder(folder).replace(file, text)


def with_ensembles(results: Results, ensembles: Results, suite: Suite) -> Results:
    """The results with those ensembles that the suite still names and whose members are among the results."""
    kept = {
        cell: record
        for cell, record in ensembles.finished.items()
        if record.label in suite.ensembles and {*record.members} <= {*results.finished}
    }
    return replace(results, finished={**results.finished, **kept}, damaged=results.damaged + ensembles.damaged)


def groups(records: Sequence[FinishedRecord], entry: EnsembleEntry) -> list[Members]:
    """The cells of each ensemble of one dataset: `size` seeds that all members have finished, in order and disjoint.

    Of a row that was run with several settings or versions of the code, the one that finished last counts.
    """
    of: dict[str, dict[int, FinishedRecord]] = {}
    for member in entry.members:
        own = [record for record in records if record.label == member]
        if not own:
            return []
        last = max(own, key=lambda record: record.finished)
        same = [each for each in own if (each.settings_hash, each.code) == (last.settings_hash, last.code)]
        of[member] = {record.seed: record for record in same}
    seeds = sorted(set.intersection(*(set(each) for each in of.values())))
    size = entry.size or len(seeds)
    starts = range(0, len(seeds) - size + 1, size) if size else ()
    made = [[of[member][seed] for member in entry.members for seed in seeds[at : at + size]] for at in starts]
    return [each for each in made if len(each) > 1]


def _blank(label: str, entry: EnsembleEntry, members: Members) -> FinishedRecord:
    """The record of an ensemble without its scores. Its id says which cells, of which settings and code."""
    first = members[0]
    rows = sorted({(each.label, each.settings_hash, each.code) for each in members})
    row = settings_hash({"rows": rows, "networks": len(members)})
    own = settings_hash({"cells": sorted((each.cell, each.finished, each.code) for each in members)})

    def total(name: str) -> float | None:
        values = [getattr(each, name) for each in members]
        return None if None in values else sum(values)

    return FinishedRecord(
        cell=f"{label}-{first.dataset}-{row}-{own}",
        label=label,
        dataset=first.dataset,
        seed=min(each.seed for each in members),
        method="ensemble",
        oracle=any(each.oracle for each in members),
        seed_settings=first.seed_settings,
        settings_hash=row,
        scores=[],
        dataset_card=first.dataset_card,
        images_drawn=total("images_drawn"),
        parameters=total("parameters"),
        training_seconds=total("training_seconds") or 0.0,
        evaluation_seconds=total("evaluation_seconds") or 0.0,
        code=" then ".join(dict.fromkeys(each.code for each in members)),
        networks=len(members),
        ensemble_of=list(entry.members),
        members=[each.cell for each in members],
    )


def _measured(blank: FinishedRecord, members: Members, cells: Cells | None, doing: Doing) -> FinishedRecord | None:
    """The record with its scores; None, with the reason told, if they cannot be computed."""
    contenders = [cells.contenders[each.cell] for each in members if cells and each.cell in cells.contenders]
    try:
        if len(contenders) < len(members):
            raise GanzooError("some of its cells have no run folder any more, or nothing in them predicts labels")
        check_same_data(contenders)
        if len({each.predictions.data.get("target_test") for each in contenders}) > 1:
            raise GanzooError("its cells were tested on different images")
        network = contenders[0].network
        if network.metric is None or "target_test" not in contenders[0].predictions.of:
            raise GanzooError("no metric of the bench scores predictions for the target's test")
        made = torch.from_numpy(np.stack([each.predictions.of["target_test"] for each in contenders]))
        with blaming(f"ensemble {blank.label}"):
            scores: Sequence[Score] = network.metric.scores_of(network.data, contenders[0].task.average(made))
    except GanzooError as error:
        doing(f"the ensemble {blank.label} is not measured: {error}")
        return None
    return blank.model_copy(update={"scores": list(scores)})
