"""A run's folder: settings, log and results."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.configuration.toml import read_toml, write_toml
from ganzoo.errors import ConfigError, GanzooError
from ganzoo.files import strict_json
from ganzoo.files.output import writing
from ganzoo.metric import Score
from ganzoo.system.atomic import beside, write_text
from ganzoo.training import checkpoint
from ganzoo.training.config import WHEN_TO_STOP

TABLES = ("run", "method", "dataset", "train", "evaluate", "metric")  # what must agree to resume a run
FREE = tuple(f"train.{name}" for name in WHEN_TO_STOP)  # except for these
STEPS = ("train.steps",)  # and, for a finished run, this one


class RunFolder:
    """Reads and writes the files of one run. Files are replaced as a whole, so that none is ever half-written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings_file = path / "run.toml"
        self.log_file = path / "log.jsonl"  # loss terms and warnings: identical for identical runs
        self.timing_file = path / "timing.jsonl"  # how long it took
        self.scores_file = path / "metrics.json"
        self.curves_file = path / "curves.png"
        # why it did not finish
        self.ending_files = {"diverged": path / "diverged.txt", "collapsed": path / "collapsed.txt"}

    def check(self, tables: Mapping[str, Any], free: Collection[str] = ()) -> bool:
        """Whether the folder already holds a run with these settings, save those in `free` ("table.key").

        A finished run may be given more steps. Raises ConfigError, listing the differing keys, if
        the folder holds another run, or other files.
        """
        if self.settings_file.exists():
            raised = STEPS if self._goes_past_its_end(tables) else ()
            if different := differing(self.settings(), tables, {*free, *raised}):
                raise ConfigError(
                    f"{self.path} holds a run with other settings ({'; '.join(different)}); "
                    "give another --out, or the same settings to resume it"
                    + ("; --steps can be raised when the run is finished" if _raised(different) else "")
                )
        elif self.path.is_dir() and any(file != beside(self.settings_file) for file in self.path.iterdir()):
            raise ConfigError(f"--out {self.path} is not empty and holds no ganzoo run; give another folder")
        return self.settings_file.exists()

    def open(self, tables: Mapping[str, Any], free: Collection[str] = ()) -> None:
        """Claim the folder for a run with these settings, or resume the one that is there."""
        if self.check(tables, free):
            self._go_on(tables)
        else:  # run.toml comes first: a process killed here leaves a folder that the next attempt accepts
            self._make(self.path)
            self.replace(self.settings_file, write_toml(tables))
        self._make(self.path / "samples")

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GanzooError(f"--out {self.path} cannot be written: {error.strerror}") from error

    def _goes_past_its_end(self, tables: Mapping[str, Any]) -> bool:
        """Whether the run is at its last step, and `tables` ask for more."""
        planned, wanted = planned_steps(self.settings()), planned_steps(tables)
        if not planned or not wanted or wanted <= planned or planned not in checkpoint.steps(self.path):
            return False
        newest = checkpoint.latest(self.path)
        return newest is not None and newest.name.endswith(f"-{planned:08d}")

    def _go_on(self, tables: Mapping[str, Any]) -> None:
        """Record in run.toml the current place of the data and number of steps; the scores of the end that was
        planned before are kept under another name."""
        old = self.settings()
        new = {**old, **{key: table for key, table in tables.items() if key == "dataset"}}
        planned, wanted = planned_steps(old), planned_steps(tables)
        if planned and wanted != planned:
            new["train"] = {**old["train"], "steps": wanted}
            origin = old.get("origin", {})
            new["origin"] = {**origin, "ends": [*origin.get("ends", ()), planned]}
            with writing(self.scores_file):
                if self.scores_file.exists():
                    os.replace(self.scores_file, self.path / f"metrics-step-{planned:08d}.json")
        if new != old:
            self.replace(self.settings_file, write_toml(new))

    def ended(self, how: str, why: str) -> None:
        """Record why a run did not finish; `how` is a key of `ending_files`."""
        self.replace(self.ending_files[how], f"{why}\n")

    def begin(self) -> None:
        """Forget how an earlier attempt ended."""
        for file in self.ending_files.values():
            with writing(file):
                if file.exists():
                    file.unlink()

    def settings(self) -> dict[str, Any]:
        """The tables of run.toml. Raises ConfigError if the folder holds no run."""
        if not self.settings_file.is_file():
            raise ConfigError(f"{self.path} holds no run: there is no run.toml in it")
        return read_toml(self.settings_file)

    def log(self, file: Path, record: Mapping[str, Any]) -> None:
        """Append one line, which has the key "step"."""
        with writing(file), file.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record) + "\n")

    def rewind(self, step: int) -> None:
        """Drop the log lines after `step`, which a resumed run writes again, and a torn last line."""
        for file in (self.log_file, self.timing_file):
            if file.exists():
                kept = [record for record in self.logged(file) if record["step"] <= step]
                self.replace(file, "".join(json.dumps(record) + "\n" for record in kept))

    def logged(self, file: Path) -> list[dict[str, Any]]:
        """The lines of a log, without any that is damaged."""
        records = []
        if file.is_file():
            try:
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError as error:
                raise GanzooError(f"{file} cannot be read: {error.strerror}") from error
            for line in lines:
                try:
                    record = strict_json.parse(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and strict_json.is_whole(record.get("step")):
                    records.append(record)
        return records

    def spent(self) -> tuple[float, int]:
        """Seconds of training and images drawn, by the last line of timing.jsonl that says so."""
        for record in reversed(self.logged(self.timing_file)):
            seconds, images = record.get("seconds"), record.get("images")
            if type(seconds) in (int, float) and 0 <= seconds < 2**53 and strict_json.is_whole(images):
                return float(seconds), int(images)
        return 0.0, 0

    def write_scores(self, scores: Sequence[Score], facts: Mapping[str, Any], file: Path | None = None) -> None:
        """Write metrics.json, or the file that is given instead."""
        document = {**facts, "scores": [score.to_json() for score in scores]}
        self.replace(file or self.scores_file, json.dumps(document, indent=1, default=str) + "\n")

    def scores(self) -> list[Score] | None:
        """The scores of metrics.json, or None if the run has not been evaluated."""
        if not self.scores_file.exists():
            return None
        try:
            document = strict_json.parse(self.scores_file.read_bytes())
            if not isinstance(document, dict) or not isinstance(document.get("scores"), list):
                raise ValueError('expected an object with the list "scores"')
            return [Score.from_json(each) for each in document["scores"]]
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.scores_file} is damaged; delete it to have the run evaluated again") from error

    def replace(self, file: Path, text: str) -> None:
        """Write a temporary file and rename it. Raises GanzooError if the disk refuses."""
        with writing(file):
            write_text(file, text)


def differing(old: Mapping[str, Any], new: Mapping[str, Any], free: Collection[str] = ()) -> list[str]:
    """The settings in which two runs differ, as `table.key: old -> new`, save those in `free`.

    A metric that only one of them knows, because plugins changed, is not a difference; nor is when to give up.
    """
    found = []
    for table in TABLES:
        left, right = old.get(table, {}), new.get(table, {})
        if table == "metric" and isinstance(left, Mapping):
            left, right = {k: v for k, v in left.items() if k in right}, {k: v for k, v in right.items() if k in left}
        before, after = _flat(left, table), _flat(right, table)
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key) and key not in {*FREE, *free}:
                found.append(f"{key}: {before.get(key, 'unset')} -> {after.get(key, 'unset')}")
    return found


def planned_steps(tables: Mapping[str, Any]) -> int:
    """The steps that the settings of a run ask for; 0 if they are damaged."""
    train = tables.get("train")
    steps = train.get("steps", 0) if isinstance(train, Mapping) else 0
    return steps if type(steps) is int else 0


def _raised(different: Sequence[str]) -> bool:
    """Whether two runs differ only in that one has more steps."""
    key, *words = different[0].split() if len(different) == 1 else [""]
    return key == "train.steps:" and words[0].isdigit() and int(words[0]) < int(words[2])


def _flat(table: Any, prefix: str) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        return {prefix: table}
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat.update(_flat(value, f"{prefix}.{key}"))
    return flat
