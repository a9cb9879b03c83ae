"""Maps the steps of a training to its stages: which phases a step runs, and on which batches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from ganzoo.errors import ConfigError, PluginError
from ganzoo.method import Group, Method, Stage


@dataclass(frozen=True)
class Moment:
    """One step of a training."""

    stage: Stage
    begins: bool  # is the first step of its stage
    progress: float  # the part of the stage that is done, in [0, 1)
    groups: tuple[Group, ...]  # phases, in order; those of a group share one batch

    @property
    def phases(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups for name in group)


class Timeline:
    """The steps of a training. Raises ConfigError if there are fewer steps than stages."""

    def __init__(self, method: Method, steps: int) -> None:
        self.method, self.steps = method, steps
        self.stages = tuple(method.stages())
        if not self.stages or not all(0 < stage.share < float("inf") for stage in self.stages):
            raise PluginError(
                f"{method.name}: there must be a stage, and every stage needs a positive share of the steps"
            )
        if 0 < steps < len(self.stages):
            names = ", ".join(stage.name for stage in self.stages)
            raise ConfigError(f"--steps {steps}: {method.name} trains in {len(self.stages)} stages ({names}); "
                              f"give {len(self.stages)} steps or more")  # fmt: skip
        total = sum(stage.share for stage in self.stages)
        ends = [round(steps * part / total) for part in accumulate(stage.share for stage in self.stages)]
        for at in range(len(ends)):  # a small share still gets a step, and leaves one to each later stage
            least = (ends[at - 1] if at else 0) + 1
            ends[at] = min(max(ends[at], least), steps - (len(ends) - 1 - at))
        self.ends = ends if steps else [0] * len(ends)

    def at(self, step: int) -> Moment:
        """Step `step`, counted from 0."""
        number = next(at for at, end in enumerate(self.ends) if step < end or at == len(self.ends) - 1)
        stage, first = self.stages[number], self.ends[number - 1] if number else 0
        length = max(self.ends[number] - first, 1)
        return Moment(stage, step == first, (step - first) / length, groups_of(stage.schedule(step - first)))

    def draws_before(self, step: int) -> int:
        """How many batches the steps before `step` draw."""
        return sum(len(self.at(each).groups) for each in range(step))


def groups_of(schedule: object) -> tuple[Group, ...]:
    """What `Method.schedule` returned, with every phase in a group. Raises PluginError for anything else."""
    if not isinstance(schedule, tuple | list):
        raise PluginError(f"a schedule must be a sequence of phases, not {schedule!r:.100}")
    groups = tuple((entry,) if isinstance(entry, str) else tuple(entry) for entry in schedule)
    if not all(group and all(isinstance(name, str) for name in group) for group in groups):
        raise PluginError(f"a schedule must hold names of phases, or tuples of them, not {schedule!r:.100}")
    return groups
