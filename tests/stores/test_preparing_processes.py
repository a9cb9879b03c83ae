"""Several processes that read: the order of pieces, and what becomes of them when one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from counted import contents
from stores.test_preparing import prepared

from ganzoo.errors import GanzooError

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


def test_processes_and_pieces_keep_their_order(tmp_path: Path) -> None:
    prepared(tmp_path / "one", pieces=20)
    prepared(tmp_path / "two", pieces=20, jobs=2)  # enough pieces to start processes
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_killed_reader_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=r"process that read the archive was killed .*with --jobs 1"):
        prepared(tmp_path / "store", pieces=20, killed=7, jobs=2)
    assert not (tmp_path / "store").exists()


@needs_proc
def test_readers_end_with_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import pathlib; from counted import *; from ganzoo.stores.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        f"    archive = Counted(CountedConfig(pieces=500, seconds=0.05), pathlib.Path({str(tmp_path)!r}))\n"
        f"    prepare(archive, pathlib.Path({str(tmp_path / 'store')!r}), jobs=2, quiet=True)"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    tests = str(Path(__file__).parents[1])
    running = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": _path_with(tests)})
    journal = tmp_path / "store.partial" / "journal.jsonl"
    listed = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    while not (journal.exists() and journal.stat().st_size):
        assert running.poll() is None
        time.sleep(0.02)
    readers = [int(child) for child in listed.read_text().split()]
    running.kill()
    running.wait()
    assert len(readers) >= 2
    end = time.monotonic() + 20
    while any(_runs(reader) for reader in readers):
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _path_with(folder: str) -> str:
    return os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
