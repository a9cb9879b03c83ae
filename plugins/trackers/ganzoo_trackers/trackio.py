"""trackio: a database on this machine, which `trackio show` opens in a browser."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.tracker import RunCard, State, Tracker, flat_settings

ganzoo_contract = 2

PROJECT = "ganzoo"


class Trackio(Tracker):
    name = "trackio"
    summary = "trackio's database on this machine, or the Space that TRACKIO_SPACE_ID names."
    library = "trackio"
    install = "pip install 'ganzoo[trackio]'"
    run: Any  # trackio.Run
    step: int  # the last one: entries without a step are logged there

    def started(self, settings: Mapping[str, Any], card: RunCard) -> str:
        import trackio

        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        with redirect_stdout(io.StringIO()):  # standard output is for results
            self.run = trackio.init(
                project,
                name=card.id or card.name,
                group=card.group or None,
                config=flat_settings(settings),
                resume="allow" if card.id else "never",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        self.step = card.first_step
        self.look = f"trackio show --project {project}"
        return str(self.run.name)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.step = step
        self.run.log(dict(values), step=step)

    def image(self, step: int, name: str, file: Path) -> None:
        import trackio

        self.run.log({name: trackio.Image(str(file))}, step=step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        import trackio

        self.run.log({name: trackio.Table(columns=list(columns), data=[list(row) for row in rows])}, step=self.step)

    def finished(self, state: State) -> None:
        import trackio

        self.run.log({"state": state}, step=self.step)
        with redirect_stdout(io.StringIO()):
            trackio.finish()  # the run's own `finish` would be called again when the process ends


@hookimpl
def ganzoo_trackers() -> Sequence[type[Tracker]]:
    return [Trackio]
