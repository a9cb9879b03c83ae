"""`--track`: what trackers are told, and that none of them can stop a run."""

import json
import re
from pathlib import Path

import pytest
from conftest import ROOT, TOY

from ganzoo.discovery.registry import registry
from ganzoo.errors import InterruptedRunError
from ganzoo.runs.tracking import Tracking

TRACKERS = Path(__file__).parents[1] / "tracker_plugin.py"
RUN = ("run", "shift", "--plugin", TOY, "--plugin", TRACKERS, "--dataset", "toy", "--steps", 6, "--batch-size", 4)
RUN = (*RUN, "--save-every", 3, "--log-every", 2, "--metrics", "fid", "--fid-extractors", "pixels", "--out", "out")


def told(folder):
    return [json.loads(line) for line in (folder / "notebook.jsonl").read_text().splitlines()]


def test_a_tracker_is_told_settings_losses_sheets_and_scores(ganzoo, tmp_path):
    result = ganzoo(*RUN, "--track", "notebook")
    assert result.exit_code == 0, result.output
    assert "tracked by notebook: out/notebook.jsonl" in result.output
    first, *rest, table, last = told(tmp_path / "out")
    assert {key: first[key] for key in ("name", "group", "first_step", "id")} == {
        "name": "out", "group": "toy", "first_step": 0, "id": ""
    }  # fmt: skip
    assert {"method", "train", "dataset", "data", "environment"} <= set(first["tables"])
    assert [(each["what"], each["step"]) for each in rest] == [
        ("log", 2), ("log", 3), ("image", 3), ("log", 4), ("log", 6), ("image", 6), ("log", 6)
    ]  # fmt: skip
    logged = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [{"step": each["step"], **each["values"]} for each in rest[:2]] == logged[:2]
    scores = json.loads((tmp_path / "out" / "metrics.json").read_text())["scores"]
    values = {each["name"]: each["value"] for each in scores if each["subject"] == "method"}
    assert rest[-1]["values"]["scores/fid[pixels]"] == values["fid[pixels]"]
    assert table["name"] == "scores"
    assert ["fid[pixels]", "method"] in [row[:2] for row in table["rows"]]
    assert last == {"what": "finished", "state": "complete"}


def test_a_run_with_trackers_leaves_the_same_log_settings_and_weights(ganzoo, tmp_path):
    ganzoo(*RUN, "--track", "notebook")
    ganzoo(*RUN[:-1], "plain")
    parameters = "checkpoints/step-00000006/parameters.safetensors"
    settings = [(tmp_path / out / "run.toml").read_text().replace(str(tmp_path / out), "") for out in ("out", "plain")]
    assert settings[0] == settings[1]
    for name in ("log.jsonl", parameters):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert not (tmp_path / "plain" / "trackers.json").exists()


def test_a_run_that_goes_on_is_the_same_run_to_its_tracker(ganzoo, tmp_path):
    ganzoo(*RUN, "--track", "notebook")
    (tmp_path / "out" / "metrics.json").unlink()
    for file in (tmp_path / "out" / "checkpoints" / "step-00000006").iterdir():
        file.unlink()
    before = len(told(tmp_path / "out"))
    with pytest.warns(UserWarning, match="step-00000006 is damaged"):
        ganzoo(*RUN, "--track", "notebook")
    again = told(tmp_path / "out")[before:]
    assert (again[0]["id"], again[0]["first_step"]) == ("page 7", 3)
    assert [each["step"] for each in again if each["what"] == "log"] == [4, 6, 6]


def test_a_tracker_that_fails_is_named_in_one_sentence_and_the_run_goes_on(ganzoo, tmp_path):
    result = ganzoo(*RUN, "--track", "falling", "--track", "unopened", "--track", "notebook")
    assert result.exit_code == 0, result.output
    for words in (
        "the tracker falling failed at step 4 and is disabled; the run continues (ConnectionError: the server is gone)",
        "the tracker unopened failed at the start and is disabled; the run continues (SystemExit: please log in)",
    ):
        assert result.output.count(words) == 1
    assert "and much more" not in result.output
    ended = [each["state"] for each in told(tmp_path / "out") if each["what"] == "finished"]
    assert ended == ["failed", "complete"]
    assert (tmp_path / "out" / "metrics.json").exists()


def test_the_time_that_trackers_take_is_no_part_of_what_a_run_costs(ganzoo, tmp_path):
    ganzoo(*RUN, "--track", "slow")
    (*_, last) = (tmp_path / "out" / "timing.jsonl").read_text().splitlines()
    assert 0 < json.loads(last)["seconds"] < 1.5  # the tracker took 1.9 seconds until then


def test_a_run_that_is_stopped_is_told_as_interrupted(toys, tmp_path):
    registry().add_file(TRACKERS)
    tracking = Tracking(["notebook"])

    def stopped():
        with tracking.closing():
            tracking.started(tmp_path, {})
            raise InterruptedRunError("stopped by SIGTERM", 143)

    with pytest.raises(InterruptedRunError):
        stopped()
    assert told(tmp_path)[-1] == {"what": "finished", "state": "interrupted"}


def test_a_run_that_diverges_is_told_as_diverged(ganzoo, tmp_path):
    assert ganzoo(*RUN, "--track", "notebook", "--explode-at", 5).exit_code == 1
    assert told(tmp_path / "out")[-1] == {"what": "finished", "state": "diverged"}


@pytest.mark.parametrize(
    ("tracker", "words"),
    [
        ("notebok", "there is no tracker 'notebok'; did you mean 'notebook'?"),
        (
            "absent",
            "--track absent: the library a_library_that_nobody_has is not installed; install it with: "
            "pip install a-library-that-nobody-has",
        ),
    ],
)
@pytest.mark.parametrize("command", [RUN, ("bench", "--plugin", TRACKERS)], ids=["run", "bench"])
def test_a_tracker_that_cannot_be_had_is_said_before_anything_starts(ganzoo, tmp_path, command, tracker, words):
    result = ganzoo(*command, "--track", tracker)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_named_like_a_library_is_no_library(ganzoo, tmp_path, monkeypatch):
    (tmp_path / "a_library_that_nobody_has").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "is not installed" in ganzoo(*RUN, "--track", "absent").output


def test_a_bench_tells_its_table_and_each_cell_its_run(ganzoo, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "toy.toml").write_text(
        "images = 16\nseeds = 1\ntrain = { batch_size = 4, save_every = 2, log_every = 2 }\n"
        'evaluate = { metrics = ["fid"] }\n[metric.fid]\nextractors = ["pixels"]\n[datasets.toy]\n'
        "settings = { count = 16 }\n[methods.shift]\n"
    )
    plugins = ("--plugin", TOY, "--plugin", TRACKERS)
    trackers = ("--track", "notebook", "--track", "falling")
    result = ganzoo("bench", "toy.toml", *plugins, *trackers, "--out", "mine")
    assert result.exit_code == 0, result.output
    assert "without the tracker falling, which failed: ConnectionError: the server is gone" in result.output
    whole = [each for each in told(tmp_path / "mine") if each["what"] == "table"]
    assert [each["name"] for each in whole] == ["results/toy", "results/toy"]  # of both trackers
    assert whole[0]["columns"][:2] == ["method", "fid[pixels] ↓"]
    assert "shift" in [row[0] for row in whole[0]["rows"]]
    (cell,) = (tmp_path / "mine" / "cells").iterdir()
    started = told(cell / "run")[0]
    assert (started["name"], started["group"]) == (cell.name, "mine")


def test_the_tracker_in_the_documentation_works_as_it_stands(ganzoo, tmp_path, capsys):
    text = (ROOT / "docs" / "trackers.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "printer.py").write_text(code)
    result = ganzoo(*RUN, "--plugin", "printer.py", "--track", "printer")
    assert result.exit_code == 0, result.output
    assert "tracked by printer" in result.output
    assert "2 {'shift/moments': " in result.output
    assert "complete" in result.output
