"""Losses compiled by torch.compile, and the first update of each, which includes the compilation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ganzoo.errors import ConfigError


def compiled(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss, compiled for the sizes it is first called with. Parts that cannot be compiled run as they are."""
    made: Callable[..., Any] = torch.compile(loss, dynamic=False)
    return made


@contextmanager
def first_update(phase: str, begun: Callable[[str], None], ended: Callable[[str, float], None]) -> Iterator[None]:
    """Reports when a phase's first update begins and how long it took. Raises ConfigError if compiling fails."""
    from torch._dynamo.exc import TorchDynamoException  # takes seconds to import; only needed here

    begun(phase)
    start = time.perf_counter()
    try:
        yield
    except TorchDynamoException as error:
        lines = [line.strip() for line in str(error).splitlines()]
        said = next((line for line in lines if line and not line.endswith("raised:")), type(error).__name__)
        raise ConfigError(
            f"--compile: torch.compile fails on phase {phase} ({said}); it needs a compiler "
            "(on a CPU, g++), and it does not support every loss: leave --compile out"
        ) from error
    ended(phase, time.perf_counter() - start)
