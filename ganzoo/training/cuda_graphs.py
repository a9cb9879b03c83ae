"""The gradients of a phase as a recording, such as a CUDA graph: one launch instead of hundreds.

A recording repeats the kernels of one update with the same addresses and the same host values. So a batch is copied to
fixed tensors before a replay, and the results are copied from fixed tensors. A host value that a loss reads (a counter,
a flag) would keep its recorded value. That is why a replay is used only after it has reproduced the loss's own results
on another batch, and is compared again at every update whose number is a power of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ganzoo.batch import Batch
from ganzoo.errors import ConfigError
from ganzoo.training.devices import random_state, set_random_state

WARM_UP = 3  # updates before the recording, in which libraries choose their kernels
TERMS, GRADIENTS = 1e-4, 1e-2  # relative tolerances of rounding: a GPU sums gradients in no fixed order


class Computed(NamedTuple):
    """What computing the gradients of a batch returns; all of it is detached."""

    terms: dict[str, Tensor]
    handed_on: dict[str, Tensor]  # to later phases of the step
    objective: Tensor  # 0-d: the sum of the terms that were minimised


Gradients = Callable[[Batch], Computed]  # leaves gradients in the parameters


class Recorder(Protocol):
    """Records work of the device."""

    def aside(self) -> AbstractContextManager[None]:
        """The context in which the updates before the recording run."""
        ...

    def record(self, work: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor], Callable[[], None]]:
        """What `work` returned, and a function that fills its tensors again. The work itself is not executed.

        Raises RuntimeError for work that cannot be recorded.
        """
        ...


class CudaGraphs:
    """Records CUDA graphs. Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs"""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A stream of its own, so that no gradient is tied to the default one, which cannot be recorded."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)

    def record(self, work: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor], Callable[[], None]]:
        graph = torch.cuda.CUDAGraph()
        # Only calls of this thread are recorded: the loader's thread copies the next batch meanwhile.
        with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
            results = work()
        return results, graph.replay


def recorder(device: torch.device) -> Recorder:
    """The recorder of this device. Raises ConfigError if there is none."""
    if device.type != "cuda":
        raise ConfigError(
            f"--capture records CUDA graphs and needs a CUDA GPU, but the device is {device}; leave it out"
        )
    return CudaGraphs(device)


class Captured:
    """`gradients` of the parameters `params`, recorded after a few updates and replayed from then on.

    `buffers` returns the state that computing gradients may change. `tell` is called with an empty string once replays
    are trusted, and with the reason if they must not be used (any more): it must then replace this object by
    `gradients`. The results are correct in either case.
    """

    def __init__(
        self,
        gradients: Gradients,
        params: Sequence[nn.Parameter],
        buffers: Callable[[], Sequence[Tensor]],
        recorder: Recorder,
        tell: Callable[[str], None],
    ) -> None:
        self.gradients, self.params, self.buffers = gradients, params, buffers
        self.recorder, self.tell = recorder, tell
        self.updates = 0
        self._recording: _Recording | None = None

    def __call__(self, batch: Batch) -> Computed:
        self.updates += 1
        if self.updates <= WARM_UP:
            with self.recorder.aside():
                return self.gradients(batch)
        if self._recording is None:
            return self._recorded(batch)
        if not self._recording.takes(batch):
            return self.gradients(batch)
        first = self.updates == WARM_UP + 2
        if first or self.updates & (self.updates - 1) == 0:
            return self._compared(batch, self._recording, first)
        return self._recording.replay(batch)

    def _recorded(self, batch: Batch) -> Computed:
        """The first replay of the recording, with the recorded batch and host values."""
        try:
            self._recording = _Recording(self.gradients, self.params, self.recorder, batch)
        except RuntimeError as error:
            self.tell(f"it cannot be recorded ({str(error).splitlines()[0]})")
            return self.gradients(batch)
        return self._recording.replay(batch)

    def _compared(self, batch: Batch, recording: _Recording, first: bool) -> Computed:
        """The loss's own results, after a check whether the replay gives the same."""
        before, noise = _copies(self.buffers()), random_state(batch.device)
        replayed = recording.replay(batch)
        handed_on = {name: tensor.clone() for name, tensor in replayed.handed_on.items()}
        grads, after = _copies([parameter.grad for parameter in self.params]), _copies(self.buffers())
        for buffer, value in zip(self.buffers(), before, strict=True):
            buffer.copy_(value)
        set_random_state(batch.device, noise)
        own = self.gradients(batch)
        differences = [
            *((f"its term {name}", _difference([v], [replayed.terms[name]]), TERMS) for name, v in own.terms.items()),
            *((f"the tensor {name}", _difference([v], [handed_on[name]]), TERMS) for name, v in own.handed_on.items()),
            ("its gradients", _difference([parameter.grad for parameter in self.params], grads), GRADIENTS),
            ("the method's buffers", _difference(self.buffers(), after), GRADIENTS),
        ]
        wrong = [(what, difference) for what, difference, most in differences if not difference <= most]
        if wrong:
            what, difference = wrong[0]
            self.tell(f"at update {self.updates} {what} differed by {difference:.1e} from the loss's own result")
        elif first:
            self.tell("")
        return own


class _Recording:
    """The recorded gradients of one update, with the fixed tensors of its batch and its results."""

    def __init__(self, gradients: Gradients, params: Sequence[nn.Parameter], recorder: Recorder, batch: Batch) -> None:
        inputs = batch.map(torch.clone)
        self.inputs, self.params = inputs.tensors(), params
        self.results, self.again = recorder.record(lambda: self._flat(gradients(inputs)))
        self.grads = [parameter.grad for parameter in params]

    def _flat(self, done: Computed) -> dict[str, Tensor]:
        return {
            **{f"term {name}": tensor for name, tensor in done.terms.items()},
            **{f"carry {name}": tensor for name, tensor in done.handed_on.items()},
            "objective": done.objective,
        }

    def takes(self, batch: Batch) -> bool:
        tensors = batch.tensors()
        same = tensors.keys() == self.inputs.keys()
        return same and all(tensor.shape == self.inputs[name].shape for name, tensor in tensors.items())

    def replay(self, batch: Batch) -> Computed:
        for name, tensor in batch.tensors().items():
            self.inputs[name].copy_(tensor, non_blocking=True)
        self.again()
        for parameter, grad in zip(self.params, self.grads, strict=True):
            parameter.grad = grad
        terms = {name[5:]: tensor for name, tensor in self.results.items() if name.startswith("term ")}
        # The meter keeps the terms, and the next replay overwrites them: `stack` copies. What is handed on is used
        # before the next replay.
        kept = dict(zip(terms, torch.stack(list(terms.values())).unbind(), strict=True))
        handed_on = {name[6:]: tensor for name, tensor in self.results.items() if name.startswith("carry ")}
        return Computed(kept, handed_on, self.results["objective"])


def _copies(tensors: Sequence[Tensor | None]) -> list[Any]:
    return [None if tensor is None else tensor.clone() for tensor in tensors]


def _difference(wanted: Sequence[Tensor | None], found: Sequence[Tensor | None]) -> float:
    """The norm of the difference of all tensors together, relative to `wanted`; infinite if one is missing."""
    error = norm = 0.0
    for want, have in zip(wanted, found, strict=True):
        if (want is None) != (have is None):
            return float("inf")
        if want is not None and have is not None:
            error += float((want.double() - have.double()).square().sum())
            norm += float(want.double().square().sum())
    return (error / max(norm, 1e-12)) ** 0.5
