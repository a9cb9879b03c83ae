"""The one training loop. It owns every line that is not the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganzoo.batch import DataSpec
from ganzoo.dataset import Domain
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.errors import ConfigError, InterruptedRunError, PluginError
from ganzoo.method import CLASS_FLAGS, Method
from ganzoo.settings import Settings
from ganzoo.system import dist, out_of_memory
from ganzoo.system.bfloat16 import multiplies_bfloat16
from ganzoo.system.determinism import deterministic
from ganzoo.training import checkpoint, failures, signals
from ganzoo.training.checkpoint_validation import meter_state, standing_state
from ganzoo.training.checkpoint_writer import Saver
from ganzoo.training.cuda_graphs import recorder
from ganzoo.training.devices import release_memory
from ganzoo.training.loader import Loader, reseed
from ganzoo.training.persistent_warnings import StandingWarnings
from ganzoo.training.phases import Carry, PhaseRunner, capture, optimizers_of, phase_runners
from ganzoo.training.timeline import Timeline
from ganzoo.training.torch_compile import first_update

Precision = Literal["auto", "fp32", "tf32", "bf16"]
WHEN_TO_STOP = ("stop_on_collapse", "collapse_steps")  # settings that change nothing of what a run computes
multiplies_bfloat16()  # while nothing has been computed: later it cannot keep torch from instructions that fail


class TrainConfig(Settings):
    """Settings of every run."""

    steps: int = Field(10_000, ge=0, description="Training steps; a step runs the phases that the method schedules.")
    batch_size: int = Field(64, ge=1, description="Images of each domain in an update, on each process.")
    micro_batch: int = Field(0, ge=0, description="Split updates into parts of this size to save memory; 0: whole.")
    seed: int = Field(0, ge=0, description="Seed of the weights, the noise and the order of the data.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    precision: Precision = Field("auto", description="auto: bf16 where the hardware is fast at it, else fp32.")
    compile: bool = Field(
        False, description="Run the losses through torch.compile, which takes minutes at first and may save more later."
    )
    capture: bool = Field(
        False,
        description="On a GPU, replay what each phase computes as a CUDA graph, once it was seen to give the same; it "
        "takes more memory.",
    )
    save_every: int = Field(1_000, ge=1, description="Steps between checkpoints and sample sheets.")
    log_every: int = Field(50, ge=1, description="Steps between lines of the log.")
    stop_on_collapse: bool = Field(
        False, description="End the run when the same warning has stood in every line of the log for --collapse-steps."
    )
    collapse_steps: int = Field(
        1_000, ge=1, description="Steps, and at least 3 lines of the log, that a warning stands before it ends the run."
    )
    deterministic: bool = Field(
        False, description="On a GPU use slower algorithms that give the same bits each time; a CPU does so anyway."
    )


class Observer:
    """What the loop tells the outside. Subclass it and keep what you need."""

    def started(self, first: int, steps: int) -> None:
        """Training goes on from step `first`."""

    def compiling(self, phase: str) -> None:
        """The first update of a phase begins, which compiles it: that can take minutes."""

    def compiled(self, phase: str, seconds: float) -> None:
        """That update took so long."""

    def captured(self, phase: str, problem: str) -> None:
        """A phase is replayed from now on or, where there is a `problem`, no phase is."""

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        """A step was submitted, which drew so many batches; on a GPU it may still run."""

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        """The means of all loss terms since the last call, as "phase/term"."""

    def saved(self, step: int) -> None:
        """A checkpoint of this step is being written."""


def resolve_device(name: str) -> torch.device:
    """`auto` as the first CUDA GPU or the CPU. Raises ConfigError for a device that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"--device {name!r} is not a device; use auto, cpu, cuda, cuda:N or mps") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"--device {name!r}: use auto, cpu, cuda, cuda:N or mps")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"--device {name}: mps needs a Mac with an Apple GPU and a torch that was built for it")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"--device {name}: this machine has {torch.cuda.device_count()} CUDA devices")
    return device


def device_of(method: Method, otherwise: str = "cpu") -> torch.device:
    """Where the method's parameters and buffers are; `otherwise`, by name, for a method that has neither."""
    tensors = chain(method.parameters(), method.buffers())
    return next((tensor.device for tensor in tensors), None) or resolve_device(otherwise)


def resolve_precision(name: str, device: torch.device) -> str:
    """`auto` as bf16 where the hardware is fast at it, else fp32; mps, of which that is not known, computes in fp32."""
    if name == "tf32" and device.type != "cuda":
        raise ConfigError("--precision tf32 needs a CUDA GPU; use fp32, bf16 or auto")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    return "bf16" if device.type == "cpu" and multiplies_bfloat16() else "fp32"


class Meter:
    """Means of loss terms, kept on the device until somebody reads them."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, phase: str, terms: Mapping[str, Tensor]) -> None:
        for name, value in terms.items():
            key = f"{phase}/{name}"
            self._sums[key] = self._sums[key] + value if key in self._sums else value
            self._counts[key] = self._counts.get(key, 0) + 1

    def drain(self) -> dict[str, float]:
        """The means since the last call, over all processes. The only place where training waits for the device."""
        if not self._sums:
            return {}
        totals = torch.stack(list(self._sums.values())).tolist()
        means = {key: total / self._counts[key] for key, total in zip(self._sums, totals, strict=True)}
        self._sums.clear()
        self._counts.clear()
        return dist.average(means)

    def state(self) -> dict[str, tuple[float, int]]:
        """Sums and counts since the last `drain`, of this process: exact in JSON."""
        if not self._sums:
            return {}
        totals = torch.stack(list(self._sums.values())).tolist()
        return {key: (total, self._counts[key]) for key, total in zip(self._sums, totals, strict=True)}

    def restore(self, state: Mapping[str, Sequence[float]], device: torch.device) -> None:
        """The inverse of `state`."""
        self._sums = {key: torch.tensor(total, device=device) for key, (total, _) in state.items()}
        self._counts = {key: int(count) for key, (_, count) in state.items()}


def build(cls: type[Method], config: Settings, spec: DataSpec, *, seed: int, device: torch.device) -> Method:
    """A method with its first weights, which are a function of the seed, laid out for the device.

    Raises PluginError for a method that sets on itself what is read from its class.
    """
    torch.manual_seed(seed)
    method = cls(config, spec).to(device)
    if hidden := [flag for flag in CLASS_FLAGS if flag in vars(method)]:
        raise PluginError(f"{method.name} sets self.{hidden[0]}, which is read from the class; write {hidden[0]} = "
                          f"{vars(method)[hidden[0]]} in the body of class {cls.__name__}")  # fmt: skip
    return method.to(memory_format=torch.channels_last).requires_grad_(False)


def check(method: type[Method], config: TrainConfig, device: torch.device) -> None:
    """Raise ConfigError for settings with which `train` cannot train such a method there."""
    resolve_precision(config.precision, device)
    if config.micro_batch and method.couples_batch:
        raise ConfigError(f"{method.name} couples the samples of a batch: --micro-batch would change what it learns")
    if config.capture and config.compile:
        raise ConfigError("--capture and --compile cannot go together; choose one")
    if config.capture:
        recorder(device)


def train(
    method: Method,
    source: Domain | None,
    target: Domain | None,
    config: TrainConfig,
    run_dir: Path | None = None,
    observer: Observer | None = None,
    *,
    paired: bool = False,
) -> None:
    """Train `method` to `config.steps`, resuming from the newest checkpoint in `run_dir` if there is one.

    What was saved before stays when it raises: DivergenceError if a loss term or a weight is not finite,
    CollapseError if a warning has stood for as long as the settings allow, NotEnoughMemoryError, CheckpointError
    if nothing can be saved; and, after saving, InterruptedRunError if a signal asked the run to stop
    (`ganzoo.training.signals`).
    """
    observer = observer or Observer()
    device = device_of(method, config.device)
    check(type(method), config, device)
    precision = resolve_precision(config.precision, device)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
        torch.backends.cudnn.allow_tf32 = precision != "fp32"
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
    meter, standing = Meter(), StandingWarnings()
    if newest:
        meter.restore(checkpoint.load_note(newest, "meter", meter_state), device)
        standing.restore(checkpoint.load_note(newest, "warnings", standing_state))
    observer.started(first, config.steps)
    saver = Saver(run_dir, method, optimizers, standing) if run_dir else None
    if first < config.steps:
        loader = Loader(
            source,
            target,
            reads=method.columns(method.config) if runners else (),
            batch_size=config.batch_size,
            seed=config.seed,
            device=device,
            oracle=oracle,
            paired=paired and method.paired,
        )
        try:
            with signals.waiting(), deterministic(config.deterministic):
                _steps(method, runners, timeline, loader, meter, standing, config, first, saver, observer)
        finally:
            loader.close()
            if saver is not None:
                saver.wait()
    elif newest is None:  # no steps at all
        _finish(method, source, target)
        if saver is not None:
            saver.save(0, {})
            saver.wait()
            observer.saved(0)
    method.eval()


def _steps(
    method: Method,
    runners: Mapping[str, PhaseRunner],
    timeline: Timeline,
    loader: Loader,
    meter: Meter,
    standing: StandingWarnings,
    config: TrainConfig,
    first: int,
    saver: Saver | None,
    observer: Observer,
) -> None:
    run_dir = saver.run_dir if saver else None
    draws = timeline.draws_before(first)
    precision = resolve_precision(config.precision, loader.device)
    for step in range(first, config.steps):
        moment = timeline.at(step)
        reseed(loader.device, config.seed, step, dist.rank())  # the only random state of a run
        if moment.begins or step == first:
            method.train()
            for module in moment.stage.resting:
                module.eval()
        if moment.begins:
            with blaming(f"method {method.name}, stage {moment.stage.name}"), torch.no_grad():
                moment.stage.begin()
        carry: Carry = {}
        for group in moment.groups:
            for name in group:
                if name not in runners:
                    raise PluginError(
                        f"{method.name}: step {step} schedules {name!r}, which the method does not declare"
                    )
                runners[name].set_progress(moment.progress)
                with blaming(f"method {method.name}, phase {name}"):
                    fitted = _update(runners[name], loader, draws, moment.progress, carry, meter, observer)
                if not fitted:
                    raise _what_fits(method, runners, loader, draws, step, moment.phases, name)
            draws += 1
        done = step + 1
        observer.stepped(done, moment.phases, len(moment.groups))
        last = done == config.steps
        saving = saver is not None and (last or done % config.save_every == 0)
        logging = last or saving or done % config.log_every == 0
        if logging:
            if saver is not None:
                saver.wait()  # so that a full disk is said soon, and the sentences below know what is saved
            means = meter.drain()
            failures.check_finite(method, means, done, run_dir, weights=saving, precision=precision)
            warnings = method.diagnose(means)
            standing.heed(done, warnings)
            observer.logged(done, means, warnings)
            if config.stop_on_collapse and not last:
                failures.check_standing(method, standing, config.collapse_steps, done, run_dir)
        if last:
            _finish(method, loader.source_domain, loader.target_domain)
        if saving and saver is not None:
            saver.save(done, _notes(meter, standing))
            observer.saved(done)
        if last or not (logging or dist.world() == 1):  # several processes agree where they meet anyway
            continue
        save, stop = _asked()
        if (save or stop) and saver is not None and not saving:
            failures.check_finite(method, {}, done, run_dir, weights=True, precision=precision)
            saver.save(done, _notes(meter, standing))
        if stop:
            if saver is not None:
                saver.wait()
            what = f"saved at step {done}" if run_dir is not None else "nothing of this network was saved"
            raise InterruptedRunError(f"stopped by {stop}, {what}; the same command goes on", signals.STOP[stop])


def _finish(method: Method, source: Domain | None, target: Domain | None) -> None:
    with blaming(f"method {method.name}, finish"):
        method.finish(source, target)  # type: ignore[arg-type]  # a domain that it does not read may be None


def _update(
    runner: PhaseRunner,
    loader: Loader,
    index: int,
    progress: float,
    carry: Carry,
    meter: Meter,
    observer: Observer,
) -> bool:
    """One update on one batch; whether there was memory for it. What a refused one held is free on return."""
    try:
        told = first_update(runner.name, observer.compiling, observer.compiled) if runner.compiles else nullcontext()
        with told:
            meter.add(runner.name, runner.update(loader.draw(index, progress), carry))
        runner.compiles = False
    except Exception as error:
        if not out_of_memory.refused(error):
            raise
        return False
    return True


def _what_fits(
    method: Method,
    runners: Mapping[str, PhaseRunner],
    loader: Loader,
    index: int,
    step: int,
    phases: Sequence[str],
    name: str,
) -> Exception:
    """The error that says which sizes fit the memory that phase `name` of a step was refused."""
    size, micro = loader.batch_size, runners[name].micro_batch

    def attempt(batch_size: int, micro_batch: int) -> None:
        release_memory(loader.device)
        loader.resize(batch_size)
        for each in set(phases):
            runners[each].run_plainly(micro_batch)  # compiling for each size would take minutes
            runners[each].update(loader.draw(index, 0.0))

    return failures.not_enough_memory(
        method,
        f"phase {name} of step {step + 1} on {loader.device}",
        batch_size=size,
        micro_batch=micro,
        try_micro_batch=lambda smaller: attempt(size, smaller),
        try_batch_size=lambda smaller: attempt(smaller, 0),
    )


def _notes(meter: Meter, standing: StandingWarnings) -> dict[str, dict[str, Any]]:
    """What a resumed run needs to know beside the weights, to log and warn as one that was never stopped."""
    return {"meter": meter.state(), "warnings": standing.state()}


def _asked() -> tuple[bool, str]:
    """Whether a signal asked any process to save, and the name of the one that asked to stop."""
    save, stop = signals.asked()
    said = dist.gathered(stop or ("save" if save else ""))
    return any(said), next((name for name in said if name in signals.STOP), "")
