"""Runs the phases of a method: gradients, then one optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.batch import Batch
from ganzoo.errors import PluginError
from ganzoo.method import Method, Phase
from ganzoo.system import dist
from ganzoo.training.cuda_graphs import Captured, Computed, Recorder
from ganzoo.training.devices import random_state, set_random_state
from ganzoo.training.torch_compile import compiled

Carry = dict[str, Tensor]  # what phases of one step hand on, by name


def _fused(make: Callable[..., torch.optim.Optimizer]) -> dict[str, bool]:
    """The option for an update of all weights in few launches, if the optimizer has it and no other is chosen.

    The formula is the same; rounding differs. On a CPU it would save 2 to 3 % of a DANN step and change golden curves.
    """
    try:
        options = signature(make).parameters
    except (TypeError, ValueError):  # a callable without a signature
        return {}
    chosen = [options[name].default for name in ("foreach", "differentiable") if name in options]
    is_open = "fused" in options and options["fused"].default is None
    return {"fused": True} if is_open and not any(chosen) else {}


class PhaseRunner:
    """Runs one phase. `owners` are the runners of earlier phases, whose optimizers it may share by name."""

    def __init__(
        self,
        method: Method,
        name: str,
        phase: Phase,
        owners: Mapping[str, PhaseRunner],
        *,
        precision: str = "fp32",
        micro_batch: int = 0,
        compile: bool = False,
    ) -> None:
        self.method, self.name, self.phase = method, name, phase
        self.precision, self.micro_batch = precision, micro_batch
        self.loss = compiled(phase.loss) if compile else phase.loss
        self.compiles = compile  # until its first update
        self.gradients: Callable[[Batch], Computed] = self.computed
        self.networks = nn.ModuleList(phase.networks)
        self.params = list(self.networks.parameters())
        self.optimizers, self.owned = self._optimizers(owners)
        self.rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.buffers = [method.get_buffer(buffer) for buffer in phase.averages]
        if phase.closure and len(self.optimizers) > 1:
            raise self._broken("has a closure, so it must have one optimizer")

    def _optimizers(self, owners: Mapping[str, PhaseRunner]) -> tuple[list[torch.optim.Optimizer], dict[str, Any]]:
        """The phase's optimizers, and those that it owns, by the names that other phases and checkpoints use."""
        several = isinstance(self.phase.optimizer, tuple)
        wanted = self.phase.optimizer if isinstance(self.phase.optimizer, tuple) else (self.phase.optimizer,)
        networks = [[each] for each in self.phase.networks] if several else [list(self.phase.networks)]
        if several and len(wanted) != len(networks):
            raise self._broken(f"has {len(wanted)} optimizers for {len(networks)} networks; give one for each")
        options = list(self.phase.options) or [{}] * len(self.phase.networks)
        if len(options) != len(self.phase.networks):
            raise self._broken(f"has {len(options)} options for {len(self.phase.networks)} networks; give one for each")
        found, owned = [], {}
        for at, (make, own) in enumerate(zip(wanted, networks, strict=True)):
            if isinstance(make, str):
                found.append(self._shared(make, owners))
                continue
            chosen = [options[at]] if several else options
            on_gpu = bool(self.params) and self.params[0].is_cuda
            optimizer = make(_groups(own, chosen), **(_fused(make) if on_gpu else {}))
            found.append(optimizer)
            owned[f"{self.name}/{at}" if several else self.name] = optimizer
        return found, owned

    def _shared(self, name: str, owners: Mapping[str, PhaseRunner]) -> torch.optim.Optimizer:
        known = {key: each for owner in owners.values() for key, each in owner.owned.items()}
        if name not in known:
            raise self._broken(f"shares the optimizer of {name!r}, which is not an earlier phase")
        return known[name]

    def _broken(self, what: str) -> PluginError:
        return PluginError(f"{self.method.name}: phase {self.name!r} {what}")

    def set_progress(self, progress: float) -> None:
        """Set the learning rates, which are a pure function of progress."""
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * self.phase.decay(progress)

    def update(self, batch: Batch, carry: Carry | None = None) -> dict[str, Tensor]:
        """One update of the phase's networks. Returns the loss terms, detached, on the device.

        `carry` holds the tensors that the phase takes, and receives those that it hands on.
        """
        carry = {} if carry is None else carry
        batch = batch.with_carried({name: carry[name] for name in self.phase.takes if name in carry})
        self.networks.requires_grad_(True)
        done = self._closure_step(batch) if self.phase.closure else self._step(batch)
        self.networks.requires_grad_(False)
        self.phase.after()
        dist.average_tensors(self.buffers)
        carry.update(done.handed_on)
        return done.terms

    def _step(self, batch: Batch) -> Computed:
        done = self.gradients(batch)
        dist.average_gradients(self.params)
        for optimizer in self.optimizers:
            optimizer.step()
        return done

    def _closure_step(self, batch: Batch) -> Computed:
        """Let the optimizer compute loss and gradient as often as it needs, always with the same noise."""
        first: list[Computed] = []
        noise = random_state(batch.device)

        def closure() -> Tensor:
            set_random_state(batch.device, noise)
            done = self.gradients(batch)
            dist.average_gradients(self.params)
            first.append(done)
            return dist.averaged(done.objective)

        self.optimizers[0].step(closure)  # type: ignore[arg-type]
        return first[0]

    def computed(self, batch: Batch) -> Computed:
        """The loss terms of a batch, and their gradients in the parameters."""
        size = self.micro_batch or len(batch)
        logged: dict[str, Tensor] = {}
        objective = torch.zeros((), device=batch.device)
        parts: list[Mapping[str, Tensor]] = []
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        for micro in batch.split(size):
            share = len(micro) / len(batch)
            with torch.autocast(batch.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                terms = self.loss(micro)
            _check_terms(terms)
            moving = [term.float() for term in terms.values() if term.requires_grad]
            if not moving:
                raise PluginError(f"no term of {sorted(terms)} has a gradient, so this phase cannot train")
            part = torch.stack(moving).sum() * share
            part.backward()
            objective = objective + part.detach()
            for name, term in terms.items():
                logged[name] = logged.get(name, 0) + term.detach().float() * share
            self._check_handed_on(micro)
            parts.append(micro.handed_on)
        whole = {name: torch.cat([part[name] for part in parts]) for name in self.phase.hands_on}
        return Computed(logged, whole, objective)

    def _check_handed_on(self, batch: Batch) -> None:
        """Raise PluginError unless the loss handed on what its phase declares, with one row per row of the batch."""
        if {*batch.handed_on} != {*self.phase.hands_on}:
            raise PluginError(
                f"its loss hands on {sorted(batch.handed_on) or 'nothing'}, but its phase declares "
                f"{sorted(self.phase.hands_on) or 'nothing'} in `hands_on`"
            )
        for name, tensor in batch.handed_on.items():
            if tensor.dim() == 0 or len(tensor) != len(batch):
                raise PluginError(f"it hands on {name!r} of shape {list(tensor.shape)} for a batch of {len(batch)}")

    def run_plainly(self, micro_batch: int) -> None:
        """From now on compute each update in micro-batches of this size (0: whole), neither compiled nor recorded."""
        self.micro_batch, self.loss, self.gradients = micro_batch, self.phase.loss, self.computed


def _groups(networks: Sequence[nn.Module], options: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The parameters of the networks, as an optimizer takes them: in one list, or in groups if any has options."""
    if not any(options):
        return list(nn.ModuleList(networks).parameters())
    return [{"params": list(network.parameters()), **own} for network, own in zip(networks, options, strict=True)]


def _check_terms(terms: object) -> None:
    """Raise PluginError unless a loss returned named 0-d tensors."""
    if not isinstance(terms, Mapping) or not all(isinstance(term, Tensor) for term in terms.values()):
        raise PluginError("its loss must return a mapping of names to tensors, one for each term")
    if wrong := [f"{name} is {list(term.shape)}" for name, term in terms.items() if term.dim()]:
        raise PluginError(f"its loss must return 0-d tensors (the mean over the batch), but {', '.join(wrong)}")


def phase_runners(
    method: Method, *, precision: str = "fp32", micro_batch: int = 0, compile: bool = False
) -> dict[str, PhaseRunner]:
    """A runner for each of the method's phases; phases that share an optimizer by name get the same one."""
    runners: dict[str, PhaseRunner] = {}
    for name, phase in method.phases().items():
        runners[name] = PhaseRunner(
            method, name, phase, dict(runners), precision=precision, micro_batch=micro_batch, compile=compile
        )
    return runners


def optimizers_of(runners: Mapping[str, PhaseRunner]) -> dict[str, torch.optim.Optimizer]:
    """Every optimizer once, by the name that it has in a checkpoint."""
    return {name: optimizer for runner in runners.values() for name, optimizer in runner.owned.items()}


def capture(
    method: Method, runners: Mapping[str, PhaseRunner], recorder: Recorder, tell: Callable[[str, str], None]
) -> None:
    """Let the runners replay recordings, all of them or none, because one may use tensors of another.

    `tell` is called with a phase and an empty string once it is replayed, or with the reason why none is from now on.
    """

    def told(phase: str, why: str) -> None:
        if why:
            for runner in runners.values():
                runner.gradients = runner.computed
        tell(phase, why)

    for name, runner in runners.items():
        if runner.phase.closure:
            told(name, "its optimizer computes the loss several times, which cannot be recorded")
            return
        runner.gradients = Captured(
            runner.computed, runner.params, lambda: list(method.buffers()), recorder, partial(told, name)
        )
