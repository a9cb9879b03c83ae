"""The contract between a method and the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from torch import Tensor, nn
from torch.optim import Optimizer

from ganzoo.batch import Batch, DataSpec, Kind
from ganzoo.nn.optimizers import constant, linear_decay
from ganzoo.nn.pretrained import PretrainedFile
from ganzoo.settings import Settings
from ganzoo.task import Task

if TYPE_CHECKING:
    from ganzoo.dataset import Domain


__all__ = ["Group", "MakeOptimizer", "Method", "Phase", "Presets", "Schedule", "Stage", "constant", "linear_decay"]


def nothing() -> None:
    """Changes nothing."""


MakeOptimizer = Callable[..., Optimizer]
Group = tuple[str, ...]  # phases that share one batch
Schedule = Sequence[str | Group]
Presets = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Phase:
    """One update: the networks that move and the loss that moves them.

    `loss` returns named terms. The loop minimises the sum of those that carry a
    gradient; a detached term is only logged.

    `optimizer` makes an optimizer of the networks' parameters, such as `partial(Adam, lr=...)`, or names an earlier
    phase whose optimizer it shares. A tuple holds one for each network; "phase/1" names the second one of a phase. A
    network's parameters are one group of their own if `options` has settings for it, such as `({}, {"lr": 1e-4})`.
    """

    networks: Sequence[nn.Module]
    loss: Callable[[Batch], Mapping[str, Tensor]]
    optimizer: MakeOptimizer | str | tuple[MakeOptimizer | str, ...]
    decay: Callable[[float], float] = (
        constant  # learning-rate factor, a pure function of the stage's progress in [0, 1)
    )
    after: Callable[[], None] = nothing  # a projection of the weights (Wasserstein clipping), or a moving average
    follows: Sequence[nn.Module] = ()  # modules of `Method.frozen` that `after` changes, such as a moving average
    options: Sequence[Mapping[str, Any]] = ()  # of the optimizer, for each network
    closure: bool = False  # the optimizer computes the loss itself, several times on one batch (L-BFGS)
    hands_on: tuple[str, ...] = ()  # names that the loss gives to `Batch.hand_on`
    takes: tuple[str, ...] = ()  # names that it finds in `Batch.carried` if an earlier phase of the step handed them on
    averages: tuple[str, ...] = ()  # buffers of the method that are averaged over all processes after the update


@dataclass(frozen=True)
class Stage:
    """A part of training with phases of its own, which ends before the next one begins.

    Learning rates and `Batch.progress` count the stage's own steps.
    """

    name: str
    share: float  # of all steps, relative to the other stages' shares
    schedule: Callable[[int], Schedule]  # the phases of a step, counted from the stage's first: see `Method.schedule`
    begin: Callable[[], None] = nothing  # a transition before its first step, such as copying an encoder
    resting: Sequence[nn.Module] = ()  # networks that stay in eval mode in this stage, such as a frozen encoder


class Method(nn.Module, ABC):
    """A way to adapt, generate, encode or predict.

    One file, one level of inheritance. All state is parameters and buffers, so that the
    state dict is complete; randomness comes from torch's default generators only.
    Its abilities are functions that `ganzoo.capabilities` describes.
    """

    name: ClassVar[str]  # as published, lower case
    summary: ClassVar[str]  # one sentence
    paper: ClassVar[str]  # address of the paper; empty if there is none
    Config: ClassVar[type[Settings]]
    presets: ClassVar[Presets] = {}
    """Named settings: {"paper": {"method": {...}, "train": {...}}}. "default" is used if none is named."""
    reads: ClassVar[tuple[str, ...]] = ("source", "source_label", "target")
    """The columns of the data in its batches (`DataSpec.columns`). The loop draws no others."""
    kinds: ClassVar[tuple[Kind, ...]] = ("image",)  # of samples that it can read
    tasks: ClassVar[tuple[type[Task], ...]] = ()  # what labels may mean; empty: anything, or nothing
    paired: ClassVar[bool] = False  # is given row k of the source together with row k of the target
    couples_batch: ClassVar[bool] = False  # BatchNorm, MMD, history: micro-batches would change what it learns
    oracle: ClassVar[bool] = False  # is given target labels (an OracleBatch); every table marks it
    pretrained: ClassVar[tuple[PretrainedFile, ...]] = ()  # weights that it loads; `ganzoo doctor` shows where they are
    evaluated_images: ClassVar[int] = 0
    """How many samples of a domain metrics may ask it to process, for a method that optimises each; 0: all of them."""
    checked_at_most: ClassVar[Mapping[str, float]] = {}
    """Upper limits of settings that are only sizes, such as `{"width": 8, "blocks": 2}`. The conformance kit lowers the
    settings of presets (but for the default) to them, so that it checks a preset of any size in seconds."""

    def __init__(self, config: Any, spec: DataSpec) -> None:
        super().__init__()
        self.config = config
        self.spec = spec

    @abstractmethod
    def phases(self) -> Mapping[str, Phase]:
        """The updates of training, by name. Empty for a method that trains nothing."""

    def schedule(self, step: int) -> Schedule:
        """The phases of this step, in order: each is one update on one fresh batch. A pure function of `step`.

        Phases in a tuple share one batch: `(("reconstruct", "discriminate", "generate"),)`.
        """
        return tuple(self.phases())

    def stages(self) -> Sequence[Stage]:
        """The parts of training, in order. The default is one stage of all steps."""
        return (Stage("training", 1.0, self.schedule),)

    def frozen(self) -> Sequence[nn.Module]:
        """Networks inside the method that no phase trains: pretrained judges, averages. They stay in eval mode."""
        return ()

    def finish(self, source: Domain, target: Domain) -> None:
        """An optional closed-form step after training, such as subspace alignment.

        `target` comes without labels unless the method is an oracle. A domain of which the method reads nothing may be
        None.
        """

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        """Warnings, one sentence each, from the logged means ("phase/term"). A pure function."""
        return ()

    @classmethod
    def columns(cls, config: Any) -> tuple[str, ...]:
        """`reads`, for a method whose settings decide it, such as the domain that a generator learns."""
        return cls.reads

    @classmethod
    def is_oracle(cls, config: Any) -> bool:
        """`oracle`, for a method whose settings decide it."""
        return cls.oracle

    @classmethod
    def batch_multiple(cls, config: Any) -> int:
        """What the size of a batch, and of a micro-batch, must be a multiple of, such as the samples in a pack."""
        return 1

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        """Why the method cannot work on such data with these settings, beyond `reads`, `kinds` and `tasks`.

        One sentence without its subject, such as "takes images of 16 x 16 pixels and more"; empty if it can.
        """
        return ""

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for module in self.frozen():
            module.eval()
        return self


CLASS_FLAGS = ("couples_batch", "oracle", "paired")
"""Read before an instance exists, and shown in tables: set them in the class."""
