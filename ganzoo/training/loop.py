"""The one training loop. It owns every line that is not the paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganzoo.dataset import Domain
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.errors import InterruptedRunError, PluginError
from ganzoo.method import Method
from ganzoo.system import dist
from ganzoo.system.determinism import deterministic
from ganzoo.training import checkpoint, failures, signals
from ganzoo.training.build import check_trainable
from ganzoo.training.checkpoint_validation import meter_state, warnings_state
from ganzoo.training.checkpoint_writer import CheckpointWriter
from ganzoo.training.config import TrainConfig
from ganzoo.training.cuda_graphs import recorder
from ganzoo.training.devices import Hardware, device_of, resolve_precision
from ganzoo.training.loader import Loader, reseed
from ganzoo.training.meter import Meter
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.persistent_warnings import PersistentWarnings
from ganzoo.training.phases import Carry, capture, optimizers_of, phase_runners
from ganzoo.training.timeline import Timeline
from ganzoo.training.update import Updater


def train(
    method: Method,
    source: Domain | None,
    target: Domain | None,
    config: TrainConfig,
    run_dir: Path | None = None,
    observer: TrainingObserver | None = None,
    *,
    paired: bool = False,
    hardware: Hardware | None = None,
) -> None:
    """Train `method` to `config.steps`, resuming from the newest checkpoint in `run_dir` if there is one.

    It trains where its parameters are; `hardware` is what the settings mean there, if it is known already.

    Earlier checkpoints are kept if it raises: DivergenceError if a loss term or a weight is not finite,
    CollapseError if a warning has persisted for as long as the settings allow, NotEnoughMemoryError, CheckpointError
    if nothing can be saved; and, after saving, InterruptedRunError if a signal asked the run to stop
    (`ganzoo.training.signals`).
    """
    observer = observer or TrainingObserver()
    if hardware is None:
        device = device_of(method, config.device)
        hardware = Hardware(device, resolve_precision(config.precision, device))
    device, precision = hardware.device, hardware.precision
    check_trainable(type(method), method.config, config, device)
    hardware.set_matrix_precision()
    oracle = method.is_oracle(method.config)
    target = target if oracle or target is None else target.unlabelled()
    method.train().requires_grad_(False)
    dist.broadcast(method)
    runners = phase_runners(method, precision=precision, micro_batch=config.micro_batch, compile=config.compile)
    timeline = Timeline(method, config.steps)
    if config.capture:
        capture(method, runners, recorder(device), observer.captured)
    optimizers = optimizers_of(runners)
    newest = checkpoint.latest(run_dir) if run_dir else None
    first = checkpoint.load(newest, method, optimizers) if newest else 0
    meter, persistent = Meter(), PersistentWarnings()
    if newest:
        meter.restore(checkpoint.load_note(newest, "meter", meter_state), device)
        persistent.restore(checkpoint.load_note(newest, "warnings", warnings_state))
    observer.started(first, config.steps)
    writer = CheckpointWriter(run_dir, method, optimizers, persistent) if run_dir else None
    try:
        if first < config.steps:
            reads = method.columns(method.config) if runners else ()
            loader = Loader(
                source, target, reads=reads, batch_size=config.batch_size, seed=config.seed, device=device,
                oracle=oracle, paired=paired and method.paired,
            )  # fmt: skip
            updater = Updater(method, runners, loader, meter, observer)
            training = _Training(method, timeline, updater, persistent, config, precision, writer, observer)
            with loader, signals.waiting(), deterministic(config.deterministic):
                training.run(first)
        elif newest is None:  # no steps at all
            _finish(method, source, target)
            if writer is not None:
                writer.save(0, {})
                observer.saving(0)
    finally:
        if writer is not None:
            writer.wait()
    method.eval()


@dataclass
class _Training:
    """The steps of one training."""

    method: Method
    timeline: Timeline
    updater: Updater
    persistent: PersistentWarnings
    config: TrainConfig
    precision: str
    writer: CheckpointWriter | None
    observer: TrainingObserver

    @property
    def run_dir(self) -> Path | None:
        return self.writer.run_dir if self.writer else None

    def run(self, first: int) -> None:
        """All steps from `first` on."""
        draws = self.timeline.draws_before(first)
        for step in range(first, self.config.steps):
            draws = self._step(step, draws, resumed=step == first)
            self._after(step + 1)

    def _step(self, step: int, draws: int, *, resumed: bool) -> int:
        """The updates of one step, whose first batch is number `draws`. Returns the number after its last one."""
        moment = self.timeline.at(step)
        loader = self.updater.loader
        reseed(loader.device, self.config.seed, step, dist.rank())  # the only random state of a run
        if moment.begins or resumed:
            self.method.train()
            for module in moment.stage.resting:
                module.eval()
        if moment.begins:
            with blaming(f"method {self.method.name}, stage {moment.stage.name}"), torch.no_grad():
                moment.stage.begin()
        carry: Carry = {}
        for group in moment.groups:
            for name in group:
                if name not in self.updater.runners:
                    raise PluginError(
                        f"{self.method.name}: step {step} schedules {name!r}, which the method does not declare"
                    )
                if not self.updater.update(name, draws, moment.progress, carry):
                    raise self.updater.what_fits(name, draws, step, moment.phases)
            draws += 1
        self.observer.stepped(step + 1, moment.phases, len(moment.groups))
        return draws

    def _after(self, done: int) -> None:
        """Log, save and stop, if that is due or was requested."""
        config, last = self.config, done == self.config.steps
        saving = self.writer is not None and (last or done % config.save_every == 0)
        logging = last or saving or done % config.log_every == 0
        if logging:
            self._log(done, last, saving)
        if last:
            loader = self.updater.loader
            _finish(self.method, loader.source_domain, loader.target_domain)
        if self.writer is not None and saving:
            self.writer.save(done, self._notes())
            self.observer.saving(done)
        if last or not (logging or dist.world() == 1):  # several processes agree where they synchronise anyway
            return
        save, stop = _asked()
        if (save or stop) and self.writer is not None and not saving:
            failures.check_finite(self.method, {}, done, self.run_dir, weights=True, precision=self.precision)
            self.observer.saving_on_request(done)
            self.writer.save(done, self._notes())
        if stop:
            if self.writer is not None:
                self.writer.wait()
            what = f"saved at step {done}" if self.writer is not None else "nothing of this network was saved"
            raise InterruptedRunError(f"stopped by {stop}, {what}; {signals.RESUME}", signals.STOP[stop])

    def _log(self, done: int, last: bool, saving: bool) -> None:
        if self.writer is not None:
            self.writer.wait()  # so that a full disk is reported early, and the messages below know what is saved
        means = self.updater.meter.drain()
        failures.check_finite(self.method, means, done, self.run_dir, weights=saving, precision=self.precision)
        warnings = self.method.diagnose(means)
        self.persistent.heed(done, warnings)
        self.observer.logged(done, means, warnings)
        if self.config.stop_on_collapse and not last:
            failures.check_persistent(self.method, self.persistent, self.config.collapse_steps, done, self.run_dir)

    def _notes(self) -> dict[str, dict[str, Any]]:
        """What a resumed run needs besides the weights, to log and warn like an uninterrupted one."""
        return {"meter": self.updater.meter.state(), "warnings": self.persistent.state()}


def _finish(method: Method, source: Domain | None, target: Domain | None) -> None:
    with blaming(f"method {method.name}, finish"):
        method.finish(source, target)  # type: ignore[arg-type]  # a domain that it does not read may be None


def _asked() -> tuple[bool, str]:
    """Whether a signal asked any process to save, and the name of the one that asked to stop."""
    save, stop = signals.asked()
    said = dist.gathered(stop or ("save" if save else ""))
    return any(said), next((name for name in said if name in signals.STOP), "")
