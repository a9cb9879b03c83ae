"""What training costs as batches, images, data and processes grow. About 8 minutes on two cores.

    python benchmarks/scaling.py [--device auto] [--seconds 8] [--data-images 1200000] [--methods dann] [--beyond 1.2]

    batch      images/s of each batch size
    image      images/s of each image size
    data       draws/s from a memory-mapped store of each length, and the anonymous memory it takes
    beyond     images/s of training from a store of --beyond times this machine's memory, read from the disk, and from a
               short one, in turns; left out unless it is asked for, because writing it takes minutes and that much disk
    processes  images/s of one and of two processes, one CPU thread each, each with its own batch (weak scaling)

Writes benchmarks/results/scaling-DEVICE.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from machine import PeakMemory, anonymous, describe, seconds_of, spread

from ganzoo.batch import image_spec
from ganzoo.dataset import Domain
from ganzoo.discovery.registry import registry
from ganzoo.system import dist
from ganzoo.task import GazeTask
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.devices import resolve_device, resolve_precision
from ganzoo.training.loader import Loader
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.phases import Carry, phase_runners
from ganzoo.training.timeline import groups_of

HERE = Path(__file__).parent
SHAPE = (1, 35, 55)
BATCHES, SIDES, LENGTHS = (1, 4, 16, 64, 256), (32, 64, 128), (10_000, 100_000)
TURNS = 5


def domain(count: int, shape: tuple[int, int, int] = SHAPE) -> Domain:
    random = np.random.default_rng(0)
    labels = random.normal(size=(count, 2)).astype(np.float32)
    return Domain("noise", random.integers(0, 256, (count, *shape), dtype=np.uint8), labels)


class Cycles:
    """One method in training: each cycle is one update of every network."""

    def __init__(self, name: str, images: Domain, shape: tuple[int, int, int], batch_size: int, device: torch.device):
        cls = registry().get("methods", name)
        method = build_method(cls, cls.Config(), image_spec(*shape, GazeTask()), seed=0, device=device).train()
        self.runners = phase_runners(method, precision=resolve_precision("auto", device))
        self.groups = groups_of(method.schedule(10**6))
        reads = method.columns(method.config)
        self.loader = Loader(images, images.unlabelled(), reads=reads, batch_size=batch_size, seed=0, device=device)
        self.drawn = 0

    def cycle(self) -> None:
        carry: Carry = {}
        for group in self.groups:
            for phase in group:
                self.runners[phase].update(self.loader.draw(self.drawn, 0.25), carry)
            self.drawn += 1


def cycles(
    name: str, shape: tuple[int, int, int], batch_size: int, device: torch.device, seconds: float
) -> dict[str, Any]:
    """Images/s of one update of every network, over turns that together take about `seconds`."""
    trained = Cycles(name, domain(max(512, batch_size), shape), shape, batch_size, device)
    try:
        trained.cycle()
        once = seconds_of(trained.cycle, device)
        count = max(1, int(seconds / TURNS / once))
        times = [seconds_of(lambda: [trained.cycle() for _ in range(count)], device) / count for _ in range(TURNS)]
    finally:
        trained.loader.close()
    return {
        "batch_size": batch_size,
        "image": list(shape),
        "ms": spread([1e3 * each for each in times]),
        "images_per_s": spread([batch_size / each for each in times]),
    }


def data(count: int, folder: Path, device: torch.device, seconds: float) -> dict[str, Any]:
    """Draws of 128 + 128 images from a memory map of `count` images, in random order as in training."""
    file = folder / f"{count}.npy"
    _write(file, count)
    labels = np.zeros((count, 2), np.float32)
    before = anonymous()
    with PeakMemory(torch.device("cpu")) as memory:
        mapped = Domain("mapped", np.load(file, mmap_mode="r"), labels)
        loader = Loader(mapped, mapped.unlabelled(), batch_size=128, seed=0, device=device)
        draws, rates = 0, []
        for _ in range(TURNS):
            start_time, first = time.perf_counter(), draws
            while time.perf_counter() - start_time < seconds / TURNS:
                loader.draw(draws, 0.5)
                draws += 1
            rates.append(2 * 128 * (draws - first) / (time.perf_counter() - start_time))
        loader.close()
    size = file.stat().st_size
    file.unlink()
    return {
        "images": count,
        "store_mib": size / 2**20,
        "images_per_s": spread(rates),
        "images_drawn": 256 * draws,
        "anonymous_mib": (memory.bytes - before) / 2**20,
    }


def _write(file: Path, count: int) -> None:
    """A store of noise."""
    store = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, *SHAPE))
    random = np.random.default_rng(0)
    for start in range(0, count, 50_000):
        some = min(50_000, count - start)
        store[start : start + some] = random.integers(0, 256, (some, *SHAPE), dtype=np.uint8)
    store.flush()


def beyond(names: Sequence[str], factor: float, folder: Path, device: torch.device, seconds: float) -> dict[str, Any]:
    """Training from a store that is larger than memory, none of which is in memory at first."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    count = int(factor * memory_bytes / np.prod(SHAPE))
    file = folder / "beyond.npy"
    _write(file, count)
    before, rows = anonymous(), {}
    with PeakMemory(torch.device("cpu")) as memory:
        for name in names:
            with file.open("rb") as handle:
                os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            large = Domain("large", np.load(file, mmap_mode="r"), np.zeros((count, 2), np.float32))
            rows[name] = _in_turns(name, {"short": domain(2_000), "large": large}, device, seconds)
            del large
    size = file.stat().st_size
    file.unlink()
    return {
        "images": count,
        "store_gib": size / 2**30,
        "memory_gib": memory_bytes / 2**30,
        "anonymous_mib": (memory.bytes - before) / 2**20,
        "methods": rows,
    }


def _in_turns(name: str, stores: Mapping[str, Domain], device: torch.device, seconds: float) -> dict[str, Any]:
    """Images/s of a method's cycles on each store, A, B, A, B, ..."""
    batch_size = 32
    trained = {what: Cycles(name, images, SHAPE, batch_size, device) for what, images in stores.items()}
    times: dict[str, list[float]] = {what: [] for what in stores}
    for each in trained.values():
        each.cycle()
    count = max(1, int(seconds / TURNS / seconds_of(trained["short"].cycle, device)))
    for _ in range(TURNS):
        for what, each in trained.items():
            times[what].append(seconds_of(lambda each=each: [each.cycle() for _ in range(count)], device) / count)
    for each in trained.values():
        each.loader.close()
    ratios = [short / large for short, large in zip(times["short"], times["large"], strict=True)]
    return {
        "batch_size": batch_size,
        "images_drawn": 2 * batch_size * trained["large"].drawn,
        "images_per_s": {what: spread([batch_size / one for one in found]) for what, found in times.items()},
        "rate_of_the_short_one": spread(ratios),
    }


def processes(name: str, world: int, steps: int) -> float:
    """Images/s of `world` processes together. Each trains with a batch of its own and one CPU thread."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run([*command, __file__, "--as-worker", name, "--steps", str(steps)],
                            capture_output=True, text=True, env=environment)  # fmt: skip
    if answer.returncode:
        raise click.ClickException(f"{world} processes failed: {answer.stderr[-500:]}")
    return float(answer.stdout.split()[-1])


def worker(name: str, steps: int) -> None:
    """One of the processes: the loop itself, timed from its second log line on."""

    class Clock(TrainingObserver):
        times: list[float] = []  # noqa: RUF012

        def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
            self.times.append(time.perf_counter())

    device = torch.device("cpu")
    with dist.process_group(device):
        cls = registry().get("methods", name)
        method = build_method(cls, cls.Config(), image_spec(*SHAPE, GazeTask()), seed=0, device=device)
        config = TrainConfig(steps=steps + 2, batch_size=32, device="cpu", log_every=steps + 2)
        images = domain(2_000)
        loop.train(method, images, images.unlabelled(), config, observer=Clock())
        taken = Clock.times[-1] - Clock.times[1]
        if dist.rank() == 0:
            print(steps * 32 * dist.world() / taken, flush=True)


@click.command(help=__doc__)
@click.option("--device", default="auto")
@click.option("--methods", multiple=True, default=("simgan", "dann"))
@click.option("--seconds", default=8.0, help="For each measurement.")
@click.option("--data-images", default=1_200_000, help="The longest store; 1.2 million take 2.3 GB of disk.")
@click.option("--beyond", "factor", default=0.0, help="Of this machine's memory, for a store larger than it; 0: none.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where the stores lie meanwhile.")
@click.option("--steps", default=60, help="Steps of each process.")
@click.option("--as-worker", default="", hidden=True)
@click.option("--out", type=click.Path(path_type=Path), default=None)
def main(
    device: str,
    methods: Sequence[str],
    seconds: float,
    data_images: int,
    factor: float,
    folder: Path | None,
    steps: int,
    as_worker: str,
    out: Path | None,
) -> None:
    if as_worker:
        return worker(as_worker, steps)
    where = resolve_device(device)
    found: dict[str, Any] = {"machine": describe(where), "precision": resolve_precision("auto", where)}
    found["batch"] = {name: [cycles(name, SHAPE, size, where, seconds) for size in BATCHES] for name in methods}
    found["image"] = {name: [cycles(name, (1, s, s), 16, where, seconds) for s in SIDES] for name in methods}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        lengths = sorted({*(length for length in LENGTHS if length < data_images), data_images})
        found["data"] = [data(length, Path(temporary), where, seconds) for length in lengths]
        found["beyond"] = beyond(methods, factor, Path(temporary), where, seconds) if factor else None
    found["processes"] = {name: _weak(name, steps) for name in methods}
    file = out or HERE / "results" / f"scaling-{where.type}.json"
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    click.echo(f"wrote {file}")
    return None


def _weak(name: str, steps: int) -> dict[str, Any]:
    """One process, two, one, two, one, two."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):
        for world, found in rates.items():
            found.append(processes(name, world, steps))
    efficiency = [two / one / 2 for one, two in zip(rates[1], rates[2], strict=True)]
    return {"images_per_s": {str(world): spread(found) for world, found in rates.items()},
            "weak_scaling_efficiency": spread(efficiency)}  # fmt: skip


if __name__ == "__main__":
    main()
