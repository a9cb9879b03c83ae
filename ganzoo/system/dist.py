"""The few collective calls that the loop makes. All are no-ops on one process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganzoo.errors import LostProcessError


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def started() -> int:
    """How many processes torchrun started, before they have joined."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process measures and prints, also after it left the process group."""
    return int(os.environ.get("RANK", "0")) == 0


def local_rank() -> int:
    """This process's number on its own machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the process group if torchrun started several processes; leave it at the end."""
    if started() == 1 or dist.is_initialized():
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _meeting() -> Iterator[None]:
    """Wraps a collective call. Raises LostProcessError if another process has ended."""
    try:
        yield
    except RuntimeError as error:  # gloo and nccl have no other type for it
        raise LostProcessError(
            f"another process of this run has ended ({str(error).splitlines()[0]}); run the same command again with "
            "as many processes to resume from the last checkpoint"
        ) from error


def broadcast(module: nn.Module) -> None:
    """Copy the first process's parameters and buffers to all processes."""
    if world() > 1:
        with _meeting():
            for tensor in [*module.parameters(), *module.buffers()]:
                dist.broadcast(tensor.data, src=0)


def average_gradients(params: Sequence[nn.Parameter]) -> None:
    """Mean over processes. Works with double backward and under capture."""
    if world() > 1:
        average_tensors([param.grad for param in params if param.grad is not None])


def average_tensors(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over processes, in one message."""
    if world() == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    with _meeting():
        dist.all_reduce(flat)
    flat /= world()
    for tensor, piece in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(piece.view_as(tensor))


def averaged(tensor: Tensor) -> Tensor:
    """The mean over processes of a tensor, as a new one."""
    mean = tensor.clone()
    average_tensors([mean])
    return mean


def average(values: dict[str, float]) -> dict[str, float]:
    """Mean over processes of numbers that every process has under the same names."""
    if world() == 1 or not values:
        return values
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    flat = torch.tensor([values[name] for name in sorted(values)], dtype=torch.float64, device=device)
    with _meeting():
        dist.all_reduce(flat)
    return dict(zip(sorted(values), (flat / world()).tolist(), strict=True))


def gathered(mine: str) -> list[str]:
    """The strings of all processes, in the order of their ranks."""
    if world() == 1:
        return [mine]
    said: list[str] = [""] * world()
    with _meeting():
        dist.all_gather_object(said, mine)
    return said


def barrier() -> None:
    if world() > 1:
        with _meeting():
            dist.barrier()
