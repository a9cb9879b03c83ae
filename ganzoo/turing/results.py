"""What the answers say: for each source of images and judge, for each rater, for each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganzoo.turing.answers import Answers
from ganzoo.turing.exclusion import broken_rules
from ganzoo.turing.key import Judgement, Key, Rater, Trial
from ganzoo.turing.statistics import Detection, Interval, Share, bootstrap, detection, detections

PEOPLE = "people"


@dataclass(frozen=True)
class Counts:
    """Answers of one judge on one source. The signal is a real image, of pairs a real image on the left."""

    hits: int = 0  # "real" of real images, "left" of those on the left
    signals: int = 0
    false_alarms: int = 0  # "real" of generated images, "left" of real images on the right
    noises: int = 0

    @classmethod
    def of(cls, answered: Iterable[tuple[Trial, str]]) -> Counts:
        """From trials and the answers to them."""
        found = Counter((trial.truth in ("real", "left"), said in ("real", "left")) for trial, said in answered)
        signals, noises = (found[truth, True] + found[truth, False] for truth in (True, False))
        return cls(found[True, True], signals, found[False, True], noises)

    @property
    def share(self) -> Share:
        return Share(self.hits + self.noises - self.false_alarms, self.signals + self.noises)

    def row(self) -> list[int]:
        return [self.hits, self.signals, self.false_alarms, self.noises]


@dataclass(frozen=True)
class Verdict:
    """One judge on one source, with everything that is reported."""

    source: str
    judge: str  # "people", or the name of a classifier
    counts: Counts
    paired: bool
    detection: Detection
    d_interval: Interval
    c_interval: Interval
    bootstrapped: bool  # whether these two are from raters, else by the delta method
    share_over_raters: Interval | None = None
    error_over_raters: Interval | None = None  # of the share of wrong answers
    fooled_over_raters: Interval | None = None  # of the share of generated images taken for real
    exposure: tuple[float, Interval | None] | None = None  # of `timed`, ms
    trained_on: int = 0  # images, of a classifier

    @property
    def share(self) -> Share:
        return self.counts.share

    @property
    def error_rate(self) -> float:
        """HYPE-infinity (Zhou et al. 2019): the share of wrong answers, over real and generated images."""
        return 1 - self.share.value

    @property
    def fooled(self) -> Share:
        """Generated images that were taken for real; of pairs, all wrong answers."""
        if self.paired:
            return Share(self.share.count - self.share.right, self.share.count)
        return Share(self.counts.false_alarms, self.counts.noises)

    @property
    def doubted(self) -> Share | None:
        """Real images that were taken for generated; of pairs the same as `fooled`, so None."""
        return None if self.paired else Share(self.counts.signals - self.counts.hits, self.counts.signals)


@dataclass(frozen=True)
class RaterRow:
    """One rater over all sources."""

    code: str
    shares: Mapping[str, Share]  # by source
    caught: Share | None
    median_ms: float
    fast: int
    again: int  # answers after a second view
    early: int
    reloads: int
    excluded: Sequence[str]  # the rules that were broken


@dataclass(frozen=True)
class ImageRow:
    """One image of a single trial, or one pair."""

    source: str
    images: str
    truth: str
    share: Share  # right, by people who are included
    machine: Mapping[str, bool]  # classifier -> right


@dataclass(frozen=True)
class Results:
    """The whole study."""

    key: Key
    simulated: bool
    verdicts: Sequence[Verdict]  # people first, source by source
    raters: Sequence[RaterRow]
    images: Sequence[ImageRow]

    @property
    def included(self) -> int:
        return sum(not rater.excluded for rater in self.raters)


def results_of(key: Key, given: Sequence[Answers]) -> Results:
    """The results of answers that belong to the key."""
    pages = {rater.code: rater for rater in key.raters}
    rows = [_rater_row(each, pages[each.rater], key) for each in given]
    included = [(each, pages[each.rater]) for each, row in zip(given, rows, strict=True) if not row.excluded]
    names = list(dict.fromkeys(trial.source for rater in key.raters for trial in rater.trials if trial.stage == "test"))
    verdicts = []
    for name in names:
        if included:
            verdicts.append(_people(name, included, key))
        verdicts += _machine(name, key)
    if key.null_trials:
        verdicts += _machine(key.null_trials[0].source, key)
    simulated = any(each.simulated for each in given)
    return Results(key, simulated, verdicts, rows, _image_rows(included, key))


def _tests(answers: Answers, rater: Rater, source: str) -> list[tuple[Trial, str]]:
    pairs = zip(rater.trials, answers.trials, strict=True)
    return [(trial, each.answer) for trial, each in pairs if trial.stage == "test" and trial.source == source]


def _people(source: str, included: Sequence[tuple[Answers, Rater]], key: Key) -> Verdict:
    paired = key.design.protocol == "pairs"
    each = [Counts.of(_tests(answers, rater, source)) for answers, rater in included]
    table = np.array([counts.row() for counts in each])
    total = Counts(*(int(value) for value in table.sum(0)))
    found = detection(*total.row(), paired=paired)
    d = bootstrap(table, lambda sums: detections(sums, paired=paired)[0])
    c = bootstrap(table, lambda sums: detections(sums, paired=paired)[1])
    return Verdict(
        source,
        PEOPLE,
        total,
        paired,
        found,
        d or found.d_interval,
        c or found.c_interval,
        d is not None,
        bootstrap(table, lambda sums: 1 - _errors(sums)),
        bootstrap(table, _errors),
        bootstrap(table, lambda sums: _errors(sums) if paired else sums[:, 2] / np.maximum(sums[:, 3], 1)),
        _exposure(source, included) if key.design.staircase else None,
    )


def _errors(sums: np.ndarray) -> np.ndarray:
    """The share of wrong answers of sums [N, 4], in the order of `Counts`."""
    wrong: np.ndarray = (sums[:, 1] - sums[:, 0] + sums[:, 2]) / (sums[:, 1] + sums[:, 3])
    return wrong


def _exposure(source: str, included: Sequence[tuple[Answers, Rater]]) -> tuple[float, Interval | None]:
    """HYPE-time: the mean over raters of each one's most frequent exposure in ms, the shortest if there are several."""
    modes = []
    for answers, rater in included:
        pairs = zip(rater.trials, answers.trials, strict=True)
        seen = Counter(each.exposure_ms for trial, each in pairs if trial.stage == "test" and trial.source == source)
        modes.append(min(ms for ms, count in seen.items() if count == max(seen.values())))
    table = np.stack([np.array(modes), np.ones(len(modes))], axis=1)
    return float(np.mean(modes)), bootstrap(table, lambda sums: sums[:, 0] / sums[:, 1])


def _machine(source: str, key: Key) -> list[Verdict]:
    """The classifiers on the same trials. A trial that several raters had counts once."""
    paired = key.design.protocol == "pairs"
    trials = [*(trial for rater in key.raters for trial in rater.trials if trial.stage == "test"), *key.null_trials]
    own = {_pictures(trial): trial for trial in trials if trial.source == source}
    found = []
    for judgement in key.twin:
        if judgement.source == source:
            counts = Counts.of((trial, _said(judgement, trial)) for trial in own.values())
            seen = detection(*counts.row(), paired=paired)
            found.append(
                Verdict(source, judgement.classifier, counts, paired, seen, seen.d_interval, seen.c_interval, False,
                        trained_on=judgement.trained_on)
            )  # fmt: skip
    return found


def _said(judgement: Judgement, trial: Trial) -> str:
    scores = [judgement.scores[image.name] for image in trial.images]
    if len(scores) == 1:
        return "real" if scores[0] > 0 else "generated"
    return "left" if scores[0] > scores[1] else "right"


def _pictures(trial: Trial) -> str:
    return " | ".join(image.name for image in trial.images)


def _rater_row(answers: Answers, rater: Rater, key: Key) -> RaterRow:
    asked = [pair for pair in zip(rater.trials, answers.trials, strict=True) if pair[0].stage != "practice"]
    shares: dict[str, Share] = {}
    for name in dict.fromkeys(trial.source for trial, _ in asked if trial.stage == "test"):
        shares[name] = Counts.of(_tests(answers, rater, name)).share
    caught = [each.answer == trial.truth for trial, each in asked if trial.stage == "catch"]
    return RaterRow(
        rater.code,
        shares,
        Share(sum(caught), len(caught)) if caught else None,
        float(np.median([each.ms for _, each in asked])),
        sum(each.ms < key.design.rules.fast_ms for _, each in asked),
        sum(each.views > 1 for _, each in asked),
        sum(each.early for _, each in asked),
        answers.reloads,
        broken_rules(answers, rater, key.design.rules),
    )


def _image_rows(included: Sequence[tuple[Answers, Rater]], key: Key) -> list[ImageRow]:
    """Every image, or pair, that was judged, those that deceived most first."""
    judged: dict[tuple[str, str], list[tuple[Trial, bool]]] = {}
    for answers, rater in included:
        for trial, each in zip(rater.trials, answers.trials, strict=True):
            if trial.stage == "test":
                right = each.answer == trial.truth
                judged.setdefault((trial.source, _pictures(trial)), []).append((trial, right))
    rows = []
    for (source, name), seen in judged.items():
        trial = seen[0][0]
        machine = {each.classifier: _said(each, trial) == trial.truth for each in key.twin if each.source == source}
        rows.append(ImageRow(source, name, trial.truth, Share(sum(right for _, right in seen), len(seen)), machine))
    return sorted(rows, key=lambda row: (row.share.value, -row.share.count, row.source, row.images))
