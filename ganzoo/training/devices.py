"""What differs between kinds of device: their random numbers, and memory that they give back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed(device: torch.device, number: int) -> None:
    """Seed the device's own generator, which is forty times faster than `torch.manual_seed`."""
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)
    else:
        torch.default_generator.manual_seed(number)


def random_state(device: torch.device) -> torch.Tensor:
    """The state of the device's own generator, which drawing from it changes."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()


def set_random_state(device: torch.device, state: torch.Tensor) -> None:
    """The inverse of `random_state`."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)


@contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """The random state of the CPU and of the device is after the body as it was before."""
    mps = torch.mps.get_rng_state() if device.type == "mps" else None
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        if mps is not None:
            torch.mps.set_rng_state(mps)


def release_memory(device: torch.device) -> None:
    """Give back what torch keeps for later allocations."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
