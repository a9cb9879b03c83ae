"""The contract of a capability: one thing that a method can do, with everything the rest of ganzoo needs to know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ganzoo.batch import Column, DataSpec
from ganzoo.errors import PluginError
from ganzoo.method import Method
from ganzoo.pixels import to_unit_range

Makes = Literal["samples", "labels", "codes"]


@dataclass(frozen=True)
class Argument:
    """One input of a capability, with a row for each sample.

    `column` says where metrics, sample sheets and commands take it from: "" is the sample itself (an image or a
    vector), "label" its label, any other name a further column of the data, such as "mask".
    """

    name: str  # of the function's parameter
    column: str
    side: Literal["source", "target"]  # the domain of its samples
    meaning: str  # a phrase, such as "source images"


class Capability(ABC):
    """Something that a method can do: refine, predict, generate, encode.

    A method has the capability if it has the function `protocol` describes. Everything else that depends on the
    capability is defined here: the metrics that apply, the row of a sample sheet, `ganzoo.load(run).NAME(...)`, the
    command `ganzoo apply RUN NAME`, the exported function, and what the conformance kit checks. A plugin adds one with
    the hook `ganzoo_capabilities`.
    """

    name: ClassVar[str]  # of the method's function, the Python call and the command; lower case
    summary: ClassVar[str]  # one sentence, "What it does."
    adjective: ClassVar[str] = "made"  # of the output, such as "refined": for manifests, cards and messages
    protocol: ClassVar[type]  # a runtime-checkable Protocol with the one function `name`
    arguments: ClassVar[tuple[Argument, ...]]  # of that function, in order; empty: it takes a number of samples
    makes: ClassVar[Makes]  # the output for each row: samples of the data, labels, or codes
    toy: ClassVar[type]
    """The simplest class with the function and whatever else the protocol requires. The kit builds a method from it, to
    check metrics with; that method has `self.spec`, a buffer `self.scale` of about 0.8, and `self.network` from
    a sample to `task.output_size` numbers."""
    keeps_labels: ClassVar[bool] = False  # the label of an input is still valid for its output
    realism: ClassVar[int | None] = None
    """Set if the output should look like the target: metrics of realism measure the capability with the lowest number
    among those that a method has."""

    def has(self, method: Method | type[Method]) -> bool:
        """Whether the method has this capability."""
        return callable(getattr(method, self.name, None))

    def input(self, method: Method, argument: Argument) -> Column:
        """The type of one row of an input. The default looks it up in the data that the method was built for."""
        return column_of_argument(method.spec, argument)

    @abstractmethod
    def output(self, method: Method) -> Column:
        """The type of one row of the output, which the kit, metrics and exports require of the method."""

    def call(self, method: Method, count: int, inputs: Sequence[Tensor]) -> Tensor:
        """Call the method's function for `count` rows. Images are float in [-1, 1], masks 0 or 1, all else float32."""
        function = getattr(method, self.name)
        made: Tensor = function(*inputs) if self.arguments else function(count)
        return made

    def draw_noise(self, method: Method, count: int) -> Tensor | None:
        """The noise for `count` rows if the method keeps it separate from its network, so that a row does not
        depend on other rows; None if `call` draws its own."""
        return None

    def call_with_noise(self, method: Method, noise: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        """The same as `call`, with noise that `draw_noise` has drawn."""
        raise NotImplementedError(f"{self.name} draws noise, so it must override call_with_noise")

    def run(self, method: Method, count: int, inputs: Sequence[Tensor], noise: Tensor | None = None) -> Tensor:
        """`call`, with a check of the result's shape. Raises PluginError if it is not that of `output`."""
        made = self.call(method, count, inputs) if noise is None else self.call_with_noise(method, noise, inputs)
        wanted = [count, *self.output(method).shape]
        if list(made.shape) != wanted:
            raise PluginError(f"method {method.name}: {self.name} returned {list(made.shape)}, not {wanted}")
        return made

    def problem(self, method: Method, inputs: Sequence[Tensor]) -> str:
        """Why a user's inputs are invalid beyond their shapes, in words; empty if they are valid."""
        return ""

    def rows(self, method: Method, inputs: Sequence[Tensor], made: Tensor) -> list[Tensor]:
        """The rows of a sample sheet, each [N, ...] samples. The default: every input that is a sample, and the result.

        A capability without samples has no rows.
        """
        if self.makes != "samples":
            return []
        shown = [given for argument, given in zip(self.arguments, inputs, strict=True) if argument.column == ""]
        return [*shown, made]

    def toy_input(self, method: Method, argument: Argument, column: Tensor | None, count: int) -> Tensor:
        """An input for the kit's toy problem: `column` of the toy data if there is one, else synthetic values.

        The same values on every call; override it for an argument that no data set has, such as codes.
        """
        if column is None:
            raise NotImplementedError(f"{self.name}: override toy_input to give values for {argument.name}")
        return column

    def violations(self, method: Method, inputs: Sequence[Tensor], made: Tensor) -> Iterator[str]:
        """What is wrong with a result beyond its shape, type and range, for the kit.

        Each is in words without the subject, such as "gives invalid labels: ...".
        """
        return iter(())

    def goal(self, method: Method, truth: Mapping[str, Tensor], made: Tensor) -> float:
        """The error of a result on held-out toy data: the kit requires that training lowers it.

        `truth` has the columns of the toy data, such as "source", "source_label", "target". The default for samples is
        the distance between their moments and those of the target, and for labels the task's error.
        """
        if self.makes == "samples":
            return moment_distance(made, truth["target"])
        side = "target" if method.is_oracle(method.config) else "source"
        return float(method.spec.task.error(made, truth[f"{side}_label"]).mean())

    def baseline(self, method: Method, truth: Mapping[str, Tensor]) -> float:
        """The `goal` of doing nothing. Training must beat it, and the untrained method's."""
        return float("inf")

    def export(self, method: Method) -> Exportable:
        """The function of tensors that `ganzoo export` writes. The default is the method's own, with all arguments.

        Raises UsageError if the method's function is not one of tensors alone.
        """
        return Exportable(self.name, tuple(self._exported(method, each) for each in self.arguments))

    def _exported(self, method: Method, argument: Argument) -> Exported:
        """An argument as an input of an exported function, with values for a trial."""

        def values(count: int) -> Tensor:
            return made_up(method, self, argument, count)

        return Exported(argument.name, self.input(method, argument), argument.meaning, values)


@dataclass(frozen=True)
class Exported:
    """One input of an exported function."""

    name: str
    column: Column
    meaning: str
    values: Callable[[int], Tensor]  # this number of rows for a trial: the same on every call


@dataclass(frozen=True)
class Exportable:
    """Which function of the method is exported, and its inputs."""

    function: str
    inputs: tuple[Exported, ...]


def made_up(method: Method, capability: Capability, argument: Argument, count: int) -> Tensor:
    """Valid values of an argument, without any data: random pixels, masks and numbers, labels of the task.

    The same values on every call. Codes and the like come from `Capability.toy_input`.
    """
    column, noise = capability.input(method, argument), torch.Generator().manual_seed(0)
    shape = (count, *column.shape)
    if column.kind == "image":
        return to_unit_range(torch.randint(256, shape, generator=noise))
    if column.kind == "mask":
        return torch.randint(2, shape, generator=noise).float()
    numbers = torch.randn(shape, generator=noise)
    if argument.column == "label":  # decoded from random outputs of a network
        task = method.spec.task
        return task.decode(torch.randn(count, task.output_size, generator=noise)).float()
    return numbers if argument.column == "" else capability.toy_input(method, argument, numbers, count).float()


def column_of_argument(spec: DataSpec, argument: Argument) -> Column:
    """Raises DatasetError if the data have no such column."""
    if argument.column == "label":
        return Column((spec.task.label_size,), "vector")
    name = f"{argument.side}_{argument.column}" if argument.column else argument.side
    return spec.column(name) if argument.column or name in spec.columns else spec.sample


def moment_distance(made: Tensor, reference: Tensor) -> float:
    """The mean absolute difference between the moments of two sets of samples."""
    return float((_moments(made) - _moments(reference)).abs().mean())


def _moments(samples: Tensor) -> Tensor:
    """For vectors, the mean and standard deviation of each number over samples; for images, mean brightness, mean
    contrast, and the mean 5 % and 95 % quantiles."""
    if samples.dim() < 4:
        flat = samples.float().flatten(1)
        return torch.cat([flat.mean(0), flat.std(0)])
    pixels = samples.float().flatten(1)
    ends = [pixels.quantile(0.05, dim=1).mean(), pixels.quantile(0.95, dim=1).mean()]
    return torch.stack([pixels.mean(), pixels.std(1).mean(), *ends])


def all_of(kinds: Mapping[str, Any], method: Method | type[Method]) -> dict[str, Capability]:
    """The capabilities of a method, by name, among those that are installed."""
    made = {name: kind() for name, kind in kinds.items()}
    return {name: capability for name, capability in made.items() if capability.has(method)}
