"""What a user sees while a run works: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from ganzoo.dataset import Dataset
from ganzoo.discovery.registry import registry
from ganzoo.errors import printable
from ganzoo.method import Method
from ganzoo.metric import Score
from ganzoo.report.curves import loss_curves
from ganzoo.report.sheets import sample_sheet
from ganzoo.runs.experiment import Plan, RunObserver
from ganzoo.runs.run_folder import RunFolder
from ganzoo.system.background import BackgroundWork
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.persistent_warnings import kind_of

PLAIN_EVERY = 10.0  # seconds between lines without a terminal
TELL_AFTER = 3.0  # seconds of a fit before it says how long it will take


class Display(RunObserver):
    """Progress on standard error; standard output is for results."""

    def __init__(self, shorter: str = "") -> None:
        """`shorter` says how a network could be fitted in less time."""
        self.shorter = shorter
        self.scores: list[Score] = []  # as soon as they are measured: they are shown even if a later step fails
        self.console = Console(stderr=True)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.terms = Text()
        self.drawing = BackgroundWork("ganzoo-drawing")  # of loss curves, which takes longer than the rest of a save
        self.live = Live(Group(self.progress, self.terms), console=self.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.live.stop()
        if error is None:  # else the reason why the run ended is shown at once
            self.drawing.wait()

    def start(self) -> None:
        """Take over the terminal. Not earlier: rendering or reading a dataset shows its own progress bar."""
        if self.console.is_terminal and not self.live.is_started:
            self.live.start()

    def say(self, text: str) -> None:
        self.console.print(escape(printable(text)), highlight=False, soft_wrap=True)

    def doing(self, what: str) -> None:
        self.start()
        if self.console.is_terminal:
            self.terms.plain = what
        else:
            self.say(what)

    def measured(self, scores: Sequence[Score]) -> None:
        self.scores = list(scores)

    def fitting(self, what: str, steps: int) -> TrainingObserver:
        self.say(f"fitting {what} for {steps:,} steps; the network is cached for the next run{self.shorter}")
        self.start()
        return _FittingBar(self, f"fitting {what}", 0)

    def training(self, plan: Plan, folder: RunFolder, method: Method, dataset: Dataset) -> TrainingObserver:
        bar = _TrainingBar(self, plan, folder, method, dataset)
        dataset.target_test()
        self.start()
        return bar


class _Bar(TrainingObserver):
    """One training on the display."""

    def __init__(self, display: Display, title: str, images_per_update: int) -> None:
        self.display, self.title, self.images_per_update = display, title, images_per_update

    def started(self, first: int, steps: int) -> None:
        self.steps = steps
        self.task = self.display.progress.add_task(self.title, total=steps, completed=first, rate="")
        self.began = self.printed = time.perf_counter()
        self.images = 0
        if first:
            self.display.say(f"{self.title}: resuming from step {first} of {steps}")

    def compiling(self, phase: str) -> None:
        self.display.doing(f"compiling phase {phase}, which can take minutes")

    def compiled(self, phase: str, seconds: float) -> None:
        self.began += seconds  # not part of the rate
        self.display.terms.plain = ""
        self.display.say(f"{self.title}: phase {phase} was compiled in {seconds:.0f} s")

    def captured(self, phase: str, problem: str) -> None:
        if problem:
            self.display.say(f"{self.title}: --capture: phase {phase}: {problem}; all phases are computed without it")
        else:
            self.display.say(f"{self.title}: phase {phase} is replayed")

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        self.images += len(phases) * self.images_per_update
        rate = f"{self.images / max(time.perf_counter() - self.began, 1e-9):,.0f} images/s" if self.images else ""
        name = f"{self.title} [dim]{escape(', '.join(dict.fromkeys(phases)))}[/dim]" if self.images else self.title
        self.display.progress.update(self.task, completed=step, rate=rate, description=name)
        if step == self.steps:
            self.display.progress.remove_task(self.task)
            self.display.terms.plain = ""

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        terms = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        now = time.perf_counter()
        if self.display.console.is_terminal:
            self.display.terms.plain = terms
        elif now - self.printed >= PLAIN_EVERY or step == self.steps:
            self.printed = now
            speed = f"  {self.images / (now - self.began):,.0f} images/s" if self.images else ""
            self.display.say(f"{self.title} step {step}/{self.steps}{speed}  {terms}")


class _FittingBar(_Bar):
    """A network of a metric: also shows once how long it will take, as soon as this can be estimated."""

    def started(self, first: int, steps: int) -> None:
        super().started(first, steps)
        self.first, self.told = first, first == steps

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        super().stepped(step, phases, batches)
        spent = time.perf_counter() - self.began
        if not self.told and spent >= TELL_AFTER:
            self.told = True
            left = (self.steps - step) * spent / (step - self.first)
            self.display.say(f"{self.title}: about {duration(left)} left")


def duration(seconds: float) -> str:
    """As text, with the significant digits."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"


class _TrainingBar(_Bar):
    """The run's own training: warnings, sample sheets and curves too."""

    def __init__(self, display: Display, plan: Plan, folder: RunFolder, method: Method, dataset: Dataset) -> None:
        super().__init__(display, plan.method.name, plan.train.batch_size)
        self.plan, self.folder, self.method = plan, folder, method
        self.source = dataset.source_test() or dataset.source()
        self.target = dataset.target()
        self.warned: set[str] = set()

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        super().logged(step, means, warnings)
        for warning in warnings:
            kind = kind_of(warning)  # show each once, not once per number
            if kind not in self.warned:
                self.warned.add(kind)
                self.display.console.print(
                    f"[yellow]warning[/yellow] at step {step}: {escape(warning)}", soft_wrap=True
                )

    def started(self, first: int, steps: int) -> None:
        super().started(first, steps)
        if first and not self._sheet(first).exists():  # the run was stopped between saving the weights and the pictures
            self.saving(first)

    def saving(self, step: int) -> None:
        sheet = self._sheet(step)
        sample_sheet(
            self.method,
            self.source,
            self.target,
            sheet,
            seed=self.plan.train.seed,
            capabilities=registry().found["capabilities"],
        )
        records = self.folder.logged(self.folder.log_file)
        self.display.drawing.do(loss_curves, records, self.folder.curves_file, f"{self.plan.method.name}, step {step}")
        if step == self.plan.train.steps:
            self.display.drawing.wait()

    def _sheet(self, step: int) -> Path:
        return self.folder.path / "samples" / f"step-{step:08d}.png"
