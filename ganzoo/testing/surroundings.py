"""Temporary changes of environment variables and random states."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set these environment variables in the body, and restore them afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def other_random_state() -> Iterator[None]:
    """Reseed Python's, NumPy's and torch's global random states in the body, and restore them afterwards."""
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])


def random_state() -> tuple[str, str, bytes]:
    """The global random states, for comparison."""
    return repr(random.getstate()), repr(np.random.get_state()), torch.get_rng_state().numpy().tobytes()
