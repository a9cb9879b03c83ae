"""What is measured: methods in the sizes that papers and laptops use, trained by ganzoo and by a plain loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from reference.cyclegan import CycleGANLoop
from reference.dann import DANNLoop
from reference.dcgan import DCGANLoop
from reference.folder import write_folder
from reference.loop import PlainLoop
from reference.simgan import SimGANLoop

from ganzoo.batch import Batch, image_spec
from ganzoo.dataset import Domain
from ganzoo.discovery.registry import registry
from ganzoo.task import GazeTask
from ganzoo.training.build import build_method, phases
from ganzoo.training.cuda_graphs import WARM_UP, recorder
from ganzoo.training.loader import Loader
from ganzoo.training.meter import Meter

IMAGES = 1_024  # of each domain


@dataclass(frozen=True)
class Case:
    """A method in one size."""

    plain: type[PlainLoop]
    shape: tuple[int, int, int]
    batch_size: int
    paper_batch_size: int  # on a GPU
    phases: tuple[str, ...]  # one update of every network
    settings: Mapping[str, Any] = field(default_factory=dict)
    paper_settings: Mapping[str, Any] = field(default_factory=dict)
    alone: tuple[str, ...] = ()  # phases that are measured on their own, too
    targets: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # times faster in bf16, in fp32

    def on(self, device: torch.device) -> Case:
        """In the paper's size on a GPU, in one that a laptop can do on a CPU."""
        if device.type != "cuda":
            return self
        settings = {**self.settings, **self.paper_settings}
        return Case(self.plain, self.shape, self.paper_batch_size, self.paper_batch_size, self.phases, settings,
                    alone=self.alone, targets={"cycle": (5.0, 5.0)})  # fmt: skip


# SimGAN's networks are the paper's on every device (its batch is 512), CycleGAN's the paper's for 128 pixels.
# The longest stands last: it is given the time that the others leave.
CASES: dict[str, Case] = {
    "dann": Case(DANNLoop, (1, 35, 55), 64, 64, ("predictor",), targets={"cycle": (2.8, 1.7)}),
    "dcgan": Case(
        DCGANLoop, (3, 64, 64), 64, 128, ("discriminator", "generator"), {"width": 32, "levels": 4},
        paper_settings={"width": 128}, targets={"cycle": (1.7, 1.0)},
    ),
    "cyclegan": Case(
        CycleGANLoop, (3, 64, 64), 1, 1, ("generators", "discriminators"),
        {"width": 64, "discriminator_width": 64, "discriminator_layers": 3, "blocks": 6}, targets={"cycle": (1.4, 1.0)},
    ),
    "simgan": Case(
        SimGANLoop, (1, 35, 55), 128, 512, ("refiner", "discriminator"), {"width": 64, "history": 2_048},
        alone=("refiner", "discriminator"), targets={"refiner": (3.0, 1.2), "cycle": (2.8, 1.5)},
    ),
}  # fmt: skip


def domains(case: Case) -> tuple[Domain, Domain]:
    """Smooth images with a little grain, which compress about as photographs do."""
    return _images("source", case.shape, 0), _images("target", case.shape, 1)


def _images(name: str, shape: tuple[int, int, int], seed: int) -> Domain:
    channels, height, width = shape
    random = np.random.default_rng(seed)
    coarse = random.uniform(20, 235, (IMAGES, channels, height // 8 + 1, width // 8 + 1))
    smooth = coarse.repeat(8, 2).repeat(8, 3)[:, :, :height, :width] + random.normal(0, 3, (IMAGES, *shape))
    labels = random.uniform(-0.3, 0.3, (IMAGES, 2)).astype(np.float32)
    return Domain(name, smooth.clip(0, 255).astype(np.uint8), labels)


def write_folders(case: Case, folder: Path) -> None:
    for domain in domains(case):
        assert domain.labels is not None
        write_folder(folder / domain.name, domain.images, domain.labels)


HOWS = ("eager", "compiled", "captured")  # as it is, with --compile, with --capture


class Ours:
    """ganzoo's loop, update by update: `ganzoo.training.loop.train` without its log and its checkpoints."""

    def __init__(self, name: str, case: Case, precision: str, device: torch.device, how: str = "eager") -> None:
        self.precision, self.device, self.case, self.how = precision, device, case, how
        cls = registry().get("methods", name)
        spec = image_spec(*case.shape, GazeTask())
        self.method = build_method(cls, cls.Config(**case.settings), spec, seed=0, device=device).train()
        self.runners = phases.phase_runners(self.method, precision=precision, compile=how == "compiled")
        self.problems: list[str] = []  # why phases are not replayed
        if how == "captured":
            phases.capture(self.method, self.runners, recorder(device), self._told)
        self.meter = Meter()
        reads = cls.columns(self.method.config)
        self.loader = Loader(*domains(case), reads=reads, batch_size=case.batch_size, seed=0, device=device)
        self.draws, self.waited = 0, 0.0

    def prepare(self) -> float:
        """The updates that compile or record, so that none of them is measured. Returns their seconds."""
        start = time.perf_counter()
        for _ in range(0 if self.how == "eager" else WARM_UP + 3):
            self.cycle()
        return time.perf_counter() - start

    def cycle(self) -> None:
        carry: phases.Carry = {}
        for phase in self.case.phases:
            self._update(phase, carry)

    def parts(self) -> dict[str, Callable[[], None]]:
        return {phase: (lambda phase=phase: self._update(phase, {})) for phase in self.case.alone}

    def close(self) -> None:
        self.loader.close()

    def _told(self, phase: str, why: str) -> None:
        if why:
            self.problems.append(f"{phase}: {why}")

    def _update(self, phase: str, carry: phases.Carry) -> None:
        batch = self._drawn()
        self.runners[phase].set_progress(0.25)
        self.meter.add(phase, self.runners[phase].update(batch, carry))

    def _drawn(self) -> Batch:
        start = time.perf_counter()
        batch = self.loader.draw(self.draws, 0.25)
        self.waited += time.perf_counter() - start
        self.draws += 1
        return batch


def plain_loop(name: str, case: Case, folder: Path, device: torch.device, workers: int) -> PlainLoop:
    """The reference for a case, on the folders that `write_folders` wrote."""
    config = registry().get("methods", name).Config(**case.settings)
    spec = image_spec(*case.shape, GazeTask())
    return case.plain(config, spec, folder / "source", folder / "target",
                      batch_size=case.batch_size, device=device, workers=workers)  # fmt: skip
