"""All targets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fuzzing import archive_targets, checkpoint_targets, image_targets, setting_targets, turing_targets, vector_targets
from fuzzing.target import Target


@contextmanager
def _quiet() -> Iterator[None]:
    """libtiff says on standard error which modes it cannot write."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def all_targets() -> list[Target]:
    modules = (setting_targets, checkpoint_targets, image_targets, archive_targets, turing_targets, vector_targets)
    with _quiet():
        return [target for module in modules for target in module.targets()]
