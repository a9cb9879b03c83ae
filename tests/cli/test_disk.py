"""Disks that fill up, become read-only or fail once, for real where the system allows it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_disk import small_disk

from ganzoo.discovery.registry import registry
from ganzoo.training import checkpoint

RUN = ("run", "shift", "--dataset", "toy", "--count", 16, "--steps", 24, "--batch-size", 4, "--save-every", 4)
RUN = (*RUN, "--log-every", 2, "--metrics", "none", "--out")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 2 MiB."""
    with small_disk(tmp_path / "disk", "2m") as folder:
        yield folder


@pytest.fixture
def at_update(toys, monkeypatch) -> Callable[[int, Callable[[], object]], None]:
    """Have something happen in the middle of a run, once."""

    def plan(update: int, happens: Callable[[], object]) -> None:
        cls = registry().get("methods", "shift")
        loss, happened = cls.loss, []

        def watched(self, batch):
            if int(self.updates) == update and not happened:
                happened.append(happens())
            return loss(self, batch)

        monkeypatch.setattr(cls, "loss", watched)

    return plan


def end_of(out: Path) -> tuple[str, bytes]:
    return (out / "log.jsonl").read_text(), (out / "checkpoints/step-00000024/parameters.safetensors").read_bytes()


@pytest.fixture
def undisturbed(ganzoo, toys, tmp_path: Path) -> tuple[str, bytes]:
    assert ganzoo(*RUN, tmp_path / "whole").exit_code == 0
    return end_of(tmp_path / "whole")


def one_sentence(result) -> str:
    """The error, which is all that is said of the failure."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, result.output
    return errors[0]


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with contextlib.suppress(OSError), (disk / "rest").open("wb", buffering=0) as file:
        while True:
            file.write(b"0")
    assert shutil.disk_usage(disk).free == 0


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(ganzoo, disk, at_update, undisturbed):
    at_update(10, lambda: fill(disk))
    sentence = one_sentence(ganzoo(*RUN, disk / "run"))
    assert "No space left on device" in sentence
    assert checkpoint.latest(disk / "run").name == "step-00000008"
    assert "No space left on device" in one_sentence(ganzoo(*RUN, disk / "run"))  # still full
    assert checkpoint.latest(disk / "run").name == "step-00000008"
    (disk / "filler").unlink()
    (disk / "rest").unlink()
    result = ganzoo(*RUN, disk / "run")
    assert result.exit_code == 0, result.output
    assert "resuming from step 8 of 24" in result.output
    assert end_of(disk / "run") == undisturbed


def make_read_only(folder: Path, read_only: bool) -> None:
    """Forbid or allow changes; root is not kept out by modes, so it is by the immutable flag."""
    for path in (folder, folder / "checkpoints", folder / "log.jsonl", folder / "timing.jsonl"):
        if os.geteuid() != 0:
            path.chmod(0o555 if read_only else 0o755)
            continue
        flag = "+i" if read_only else "-i"
        changed = shutil.which("chattr") and subprocess.run(["chattr", flag, str(path)], capture_output=True).returncode
        if changed != 0:
            pytest.skip("this file system has no immutable flag, and modes do not keep root out")


def test_a_run_folder_made_read_only_is_said_and_the_run_goes_on_when_it_is_not(
    ganzoo, tmp_path, at_update, undisturbed
):
    out = tmp_path / "run"
    at_update(10, lambda: make_read_only(out, True))
    try:
        sentence = one_sentence(ganzoo(*RUN, out))
        assert f"{out}/log.jsonl cannot be written" in sentence
        assert checkpoint.latest(out).name == "step-00000008"
        assert str(out) in one_sentence(ganzoo(*RUN, out))  # still read-only
    finally:
        make_read_only(out, False)
    result = ganzoo(*RUN, out)
    assert result.exit_code == 0, result.output
    assert end_of(out) == undisturbed


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_once_is_said_and_the_run_goes_on(
    ganzoo, tmp_path, at_update, undisturbed, monkeypatch, call
):
    """No disk fails on demand, so the system's call is made to, once, in the checkpoint after update 10."""
    works, out = getattr(os, call), tmp_path / "run"

    def fails(*arguments):
        if call == "replace" and "checkpoints" not in str(arguments[0]):
            return works(*arguments)  # a picture, which is written at the same time
        monkeypatch.setattr(os, call, works)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    at_update(10, lambda: monkeypatch.setattr(os, call, fails))
    sentence = one_sentence(ganzoo(*RUN, out))
    assert "cannot save" in sentence
    assert "step-00000012: Input/output error; earlier checkpoints are kept" in sentence
    assert [path.name for path in sorted((out / "checkpoints").iterdir())] == ["step-00000004", "step-00000008"]
    result = ganzoo(*RUN, out)
    assert result.exit_code == 0, result.output
    assert end_of(out) == undisturbed


def test_pictures_that_cannot_be_written_lose_no_weights_and_are_drawn_later(ganzoo, tmp_path, at_update, undisturbed):
    out = tmp_path / "run"
    samples = out / "samples"
    at_update(10, lambda: (shutil.rmtree(samples), samples.write_text("no folder")))
    assert f"{samples}/step-00000012.png cannot be written" in one_sentence(ganzoo(*RUN, out))
    assert checkpoint.latest(out).name == "step-00000012"
    samples.unlink()
    samples.mkdir()
    assert ganzoo(*RUN, out).exit_code == 0
    assert (samples / "step-00000012.png").exists()
    assert end_of(out) == undisturbed
