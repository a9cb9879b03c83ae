"""A pair of domains from a user's own images: folders, npz archives or prepared stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.gaze_range import gaze_range, restrict_gaze
from ganzoo.files.guard import some
from ganzoo.files.labels import people_in
from ganzoo.files.names import composed, natural
from ganzoo.files.parts import WHERE, Parts, PartsConfig
from ganzoo.task import GazeTask, Task

ganzoo_contract = 2

Part = Literal["source", "source_test", "target", "target_test"]
PARTS: tuple[Part, ...] = ("source", "source_test", "target", "target_test")


def _whole(person: int | str) -> int | str:
    """A person's name as in settings: 3 is the same on the command line and in a file, and 03 is another."""
    return int(person) if isinstance(person, str) and person.isascii() and person == _plain(person) else person


def _plain(text: str) -> str:
    return str(int(text)) if text.isdigit() and len(text) < 19 else ""


Person = Annotated[int | str, AfterValidator(_whole)]


class PairConfig(PartsConfig):
    source: Path | None = Field(None, description=f"Labelled synthetic images for training (required): {WHERE}.")
    target: Path | None = Field(
        None, description=f"Real images for training (required; only an oracle reads labels): {WHERE}."
    )
    source_test: Path | None = Field(None, description="Held-out labelled synthetic images, for label drift.")
    target_test: Path | None = Field(None, description="Labelled real images, read only by metrics.")
    source_range: tuple[float, float, float, float] | None = Field(
        None,
        description="Keep only source and source-test images whose gaze lies in PITCH_MIN,PITCH_MAX,YAW_MIN,YAW_MAX "
        "(degrees); take the range from prior knowledge, never from test labels.",
    )
    test_people: tuple[Person, ...] = Field(
        (),
        description="People of --target, as named in its labels, who are the test instead of --target-test.",
    )
    match_intensity: bool = Field(
        False,
        description="Apply one linear map to all source images, so that their pixels have the mean and spread of the "
        "target's.",
    )


class Pair(Dataset):
    name = "pair"
    summary = "Your own images: labelled synthetic and real ones, from folders or npz archives."
    homepage = ""
    license = "that of your images"
    Config = PairConfig

    def __init__(self, config: PairConfig) -> None:
        super().__init__(config)
        self._parts = Parts(self.name, config, leading="target")

    @property
    def task(self) -> Task:
        return self._task

    def source(self) -> Domain:
        return self._source

    def source_test(self) -> Domain | None:
        return self._source_test

    def target(self) -> Domain:
        return self._target

    def target_test(self) -> Domain | None:
        return self._target_test

    def card(self) -> Mapping[str, Any]:
        """For each part its files, count, gaze range in degrees and the conversion of size and channels."""
        domains = {part: getattr(self, f"_{part}") for part in PARTS}
        card: dict[str, Any] = {part: self._facts(part, domain) for part, domain in domains.items() if domain}
        card["test_people"] = people_in(self._target_test)
        card["source_range_deg"] = self.config.source_range
        if self.config.match_intensity:
            names = ("source_mean", "source_spread", "target_mean", "target_spread")
            card["intensity_matched"] = dict(zip(names, (round(each, 3) for each in self._intensity), strict=True))
        card["target_test_images_also_in_target"] = self._shared_rows()
        return card

    @cached_property
    def _task(self) -> Task:
        chosen = self._parts.chosen
        if chosen is None:
            return GazeTask()
        if self.config.source_range is not None:
            raise ConfigError("--source-range is a range of gaze; leave it out with --label")
        labels = self._parts.read("source", "source", labelled=True).labels
        assert labels is not None
        return chosen.task(labels)

    @cached_property
    def _source(self) -> Domain:
        return self._matched(self._in_range(self._parts.read("source", "source", labelled=True)))

    @cached_property
    def _source_test(self) -> Domain | None:
        if self.config.source_test is None:
            return None
        return self._matched(self._in_range(self._same_labels("source_test", "source-test")))

    @cached_property
    def _target(self) -> Domain:
        if self.config.test_people:
            return self._by_people[0]
        domain = self._parts.read("target", "target", labelled=False)
        return domain if domain.labels is None else self._same_labels("target", "target")

    @cached_property
    def _target_test(self) -> Domain | None:
        if self.config.test_people:
            return self._by_people[1]
        return self._same_labels("target_test", "target-test") if self.config.target_test else None

    def _same_labels(self, part: Part, name: str) -> Domain:
        """A labelled part. Raises DatasetError if its labels cannot be of the source's task."""
        domain = self._parts.read(part, name, labelled=True)
        task = self.task
        assert domain.labels is not None
        if domain.labels.shape[1] != task.label_size:
            raise DatasetError(
                f"--{part.replace('_', '-')}: {self.config.label} has {domain.labels.shape[1]} numbers for each image, "
                f"but the source's has {task.label_size}"
            )
        if problem := task.problem(domain.labels):
            raise DatasetError(f"--{part.replace('_', '-')} {self._parts.open(part)[0]}: {problem}, as in the source")
        return domain

    @cached_property
    def _by_people(self) -> tuple[Domain, Domain]:
        """The target's images of the people for training, and of those for the test."""
        if self.config.target_test is not None:
            raise ConfigError("--test-people takes the test from --target: give it or --target-test, not both")
        domain = self._parts.read("target", "target", labelled=True)
        people = people_in(domain)
        if people is None:
            raise ConfigError("--test-people: the labels of --target do not name the people")
        wanted = {composed(str(person)) for person in self.config.test_people}
        if absent := sorted(wanted - set(people), key=natural):
            raise ConfigError(f"--test-people: --target has no person {some(absent)}; it has only {some(people, 20)}")
        test = np.isin(domain.extra["person"], sorted(wanted))
        if test.all():
            raise ConfigError("--test-people names everybody in --target, so nobody is left for training")
        parts = domain.take(np.flatnonzero(~test)), domain.take(np.flatnonzero(test))
        return parts[0], replace(parts[1], name="target-test")

    @cached_property
    def _intensity(self) -> tuple[float, float, float, float]:
        """Mean and standard deviation of the grey levels of the source in its range, then of the target."""
        source = self._in_range(self._parts.read("source", "source", labelled=True))
        moments = [(float(each.images.mean()), float(each.images.std())) for each in (source, self._target)]
        return *moments[0], *moments[1]

    def _matched(self, domain: Domain) -> Domain:
        if not self.config.match_intensity:
            return domain
        mean, spread, wanted_mean, wanted_spread = self._intensity
        scaled = (domain.images - mean) * (wanted_spread / max(spread, 1e-6)) + wanted_mean
        return replace(domain, samples=scaled.round().clip(0, 255).astype(np.uint8))

    def _in_range(self, domain: Domain) -> Domain:
        wanted = self.config.source_range
        return domain if wanted is None else restrict_gaze(domain, wanted)

    def _facts(self, part: Part, domain: Domain) -> dict[str, Any]:
        read_from = "target" if part == "target_test" and self.config.test_people else part
        return {
            **self._parts.facts(read_from, domain),
            "images_before_range": len(self._parts.shapes(read_from)),
            "persons": None if domain.groups is None else len(np.unique(domain.groups)),
            **self._label_facts(domain),
        }

    def _label_facts(self, domain: Domain) -> dict[str, Any]:
        """The range of gaze in degrees; of other labels, their mean and deviation."""
        if self._parts.chosen is None:
            return {"gaze_range_deg": None if domain.labels is None else [round(e, 2) for e in gaze_range(domain)]}
        if domain.labels is None:
            return {"label_mean": None, "label_deviation": None}
        moments = {"label_mean": domain.labels.mean(0), "label_deviation": domain.labels.std(0)}
        return {name: [round(float(number), 3) for number in values] for name, values in moments.items()}

    def _shared_rows(self) -> int:
        """How many test images are also target images: those that a method saw without their labels."""
        return 0 if self.config.target_test is None else self._parts.shared_rows("target", "target_test")


@hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [Pair]
