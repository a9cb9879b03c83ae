"""One update of a phase on one batch, and the batch size that fits if memory runs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from ganzoo.discovery.plugin_errors import blaming
from ganzoo.method import Method
from ganzoo.system import out_of_memory
from ganzoo.training import failures
from ganzoo.training.devices import release_memory
from ganzoo.training.loader import Loader
from ganzoo.training.meter import Meter
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.phases import Carry, PhaseRunner
from ganzoo.training.torch_compile import first_update


@dataclass
class Updater:
    """Draws a batch, updates a phase on it, and adds its loss terms to the meter."""

    method: Method
    runners: Mapping[str, PhaseRunner]
    loader: Loader
    meter: Meter
    observer: TrainingObserver

    def update(self, name: str, index: int, progress: float, carry: Carry) -> bool:
        """Update phase `name` on batch `index`. Returns False if memory ran out.

        The memory of a failed update is free on return.
        """
        runner, observer = self.runners[name], self.observer
        runner.set_progress(progress)
        with blaming(f"method {self.method.name}, phase {name}"):
            try:
                told = first_update(name, observer.compiling, observer.compiled) if runner.compiles else nullcontext()
                with told:
                    self.meter.add(name, runner.update(self.loader.draw(index, progress), carry))
                runner.compiles = False
            except Exception as error:
                if not out_of_memory.is_out_of_memory(error):
                    raise
                return False
        return True

    def what_fits(self, name: str, index: int, step: int, phases: Sequence[str]) -> Exception:
        """The error for phase `name` of a step that ran out of memory, with the sizes that fit."""
        loader = self.loader

        def attempt(batch_size: int, micro_batch: int) -> None:
            release_memory(loader.device)
            loader.resize(batch_size)
            for each in set(phases):
                self.runners[each].run_plainly(micro_batch)  # compiling for each size would take minutes
                self.runners[each].update(loader.draw(index, 0.0))

        size = loader.batch_size
        return failures.not_enough_memory(
            self.method,
            f"phase {name} of step {step + 1} on {loader.device}",
            batch_size=size,
            micro_batch=self.runners[name].micro_batch,
            try_micro_batch=lambda smaller: attempt(size, smaller),
            try_batch_size=lambda smaller: attempt(smaller, 0),
        )
