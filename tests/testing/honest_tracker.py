"""A tracker that keeps the whole contract."""

from __future__ import annotations

import json

from ganzoo.tracker import Tracker


class Honest(Tracker):
    name = "honest"
    summary = "Writes down what it is told."

    def started(self, settings, card) -> str:
        self.file = card.folder / "told.txt"
        self.note(json.dumps(settings))
        return card.id or "page-7"

    def note(self, text: str) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def log(self, step, values) -> None:
        self.note(f"{step} {dict(values)}")

    def image(self, step, name, file) -> None:
        self.note(f"{step} {name} {len(file.read_bytes())}")

    def table(self, name, columns, rows) -> None:
        self.note(f"{name} {columns} {rows}")

    def finished(self, state) -> None:
        self.note(state)
