"""Writes the checkpoints of a training in the background."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganzoo.method import Method
from ganzoo.system import dist
from ganzoo.system.background import BackgroundWork
from ganzoo.training import checkpoint, failures
from ganzoo.training.persistent_warnings import PersistentWarnings


class CheckpointWriter:
    """Copies the state and writes the copy in a thread.

    Several processes synchronise while they write, so with them `save` blocks training. `save` and `wait` raise
    CheckpointError; in the case of a thread, for the previous checkpoint.
    """

    def __init__(
        self,
        run_dir: Path,
        method: Method,
        optimizers: Mapping[str, torch.optim.Optimizer],
        standing: PersistentWarnings,
    ) -> None:
        self.run_dir, self.method, self.optimizers, self.standing = run_dir, method, optimizers, standing
        self._beside = BackgroundWork("ganzoo-saver")

    def save(self, step: int, notes: Mapping[str, Mapping[str, Any]]) -> None:
        self.wait()
        keep = failures.to_keep(self.standing, self.run_dir)
        state = checkpoint.state_of(self.method, self.optimizers, notes)
        if dist.world() > 1:
            checkpoint.write(self.run_dir, step, state, keep)
        else:
            self._beside.do(checkpoint.write, self.run_dir, step, state, keep)

    def wait(self) -> None:
        """Return when the last checkpoint is on the disk."""
        self._beside.wait()
