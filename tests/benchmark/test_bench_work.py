"""The process of a cell: it holds the cell's folder, and says in a file how it ended."""

from __future__ import annotations

import json

import pytest
from benchmark.records import record

from ganzoo.benchmark import work
from ganzoo.benchmark.jobs import HELD, NAME, code_of_job
from ganzoo.errors import InterruptedRunError
from ganzoo.system.lock import locked


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(NAME, "job-1")
    return tmp_path


def test_a_second_process_of_a_cell_ends_and_changes_nothing(place, capsys):
    with locked(place):
        assert work.main([str(place)]) == HELD
    assert "is in use by another process" in capsys.readouterr().out
    assert code_of_job(place, "job-1") == HELD
    assert not (place / "run").exists()


def test_the_note_of_the_process_that_has_the_cell_stays(place):
    (place / "jobs").mkdir()
    (place / "jobs" / "job-1.json").write_text(json.dumps({"host": "a", "code": 1}))
    with locked(place):
        assert work.main([str(place)]) == HELD
    assert code_of_job(place, "job-1") == 1


def test_a_finished_cell_is_not_run_again(place, monkeypatch):
    (place / "result.json").write_text(json.dumps(record("a", 0, [])))
    monkeypatch.setattr(work, "work", lambda *arguments: pytest.fail("it ran"))
    assert work.main([str(place)]) == 0


@pytest.mark.parametrize(
    ("raised", "code"), [(InterruptedRunError("stopped by SIGUSR2", 75), 75), (RuntimeError("odd"), work.BUG)]
)
def test_the_exit_code_is_written_down(place, monkeypatch, raised, code):
    def fail(*arguments):
        raise raised

    monkeypatch.setattr(work, "work", fail)
    assert work.main([str(place)]) == code
    assert code_of_job(place, "job-1") == code


def test_a_settings_file_that_is_absent_is_an_expected_failure(place, capsys):
    assert work.main([str(place)]) == work.EXPECTED_FAILURE
    assert "cell.toml cannot be read" in capsys.readouterr().out
