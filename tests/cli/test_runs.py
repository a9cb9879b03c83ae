"""`ganzoo runs` and `ganzoo doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import TOY

from ganzoo.system.lock import locked

RUN = ("run", "shift", "--dataset", "toy", "--plugin", TOY, "--batch-size", 8, "--save-every", 4, "--metrics", "none")


@pytest.fixture
def runs(ganzoo, tmp_path: Path) -> Path:
    """A complete run and a diverged one."""
    folder = tmp_path / "runs"
    assert ganzoo(*RUN, "--steps", 4, "--out", folder / "whole").exit_code == 0
    assert ganzoo(*RUN, "--steps", 20, "--explode-at", 9, "--out", folder / "deep" / "broken").exit_code == 1
    return folder


def states(ganzoo, folder: Path) -> dict[str, str]:
    lines = ganzoo("runs", "list", folder).output.splitlines()
    words = ("running", "complete", "trained", "diverged", "collapsed", "interrupted")
    return {name: next(word for word in words if word in line) for name in ("whole", "broken") for line in lines
            if name in line}  # fmt: skip


def test_the_list_says_what_became_of_each_run(ganzoo, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert states(ganzoo, runs) == {"whole": "complete", "broken": "diverged"}
    with locked(runs / "whole"):
        assert states(ganzoo, runs)["whole"] == "running"
    (runs / "whole" / "metrics.json").unlink()
    assert states(ganzoo, runs)["whole"] == "trained"
    (runs / "deep" / "broken" / "diverged.txt").unlink()
    assert states(ganzoo, runs)["broken"] == "interrupted"


def test_a_damaged_run_hides_no_other(ganzoo, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    (runs / "deep" / "broken" / "run.toml").write_text("no toml [")
    assert states(ganzoo, runs) == {"whole": "complete", "broken": "diverged"}


def test_one_run_is_shown_with_its_settings_and_why_it_ended(ganzoo, runs):
    said = ganzoo("runs", "show", runs / "deep" / "broken").output
    assert "explode_at = 9" in said
    assert "state: diverged, step 8" in said
    assert "shift diverged" in said


def test_runs_are_deleted_after_asking_and_nothing_else_is(ganzoo, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("click.confirm", lambda question: False)
    assert ganzoo("runs", "rm", runs / "whole").exit_code == 0
    assert (runs / "whole").exists()
    assert ganzoo("runs", "rm", runs / "whole", "--yes").exit_code == 0
    assert not (runs / "whole").exists()
    (tmp_path / "photos").mkdir()
    refused = ganzoo("runs", "rm", tmp_path / "photos", "--yes")
    assert refused.exit_code == 2
    assert "holds no run" in refused.output
    assert (tmp_path / "photos").exists()


def test_a_run_that_is_in_use_is_not_deleted(ganzoo, runs):
    with locked(runs / "whole"):
        refused = ganzoo("runs", "rm", runs / "whole", "--yes")
    assert refused.exit_code == 1
    assert "in use by another process" in refused.output
    assert (runs / "whole").exists()


def test_the_doctor_names_what_a_bug_report_needs(ganzoo, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    said = ganzoo("doctor")
    assert said.exit_code == 0
    for words in (
        "torch ",
        "--precision auto is",
        "inception: weights",
        "simgan (ganzoo",
        "free space",
        "prepared stores",
    ):
        assert words in said.output


def test_a_collapsed_run_says_so_and_goes_on_without_the_option(ganzoo, toys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(toys.get("methods", "shift"), "diagnose", lambda self, means: ["Dark: 1 of 255 grey levels."])
    command = ["run", "shift", "--dataset", "toy", "--batch-size", 8, "--log-every", 2, "--metrics", "none"]
    command += ["--steps", 12, "--save-every", 4, "--out", tmp_path / "runs" / "broken"]
    ended = ganzoo(*command, "--stop-on-collapse", "--collapse-steps", 6)
    assert ended.exit_code == 1
    assert "shift was stopped at step 8 by --stop-on-collapse" in ended.output
    assert states(ganzoo, tmp_path / "runs") == {"broken": "collapsed"}
    assert "Dark: 1 of 255" in ganzoo("runs", "show", tmp_path / "runs" / "broken").output
    assert ganzoo(*command).exit_code == 0
    assert states(ganzoo, tmp_path / "runs") == {"broken": "complete"}
