"""The contract between a method and the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from ganzoo.batch import Batch, DataSpec
from ganzoo.settings import Settings

if TYPE_CHECKING:
    from ganzoo.dataset import Domain


def constant(progress: float) -> float:
    """A learning rate that stays as it is."""
    return 1.0


def linear_decay(progress: float) -> float:
    """Constant over the first half of the run, then linearly to zero."""
    return min(1.0, 2.0 - 2.0 * progress)


def nothing() -> None:
    """No projection of the weights."""


@dataclass(frozen=True)
class Phase:
    """One optimizer update: the networks that move and the loss that moves them.

    `loss` returns named terms. The loop minimises the sum of those that carry a
    gradient; a detached term is only logged.
    """

    networks: Sequence[nn.Module]
    loss: Callable[[Batch], Mapping[str, Tensor]]
    optimizer: Callable[..., Optimizer] | str  # partial(Adam, lr=...), or the earlier phase whose optimizer it shares
    decay: Callable[[float], float] = constant  # learning-rate factor, a pure function of progress in [0, 1)
    after: Callable[[], None] = nothing  # a projection of the weights, such as Wasserstein clipping


class Method(nn.Module, ABC):
    """A way to adapt, generate or predict.

    One file, one level of inheritance. All state is parameters and buffers, so that the
    state dict is the whole of it; randomness comes from torch's default generators only.
    """

    name: ClassVar[str]  # as published, lower case
    summary: ClassVar[str]  # one sentence
    paper: ClassVar[str]  # address of the paper; empty where there is none
    Config: ClassVar[type[Settings]]
    presets: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {}
    """Named settings: {"paper": {"method": {...}, "train": {...}}}. "default" holds where none is named."""
    couples_batch: ClassVar[bool] = False  # BatchNorm, MMD, history: micro-batches would change what it learns
    oracle: ClassVar[bool] = False  # is given target labels (an OracleBatch); every table marks it

    def __init__(self, config: Any, spec: DataSpec) -> None:
        super().__init__()
        self.config = config
        self.spec = spec

    @abstractmethod
    def phases(self) -> Mapping[str, Phase]:
        """The updates that training is made of, by name."""

    def schedule(self, step: int) -> Sequence[str]:
        """The phases of this step, in order: each is one update on one fresh batch. A pure function of `step`."""
        return tuple(self.phases())

    def finish(self, source: Domain, target: Domain) -> None:
        """An optional closed-form step after training, such as subspace alignment.

        `target` comes without labels unless the method is an oracle.
        """

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        """Warnings, each a sentence, that the logged means ("phase/term") call for. A pure function."""
        return ()


@runtime_checkable
class Refines(Protocol):
    def refine(self, source: Tensor) -> Tensor:
        """Source images [N, C, H, W] in [-1, 1] with the look of the target; their labels still hold."""
        ...


@runtime_checkable
class Generates(Protocol):
    def generate(self, count: int) -> Tensor:
        """`count` images of the target domain [count, C, H, W] in [-1, 1], from noise."""
        ...


@runtime_checkable
class GeneratesFromLatent(Protocol):
    """What a generator needs so that `ganzoo export` can take it along: noise apart from the network."""

    def draw_latent(self, count: int) -> Tensor:
        """`count` latents [count, ...]: all the noise that `generate` takes. The docstring names the distribution."""
        ...

    def generate_from(self, latent: Tensor) -> Tensor:
        """The images [N, C, H, W] in [-1, 1] of latents [N, ...], without noise of its own."""
        ...


@runtime_checkable
class GeneratesLabelled(Protocol):
    def generate_labelled(self, labels: Tensor) -> Tensor:
        """Images of the target domain [N, C, H, W] in [-1, 1] for labels [N, task.label_size]."""
        ...


@runtime_checkable
class Predicts(Protocol):
    def predict(self, images: Tensor) -> Tensor:
        """The task's prediction for target images [N, C, H, W] in [-1, 1]: [N, task.label_size]."""
        ...


CLASS_FLAGS = ("couples_batch", "oracle")
"""Read before there is an object, and shown in tables: they belong in the class."""

CAPABILITIES: tuple[type, ...] = (Refines, Generates, GeneratesLabelled, Predicts)
