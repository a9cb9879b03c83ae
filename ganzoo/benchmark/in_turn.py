"""The process of a job with several cells: `python -m ganzoo.benchmark.in_turn FOLDER ... -- [OPTION ...]`.

It runs `ganzoo.benchmark.work` in each folder, one after the other and each in a process of its own, so that no cell
sees what another one left in memory. A cell that fails does not keep the others from running. Asked to stop, it has the
cell that runs save, and starts no other one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ganzoo.benchmark.jobs import HELD, NAME, code_of_job, note_end
from ganzoo.engine import LOG, TIED
from ganzoo.training.signals import RESUMABLE, STOP

SAVE_AND_END = "SIGUSR2"  # unlike SIGTERM, it may reach a cell twice, from the engine and from here


class InTurn:
    """Runs cells until none is left, or a signal says to stop."""

    def __init__(self, folders: Sequence[Path], options: Sequence[str]) -> None:
        self.folders, self.options = folders, options
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = ""  # the name of the signal that asked

    def run(self) -> int:
        """The exit code of the last cell that ran, or that of the signal."""
        code = 0
        for folder in self.folders:
            code = self._run(folder)
            if self.stopped or code in STOP.values():  # the engine may have told the cell alone
                break
        return STOP[self.stopped] if self.stopped else code

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: pass it on, as one that lets the cell save."""
        self.stopped = signal.Signals(number).name
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(getattr(signal, SAVE_AND_END, signal.SIGTERM))

    def _run(self, folder: Path) -> int:
        command = (sys.executable, "-m", "ganzoo.benchmark.work", str(folder), *self.options)
        with (folder / LOG).open("ab") as log:
            # tied: the cell ends with this process, however that ends
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, TIED: "1"}
            )
        if self.stopped:  # while it was started
            self.hear(getattr(signal, self.stopped), None)
        code = self.process.wait()
        if code not in (0, HELD) and code_of_job(folder, Path(os.environ.get(NAME, "")).name) is None:
            note_end(folder, code)  # killed, or stopped before it could write that down itself
        return code


def _end_with_standard_input() -> None:
    os.read(0, 1)  # nobody ever writes: this returns when the other end is closed
    os._exit(RESUMABLE)


def main(arguments: Sequence[str]) -> int:
    if os.environ.pop(TIED, ""):
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
    at = arguments.index("--")
    cells = InTurn([Path(folder) for folder in arguments[:at]], arguments[at + 1 :])
    for name in STOP:
        if hasattr(signal, name):  # Windows has no SIGUSR2
            signal.signal(getattr(signal, name), cells.hear)
    return cells.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
