"""Settings, suites, and the files of runs and benches."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import click
from benchmark.records import failure, record, score
from hypothesis import strategies as st

from fuzzing.mutation import edited, json_files, toml_files
from fuzzing.target import Target
from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.suite import load_suite, narrowed
from ganzoo.cli import main
from ganzoo.configuration.toml import write_toml
from ganzoo.errors import GanzooError
from ganzoo.report.curves import loss_curves
from ganzoo.runs.experiment import make_plan, plan_of_run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.runs.tracking import FILE as TRACKERS
from ganzoo.runs.tracking import _ids

PAIR = {"dataset": {"source": "s.npz", "target": "t.npz", "test_people": [1, 2], "source_range": [0, 1.5, 0, 1]}}
RUN: dict[str, Any] = {
    **make_plan("simgan", "pair", None, {"options": PAIR}).tables(),
    "data": {"channels": 1, "height": 24, "width": 40, "task": "GazeTask"},
    "environment": {"ganzoo": "0.1.0", "cpu_threads": 1},
}
SUITE = {
    "summary": "A suite.",
    "images": 1000,
    "seeds": 2,
    "methods": {"identity": {}, "mine": {"method": "constant", "role": "floor", "train": {"batch_size": 8}}},
    "datasets": {"pair": {"settings": {"source": "s.npz", "target": "t.npz"}, "needs": ["source"]}},
    "train": {"log_every": 10},
    "evaluate": {"metrics": ["label-drift"], "samples": 10},
    "metric": {"label-drift": {}},
    "reference": "identity",
    "planes": [["fid[gaze]", "gaze_error_deg"]],
}
LOG = [{"step": 1, "refiner/adversarial": 0.5, "warnings": ["low"]}, {"step": 2, "refiner/adversarial": 0.25}]
TIMING = [{"step": 1, "seconds": 0.5, "images": 64}, {"step": 2, "seconds": 1.5, "images": 128}]
CURVE = {"true yaw (deg)": [{"low": -5.0, "high": 5.0, "value": 2.0, "count": 9}]}
SCORES = [
    {**score("gaze_error_deg", 5.25, low=4.0, high=6.0, profiles=CURVE), "card": {"images": 3}},
    {**score("fid[gaze]", None, reason="too few"), "card": {}},
    {**score("gaze_error_deg", 7.5, "constant"), "card": {"images": 3}},
]
METRICS = {"method": "simgan", "dataset": "pair", "step": 2, "scores": SCORES}


def command(*arguments: object) -> None:
    """`ganzoo ARGUMENTS...`. Raises GanzooError with the sentence that a user would see."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main.main([str(each) for each in arguments], prog_name="ganzoo", standalone_mode=False)
        except click.ClickException as error:
            raise GanzooError(error.format_message()) from error
    said.getvalue().encode()  # a terminal could show it


def _settings(content: bytes, folder: Path) -> None:
    (folder / "given.toml").write_bytes(content)
    with mock.patch("ganzoo.cli.run.train_and_measure") as run:
        command("run", "simgan", "--config", folder / "given.toml")
    plan = run.call_args.args[0]
    assert make_plan(plan.method.name, plan.dataset.name, None, {"file": plan.tables()}).tables() == plan.tables()


def _suite(content: bytes, folder: Path) -> None:
    (folder / "given.toml").write_bytes(content)
    suite = narrowed(load_suite(str(folder / "given.toml")))
    bench = BenchFolder(folder / "benches" / suite.name)
    bench.open(suite, 1)
    assert bench.path.parent == folder / "benches"
    assert repr(bench.suite()) == repr(suite)
    cells = cells_of(suite, {})
    assert len(cells) == suite.seeds * len(suite.methods) * len(suite.datasets)
    assert all(Path(cell.id).name == cell.id for cell in cells)


def _bench(files: tuple[bytes, bytes], folder: Path) -> None:
    (folder / "bench.toml").write_bytes(files[0])
    (folder / "results.jsonl").write_bytes(files[1])
    BenchFolder(folder).write()
    assert (folder / "report.html").read_text(encoding="utf-8").count("<script") == 1  # ours
    json.loads((folder / "table.json").read_text(encoding="utf-8"))


def _run(files: tuple[bytes, bytes, bytes, bytes], folder: Path) -> None:
    place = RunFolder(folder / "run")
    place.path.mkdir()
    written = (place.settings_file, place.log_file, place.timing_file, place.scores_file)
    for file, content in zip(written, files, strict=True):
        file.write_bytes(content)
    command("runs", "list", folder)
    place.rewind(1)
    seconds, images = place.spent()
    assert seconds >= 0
    assert isinstance(images, int)
    (place.path / TRACKERS).write_bytes(files[3])
    assert all(isinstance(each, str) for each in _ids(place.path / TRACKERS).values())
    loss_curves(place.logged(place.log_file), place.curves_file, "a run")
    place.check(RUN)
    plan_of_run(place)
    place.scores()
    command("runs", "show", place.path)


def _lines(records: list[Any]) -> st.SearchStrategy[bytes]:
    def joined(lines: list[bytes]) -> bytes:
        return b"\n".join(lines) + b"\n"

    return st.lists(st.one_of(*(json_files([each]) for each in records)), max_size=4).map(joined)


def targets() -> list[Target]:
    records = [
        record(
            name,
            seed,
            [{**each, "card": "c"} for each in SCORES],
            dataset_card={"path": "a.npz"},
            environment={"torch": "2"},
            settings=RUN,
        )
        for name in ("identity", "mine")
        for seed in (0, 1)
    ]
    records.append(failure("broken", 0, "it failed"))
    whole = "".join(json.dumps(each) + "\n" for each in records).encode()
    bench = write_toml({"suite": SUITE, "cells": {"threads": 1}}).encode()
    results = st.one_of(st.just(whole), _lines(records), edited([records]).map(_jsonl))
    run, log, timing, metrics = (toml_files([RUN]), _lines(LOG), _lines(TIMING), json_files([METRICS]))
    good = write_toml(RUN).encode()
    return [
        Target("run settings (toml)", toml_files([RUN, PAIR]), _settings, ("given.toml",)),
        Target("suite (toml)", toml_files([SUITE]), _suite, ("given.toml", "suite given", "/benches/")),
        Target(
            "bench folder (toml, jsonl)",
            st.tuples(st.one_of(st.just(bench), toml_files([{"suite": SUITE, "cells": {"threads": 1}}])), results),
            _bench,
            share=0.1,
        ),
        Target(
            "run folder (toml, jsonl, json)",
            st.tuples(st.one_of(st.just(good), st.just(good), run), log, timing, metrics),
            _run,
            share=0.1,
        ),
    ]


def _jsonl(records: list[Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in records).encode()
