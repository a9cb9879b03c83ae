"""A plugin in a file with trackers: one that writes down what it is told, and others that get in its way."""

from __future__ import annotations

import json
import time
from typing import Any

from ganzoo import hookimpl
from ganzoo.tracker import Tracker


class Notebook(Tracker):
    name = "notebook"
    summary = "Writes what it is told into RUN/notebook.jsonl."

    def started(self, settings, card) -> str:
        self.file = card.folder / "notebook.jsonl"
        self.look = str(self.file)
        facts = {"name": card.name, "group": card.group, "first_step": card.first_step, "id": card.id}
        self._write("started", **facts, tables=sorted(settings))
        return "page 7"

    def log(self, step, values) -> None:
        self._write("log", step=step, values=dict(values))

    def image(self, step, name, file) -> None:
        self._write("image", step=step, name=name, file=file.name)

    def table(self, name, columns, rows) -> None:
        self._write("table", name=name, columns=list(columns), rows=[list(row) for row in rows])

    def finished(self, state) -> None:
        self._write("finished", state=state)

    def _write(self, what: str, **facts: Any) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps({"what": what, **facts}) + "\n")


class Falling(Notebook):
    name = "falling"
    summary = "Fails at step 4."

    def log(self, step, values) -> None:
        if step == 4:
            raise ConnectionError("the server is gone\nand much more")


class Unopened(Notebook):
    name = "unopened"
    summary = "Cannot start."

    def started(self, settings, card) -> str:
        raise SystemExit("please log in")


class Slow(Notebook):
    name = "slow"
    summary = "Takes its time."

    def started(self, settings, card) -> str:
        time.sleep(1)
        return super().started(settings, card)

    def log(self, step, values) -> None:
        time.sleep(0.3)


class Absent(Notebook):
    name = "absent"
    summary = "Its library is not there."
    library = "a_library_that_nobody_has"
    install = "pip install a-library-that-nobody-has"


@hookimpl
def ganzoo_trackers():
    return [Notebook, Falling, Unopened, Slow, Absent]
