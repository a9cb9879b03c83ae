"""MLflow: its own default store, a database in the current folder, unless MLFLOW_TRACKING_URI names another."""

from __future__ import annotations

import csv
import io
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.tracker import RunCard, State, Tracker, flat_settings, plain_name

ganzoo_contract = 2

STATUS: Mapping[State, str] = {
    "complete": "FINISHED", "failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED",
}  # fmt: skip
PARAMETERS_AT_ONCE = 100  # MLflow refuses longer lists


class MLflow(Tracker):
    name = "mlflow"
    summary = "MLflow, in its local database or on the server that MLFLOW_TRACKING_URI names."
    library = "mlflow"
    install = "pip install 'ganzoo[mlflow]'"
    client: Any  # mlflow.MlflowClient: unlike mlflow.log_metric and its like it leaves the user's own runs alone
    run_id: str

    def started(self, settings: Mapping[str, Any], card: RunCard) -> str:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # no telemetry unless requested
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # the terminal belongs to the run

        self.client = MlflowClient()
        if card.id and self._goes_on(card.id):
            self.run_id = card.id
        else:
            tags = {"group": card.group, "folder": card.folder.name}
            made = self.client.create_run(self._experiment(), run_name=card.name, tags=tags)
            self.run_id = str(made.info.run_id)
            self._parameters(settings)
        self.look = f"mlflow ui, with the store {self.client.tracking_uri}"
        return self.run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.client.log_batch(self.run_id, [Metric(plain_name(key), value, now, step) for key, value in values.items()])

    def image(self, step: int, name: str, file: Path) -> None:
        from PIL import Image

        with Image.open(file) as picture:
            self.client.log_image(self.run_id, picture, artifact_file=f"{name}/step-{step:08d}.png")

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        self.client.log_text(self.run_id, text.getvalue(), f"tables/{plain_name(name)}.csv")

    def finished(self, state: State) -> None:
        self.client.set_tag(self.run_id, "state", state)
        self.client.set_terminated(self.run_id, STATUS[state])

    def _goes_on(self, run_id: str) -> bool:
        """Whether the run is in this store, and open again."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.update_run(run_id, status="RUNNING")
        except MlflowException:  # started in another folder, or deleted there
            return False
        return True

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ganzoo")
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def _parameters(self, settings: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        flat = flat_settings(settings).items()
        params = [Param(plain_name(key), str(value)) for key, value in flat]
        for start in range(0, len(params), PARAMETERS_AT_ONCE):
            self.client.log_batch(self.run_id, params=params[start : start + PARAMETERS_AT_ONCE])


@hookimpl
def ganzoo_trackers() -> Sequence[type[Tracker]]:
    return [MLflow]
