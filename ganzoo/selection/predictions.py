"""`predictions.npz` in a run folder: what the run's network predicts for each domain, kept for criteria and ensembles.

It is made from the checkpoint of any finished run, and made again if the checkpoint or what it was tested on changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation, settings_hash
from ganzoo.metric import DomainName
from ganzoo.runs.run_folder import RunFolder
from ganzoo.selection.network import PredictingNetwork
from ganzoo.system.atomic import replacing
from ganzoo.training import checkpoint

FORMAT = 1
FILE = "predictions.npz"
MOST = 4_096  # images of a training domain, evenly spaced: enough for any criterion
DOMAINS: tuple[DomainName, ...] = ("source_test", "target", "target_test")


@dataclass(frozen=True)
class Predictions:
    """Predictions float32 [N, label_size] of one run; a domain that the dataset lacks is absent."""

    of: Mapping[str, np.ndarray]
    data: Mapping[str, str]  # the fingerprint of each domain, with its labels only if they are of the source
    key: str = field(default="", compare=False)  # of the weights and settings that they were made with

    def write(self, file: Path) -> None:
        """Write the file atomically. A failure to write is ignored: it is only made again later."""
        meta = json.dumps({"format": FORMAT, "key": self.key, "data": dict(self.data)})
        with suppress(OSError), replacing(file, shared=True) as aside, aside.open("wb") as stream:
            np.savez(stream, meta=np.array(meta), **{name: self.of[name] for name in self.of})  # type: ignore[arg-type]


def kept(file: Path, key: str) -> Predictions | None:
    """The file's predictions; None if it is absent, damaged, or made with other weights or settings."""
    try:
        with np.load(file, allow_pickle=False) as held:
            meta = json.loads(str(held["meta"]))
            if meta["format"] != FORMAT or meta["key"] != key:
                return None
            of: dict[str, np.ndarray] = {name: held[name] for name in DOMAINS if name in held.files}
            good = all(each.dtype == np.float32 and each.ndim == 2 for each in of.values())
            return Predictions(of, {name: str(meta["data"][name]) for name in of}, key) if good else None
    except Exception:  # numpy raises nearly any exception on a damaged file
        return None


def predictions_of(network: PredictingNetwork, use: Path | None = None) -> Predictions:
    """The predictions of a run: from its file, or else made now and kept there.

    Raises CriterionUnavailableError if nothing predicts, CheckpointError if the run has no complete checkpoint, and
    DatasetError if its data are gone.
    """
    file = use or network.folder.path / FILE
    key = key_of(network)
    found = kept(file, key)
    if found is None:
        _ = network.predictor  # before any data are read: it may be that nothing predicts
        rows = {name: domain for name in DOMAINS if (domain := rows_of(network.data, name)) is not None}
        network.watcher.doing("predictions for criteria and ensembles")
        of = {str(name): network.predict(domain.samples).astype(np.float32) for name, domain in rows.items()}
        found = Predictions(of, {name: domain.fingerprint() for name, domain in rows.items()}, key)
        found.write(file)
    return found


def rows_of(data: TrainedEvaluation, name: DomainName) -> Domain | None:
    """The rows that are predicted: all of the target's test, and of others at most MOST, without the target's labels.

    Held-out source images that a dataset lacks are replaced by those of the training, as for label drift.
    """
    try:
        domain = data.sampled(name)
    except MetricUnavailableError:
        return rows_of(data, "source") if name == "source_test" else None
    if name == "target_test":
        return domain
    rows = domain.spread(MOST)
    return rows.unlabelled() if name == "target" else rows


def key_of(network: PredictingNetwork) -> str:
    """What the predictions depend on: the weights, and the settings of the run and its metrics."""
    folder: RunFolder = network.folder
    facts: dict[str, Any] = {"weights": checkpoint.weights_hash(folder.path), "format": FORMAT}
    return settings_hash({**network.plan.tables(), **facts})
