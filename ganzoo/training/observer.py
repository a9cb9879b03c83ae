"""The events of the training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class TrainingObserver:
    """Receives the events of a training. Subclass it and override what you need."""

    def started(self, first: int, steps: int) -> None:
        """Training starts or resumes at step `first`."""

    def compiling(self, phase: str) -> None:
        """The first update of a phase begins, which compiles it: that can take minutes."""

    def compiled(self, phase: str, seconds: float) -> None:
        """That update took this long."""

    def captured(self, phase: str, problem: str) -> None:
        """A phase is replayed from now on or, if there is a `problem`, no phase is."""

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        """A step that drew this number of batches was submitted; on a GPU it may still run."""

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        """The means of all loss terms since the last call, as "phase/term"."""

    def saving(self, step: int) -> None:
        """A checkpoint of this step is being written."""

    def saving_on_request(self, step: int) -> None:
        """A checkpoint that a signal asked for is about to be written, between two that were due. Time may be short."""


class ForwardingObserver(TrainingObserver):
    """Passes all events on to `inner`. Override those that are to do more."""

    def __init__(self, inner: TrainingObserver) -> None:
        self.inner = inner

    def started(self, first: int, steps: int) -> None:
        self.inner.started(first, steps)

    def compiling(self, phase: str) -> None:
        self.inner.compiling(phase)

    def compiled(self, phase: str, seconds: float) -> None:
        self.inner.compiled(phase, seconds)

    def captured(self, phase: str, problem: str) -> None:
        self.inner.captured(phase, problem)

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        self.inner.stepped(step, phases, batches)

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        self.inner.logged(step, means, warnings)

    def saving(self, step: int) -> None:
        self.inner.saving(step)

    def saving_on_request(self, step: int) -> None:
        self.inner.saving_on_request(step)
