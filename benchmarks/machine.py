"""What a benchmark must say of the machine, and how fast the machine can be at best."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


def describe(device: torch.device) -> dict[str, Any]:
    """Processor, threads, versions and commit; no name of the machine."""
    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": _commit(),
        "device": device.type,
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../ganzoo", "../plugins", ".")
    changed = "\n".join(line for line in changed.splitlines() if "results/" not in line)
    return git("rev-parse", "--short=12", "HEAD") + ("-modified" if changed else "")


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """How long it takes, until the device has done it."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def peak(precision: str, device: torch.device, seconds: float = 2.0) -> dict[str, float]:
    """The best GFLOP/s of matrix products and of 3x3 convolutions (channels last), over shapes and repeats."""
    scale = 8 if device.type == "cuda" else 1
    dtype = DTYPES[precision]
    _allow_tf32(precision)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, device=device, dtype=dtype)

    def product(size: int) -> tuple[Callable[[], Tensor], float]:
        a, b = numbers(size, size), numbers(size, size)
        return lambda: a @ b, 2.0 * size**3

    def convolution(count: int, maps: int, rows: int, columns: int) -> tuple[Callable[[], Tensor], float]:
        images = numbers(count, maps, rows, columns).contiguous(memory_format=torch.channels_last)
        weight = numbers(maps, maps, 3, 3).contiguous(memory_format=torch.channels_last)
        return lambda: F.conv2d(images, weight, padding=1), 2.0 * count * rows * columns * maps * maps * 9

    products = [product(size * (4 if scale > 1 else 1)) for size in (1024, 2048)]
    convolutions = [convolution(32 * scale, 64, 35, 55), convolution(8 * scale, 256, 32, 32)]
    return {
        "matmul_gflops": round(_best(products, device, seconds), 1),
        "convolution_gflops": round(_best(convolutions, device, seconds), 1),
    }


def _best(works: Sequence[tuple[Callable[[], Tensor], float]], device: torch.device, seconds: float) -> float:
    best = 0.0
    with torch.no_grad():
        for work, flop in works:
            work()
            end = time.perf_counter() + seconds / len(works)
            while time.perf_counter() < end:
                best = max(best, 5 * flop / seconds_of(lambda run=work: [run() for _ in range(5)], device) / 1e9)
    return best


def _allow_tf32(precision: str) -> None:
    """As `ganzoo.training.loop.train` sets it."""
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "fp32"


def anonymous() -> int:
    """Bytes of this process's memory that are no file's pages: mapped files count in the resident size as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))


class PeakMemory:
    """The greatest anonymous memory, in bytes, while it is entered; on a GPU what its allocator held at most."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.bytes, self._done = device, 0, threading.Event()

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._watch = threading.Thread(target=self._sample)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device)

    def _sample(self) -> None:
        while not self._done.wait(0.005):
            self.bytes = max(self.bytes, anonymous())
