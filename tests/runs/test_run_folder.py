import subprocess
import sys

import pytest

from ganzoo.errors import ConfigError, GanzooError
from ganzoo.metric import Score
from ganzoo.runs.run_folder import RunFolder, differing

TABLES = {"run": {"method": "m"}, "train": {"steps": 5, "lr": 0.1}, "metric": {"fid": {"n": 1}}}


def test_a_new_folder_is_claimed_and_the_same_settings_resume(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert not folder.check(TABLES)
    folder.open(TABLES)
    assert folder.check(TABLES)
    folder.open(TABLES)
    assert folder.settings() == TABLES


@pytest.mark.parametrize(("call", "time"), [("os.mkdir", 2), ("os.fsync", 1), ("os.replace", 1)])
def test_a_process_killed_while_it_claims_a_folder_leaves_it_free_or_claimed(tmp_path, call, time):
    code = f"""
import os, sys
from pathlib import Path
from ganzoo.runs.run_folder import RunFolder
called, times = {call}, []
def killed(*args, **kwargs):
    times.append(1)
    if len(times) == {time}:
        os._exit(9)
    return called(*args, **kwargs)
{call} = killed
RunFolder(Path(sys.argv[1])).open({TABLES})
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=False)
    folder = RunFolder(tmp_path / "run")
    folder.open(TABLES)
    assert folder.settings() == TABLES
    assert (tmp_path / "run" / "samples").is_dir()


def test_a_folder_of_another_run_lists_what_differs(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(TABLES)
    with pytest.raises(ConfigError, match=r"train\.lr: 0\.1 -> 0\.2; train\.steps: 5 -> 6"):
        folder.open({**TABLES, "train": {"steps": 6, "lr": 0.2}})
    assert folder.settings() == TABLES


def test_a_metric_that_came_with_a_plugin_is_no_difference():
    assert not differing(TABLES, {**TABLES, "metric": {"fid": {"n": 1}, "new": {"n": 2}}})
    assert differing(TABLES, {**TABLES, "metric": {"fid": {"n": 3}}}) == ["metric.fid.n: 1 -> 3"]


def test_the_environment_may_differ():
    assert not differing({**TABLES, "environment": {"torch": "1"}}, {**TABLES, "environment": {"torch": "2"}})


def test_a_folder_with_other_files_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="is not empty and holds no ganzoo run"):
        RunFolder(tmp_path).open(TABLES)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GanzooError, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run").open(TABLES)


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no run: there is no run\.toml"):
        RunFolder(tmp_path).settings()


def test_rewinding_drops_later_and_torn_lines(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (1, 2, 3):
        folder.log(folder.log_file, {"step": step, "loss": step / 2})
    with folder.log_file.open("a") as file:
        file.write('{"step": 4, "lo')
    folder.rewind(2)
    assert folder.log_file.read_text() == '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 1.0}\n'


def test_scores_survive_the_file(tmp_path):
    folder = RunFolder(tmp_path)
    scores = [Score("fid[gaze]", 1.5, low=1.0, high=2.0, card={"n": 3}), Score("kid", None, reason="no weights")]
    folder.write_scores(scores, {"method": "m"})
    assert folder.scores() == scores


@pytest.mark.parametrize("content", ["{", "[]", '{"scores": [{"nonsense": 1}]}'])
def test_damaged_scores_are_named(tmp_path, content):
    folder = RunFolder(tmp_path)
    folder.scores_file.write_text(content)
    with pytest.raises(ConfigError, match=r"metrics\.json is damaged"):
        folder.scores()
