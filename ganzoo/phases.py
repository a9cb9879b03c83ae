"""The phases of a method at work: gradients in, one optimizer step out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature

import torch
from torch import Tensor, nn

from ganzoo import dist
from ganzoo.batch import Batch
from ganzoo.capture import Captured, Gradients, Recorder
from ganzoo.compiling import compiled
from ganzoo.errors import PluginError
from ganzoo.method import Method, Phase


def _fused(make: Callable[..., torch.optim.Optimizer]) -> dict[str, bool]:
    """The update of all weights in few launches, for an optimizer that has one and leaves the choice open.

    It is the same formula, rounded apart. On a CPU it would save 2 to 3 % of a DANN step, and move golden curves.
    """
    try:
        options = signature(make).parameters
    except (TypeError, ValueError):  # a callable that tells nothing of itself
        return {}
    chosen = [options[name].default for name in ("foreach", "differentiable") if name in options]
    is_open = "fused" in options and options["fused"].default is None
    return {"fused": True} if is_open and not any(chosen) else {}


class PhaseRunner:
    """Runs one phase."""

    def __init__(
        self,
        phase: Phase,
        *,
        precision: str = "fp32",
        micro_batch: int = 0,
        compile: bool = False,
        owner: PhaseRunner | None = None,
    ) -> None:
        self.phase, self.precision, self.micro_batch = phase, precision, micro_batch
        self.loss = compiled(phase.loss) if compile else phase.loss
        self.compiles = compile  # until its first update
        self.gradients: Gradients = self.computed
        self.networks = nn.ModuleList(phase.networks)
        self.params = list(self.networks.parameters())
        self.optimizer: torch.optim.Optimizer
        self.rates: list[float]
        if owner is not None:
            self.optimizer, self.rates = owner.optimizer, owner.rates
        elif callable(phase.optimizer):
            on_gpu = bool(self.params) and self.params[0].is_cuda
            self.optimizer = phase.optimizer(self.params, **(_fused(phase.optimizer) if on_gpu else {}))
            self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def set_progress(self, progress: float) -> None:
        """Set the learning rates, which are a pure function of progress."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.phase.decay(progress)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One update of the phase's networks. Returns the loss terms, detached, on the device."""
        self.networks.requires_grad_(True)
        logged = self.gradients(batch)
        self.networks.requires_grad_(False)
        dist.average_gradients(self.params)
        self.optimizer.step()
        self.phase.after()
        return logged

    def computed(self, batch: Batch) -> dict[str, Tensor]:
        """The loss terms of a batch, and their gradients in the parameters."""
        size = self.micro_batch or len(batch)
        logged: dict[str, Tensor] = {}
        self.optimizer.zero_grad(set_to_none=True)
        for micro in batch.split(size):
            share = len(micro) / len(batch)
            with torch.autocast(batch.target.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                terms = self.loss(micro)
            _check_terms(terms)
            moving = [term.float() for term in terms.values() if term.requires_grad]
            if not moving:
                raise PluginError(f"no term of {sorted(terms)} has a gradient, so this phase cannot train")
            (torch.stack(moving).sum() * share).backward()
            for name, term in terms.items():
                logged[name] = logged.get(name, 0) + term.detach().float() * share
        return logged

    def run_plainly(self, micro_batch: int) -> None:
        """From now on compute each update in parts of this size (0: whole), neither compiled nor recorded."""
        self.micro_batch, self.loss, self.gradients = micro_batch, self.phase.loss, self.computed


def _check_terms(terms: object) -> None:
    """Raise PluginError unless a loss returned named single numbers."""
    if not isinstance(terms, Mapping) or not all(isinstance(term, Tensor) for term in terms.values()):
        raise PluginError("its loss must return a mapping of names to tensors, one for each term")
    if wrong := [f"{name} is {list(term.shape)}" for name, term in terms.items() if term.dim()]:
        raise PluginError(f"its loss must return single numbers (the mean over the batch), but {', '.join(wrong)}")


def phase_runners(
    method: Method, *, precision: str = "fp32", micro_batch: int = 0, compile: bool = False
) -> dict[str, PhaseRunner]:
    """A runner for each of the method's phases; phases that share an optimizer by name get the same one."""
    runners: dict[str, PhaseRunner] = {}
    for name, phase in method.phases().items():
        owner = None
        if isinstance(phase.optimizer, str):
            if phase.optimizer not in runners:
                raise PluginError(f"{method.name}: phase {name!r} shares the optimizer of {phase.optimizer!r}, "
                                  "which is no earlier phase")  # fmt: skip
            owner = runners[phase.optimizer]
        runners[name] = PhaseRunner(phase, precision=precision, micro_batch=micro_batch, compile=compile, owner=owner)
    return runners


def capture(
    method: Method, runners: Mapping[str, PhaseRunner], recorder: Recorder, tell: Callable[[str, str], None]
) -> None:
    """Let the runners replay recordings, all of them or none, because one may use what another has left.

    `tell` gets a phase with an empty word once it is replayed, or with the reason why from now on none is.
    """

    def told(phase: str, why: str) -> None:
        if why:
            for runner in runners.values():
                runner.gradients = runner.computed
        tell(phase, why)

    for name, runner in runners.items():
        runner.gradients = Captured(
            runner.computed, runner.params, lambda: list(method.buffers()), recorder, partial(told, name)
        )
