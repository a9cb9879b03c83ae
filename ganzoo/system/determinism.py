"""Bit-exact results on a GPU, at the cost of speed. On a CPU they always are, for a fixed number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganzoo.errors import GanzooError

WORKSPACE, FIXED = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"  # cuBLAS reads it when it is first used


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """In the body, torch uses algorithms that give bit-exact results, if `wanted`.

    Raises GanzooError if an operation has no such algorithm.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic
    tuned = torch.backends.cudnn.benchmark
    os.environ.setdefault(WORKSPACE, FIXED)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise GanzooError(f"--deterministic: {str(error).split('. ')[0]}; leave it out, or use --device cpu") from error
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before[1], tuned
