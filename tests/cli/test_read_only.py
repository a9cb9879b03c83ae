"""A folder that cannot be written is found out first, and a score that was measured is shown whatever happens."""

import errno
import json
import shutil
import subprocess

import pytest
from conftest import TOY

from ganzoo.errors import GanzooError
from ganzoo.files.output import check_writable
from ganzoo.runs.run_folder import RunFolder

RUN = ("run", "shift", "--plugin", TOY, "--dataset", "toy", "--count", 16, "--steps", 2, "--batch-size", 4)
RUN = (*RUN, "--device", "cpu", "--metrics", "fid", "--fid-extractors", "pixels", "--out", "out")


@pytest.fixture
def read_only(ganzoo, tmp_path):
    """A finished run in a folder that is mounted to be read."""
    assert ganzoo(*RUN).exit_code == 0
    out = str(tmp_path / "out")
    for command in (["mount", "--bind", out, out], ["mount", "-o", "remount,ro,bind", out]):
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting takes root")
    yield tmp_path / "out"
    subprocess.run(["umount", "--lazy", out], check=True)


def test_a_run_in_a_read_only_folder_is_measured_and_shown(ganzoo, read_only):
    with pytest.warns(UserWarning, match="out cannot be written: .*; the scores are shown but not saved"):
        result = ganzoo("evaluate", "out")
    assert result.exit_code == 0
    assert "fid[pixels]" in result.output


def test_its_scores_can_be_kept_elsewhere(ganzoo, read_only, tmp_path):
    assert ganzoo("evaluate", "out", "--out", "scores.json").exit_code == 0
    assert json.loads((tmp_path / "scores.json").read_text())["scores"][0]["name"] == "fid[pixels]"


def test_training_on_there_is_refused_first(ganzoo, read_only, monkeypatch):
    monkeypatch.setattr("ganzoo.runs.experiment.train", lambda *_: pytest.fail("trained"))
    result = ganzoo(*RUN, "--steps", 4)
    assert result.exit_code == 1
    assert "out cannot be written: Read-only file system" in result.output


def test_exporting_there_is_refused_in_a_sentence(ganzoo, read_only):
    result = ganzoo("export", "out", "--format", "safetensors")
    assert result.exit_code == 1
    assert "out/export cannot be written: Read-only file system" in result.output


@pytest.mark.parametrize("command", [RUN, ("evaluate", "out")])
def test_scores_are_shown_also_where_the_disk_fails_at_the_end(ganzoo, monkeypatch, command):
    if command != RUN:
        ganzoo(*RUN)
    replace = RunFolder.replace

    def full(self, file, text):
        if file == self.scores_file:
            raise GanzooError(f"{file} cannot be written: no space left on device")
        replace(self, file, text)

    monkeypatch.setattr(RunFolder, "replace", full)
    result = ganzoo(*command)
    assert result.exit_code == 1
    assert "fid[pixels]" in result.stdout
    assert "metrics.json cannot be written: no space left" in result.output


def test_a_folder_that_is_to_be_made_is_looked_for_above(tmp_path, monkeypatch):
    check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())

    def refuse(dir):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("ganzoo.files.output.TemporaryFile", refuse)
    with pytest.raises(GanzooError, match="a/b cannot be written: Read-only file system"):
        check_writable(tmp_path / "a" / "b")
