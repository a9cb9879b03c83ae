"""Devices: their names, precision, random state and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import torch

from ganzoo.errors import ConfigError
from ganzoo.method import Method
from ganzoo.system import dist
from ganzoo.system.bfloat16 import multiplies_bfloat16


def resolve_device(name: str) -> torch.device:
    """`auto` as the first CUDA GPU or the CPU. Raises ConfigError for a device that is not available."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"--device {name!r} is not a device; use auto, cpu, cuda, cuda:N or mps") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"--device {name!r}: use auto, cpu, cuda, cuda:N or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"--device {name}: mps needs a Mac with an Apple GPU and a torch build that supports it")
    if device.type == "cpu":
        multiplies_bfloat16()  # before any computation: later it cannot keep torch from instructions that fail
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"--device {name}: this machine has {torch.cuda.device_count()} CUDA devices")
    return device


def device_of(method: Method, otherwise: str = "cpu") -> torch.device:
    """The device of the method's parameters and buffers; `otherwise`, by name, for a method that has neither."""
    tensors = chain(method.parameters(), method.buffers())
    return next((tensor.device for tensor in tensors), None) or resolve_device(otherwise)


def resolve_precision(name: str, device: torch.device) -> str:
    """`auto` as bf16 if the hardware is known to be fast at it, else fp32, as on mps."""
    if name == "tf32" and device.type != "cuda":
        raise ConfigError("--precision tf32 needs a CUDA GPU; use fp32, bf16 or auto")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    return "bf16" if device.type == "cpu" and multiplies_bfloat16() else "fp32"


@dataclass(frozen=True)
class Hardware:
    """Where a run computes, and in which precision."""

    device: torch.device
    precision: str  # fp32, tf32 or bf16

    @classmethod
    def resolve(cls, device: str, precision: str) -> Hardware:
        """What the names mean on this machine. Raises ConfigError for a device or a precision that it does not have."""
        found = local_device(device)
        return cls(found, resolve_precision(precision, found))

    def set_matrix_precision(self) -> None:
        """Let a GPU multiply in TensorFloat-32, unless the precision is fp32."""
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("highest" if self.precision == "fp32" else "high")
            torch.backends.cudnn.allow_tf32 = self.precision != "fp32"


def local_device(name: str) -> torch.device:
    """The device of this process: under torchrun each process of a machine has its own GPU."""
    device = resolve_device(name)
    if device.type == "mps" and dist.started() > 1:
        raise ConfigError(f"--device {name} trains in one process; leave torchrun out, or use --device cpu")
    if device.type == "cuda":
        device = torch.device("cuda", device.index if device.index is not None else dist.local_rank())
        torch.cuda.set_device(device)
    return device


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
    """Restore the random state of the CPU and of the device after the body."""
    mps = torch.mps.get_rng_state() if device.type == "mps" else None
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        if mps is not None:
            torch.mps.set_rng_state(mps)


def release_memory(device: torch.device) -> None:
    """Release the memory that torch caches for later allocations."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
