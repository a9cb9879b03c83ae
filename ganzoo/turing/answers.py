"""Reads the answers of raters: a file is exactly what a page of this study saved, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ganzoo.errors import DatasetError
from ganzoo.turing.design import Protocol, Strict
from ganzoo.turing.key import Key, Rater, first_problem, read_document
from ganzoo.turing.seal import checksum

FORMAT, VERSION = "ganzoo-turing-answers", 1
LARGEST = 8 * 2**20  # bytes
WEEK = 7 * 24 * 3600 * 1000  # ms


class Answer(Strict):
    """One answer, times in ms."""

    id: str = Field(max_length=40)
    answer: Literal["real", "generated", "left", "right"]
    ms: int = Field(ge=0, le=WEEK)  # from the first sight of the image
    exposure_ms: int = Field(ge=0, le=60_000)  # that was asked for; 0: until the answer
    shown_ms: int = Field(ge=0, le=WEEK)  # that was measured
    early: int = Field(ge=0, le=10**6)  # answers before the image
    scale_percent: int = Field(ge=1, le=10_000)  # enlargement
    views: int = Field(ge=1, le=10**6)  # above 1: seen again after a pause or a reload


class Window(Strict):
    """Of the browser, in CSS pixels."""

    width: int = Field(ge=0, le=10**6)
    height: int = Field(ge=0, le=10**6)
    pixel_ratio_percent: int = Field(ge=1, le=10**5)


class Answers(Strict):
    """A whole file."""

    format: Literal["ganzoo-turing-answers"]
    version: Literal[1]
    study: str = Field(max_length=100)
    rater: str = Field(max_length=100)
    protocol: Protocol
    simulated: bool
    reloads: int = Field(ge=0, le=10**6)
    pauses: int = Field(ge=0, le=10**6)
    window: Window
    trials: list[Answer] = Field(max_length=100_000)
    checksum: str = Field(max_length=64)


def read_answers(files: Sequence[Path], key: Key) -> list[Answers]:
    """The answers in all files. Raises DatasetError, naming the file, for the first that does not belong to the key."""
    raters = {rater.code: rater for rater in key.raters}
    found: dict[str, Path] = {}
    read = []
    for file in files:
        answers = _read(file, key)
        if answers.rater not in raters:
            raise DatasetError(f"{file} has the answers of a rater that the key does not know; give its own key")
        if answers.rater in found:
            raise DatasetError(f"{file} and {found[answers.rater]} are both of the rater {answers.rater}; give one of "
                               "them, each rater counts once")  # fmt: skip
        _check(file, answers, raters[answers.rater], key)
        found[answers.rater] = file
        read.append(answers)
    return read


def _read(file: Path, key: Key) -> Answers:
    document = read_document(file, "the answers", LARGEST)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DatasetError(f"{file} is not a file of answers; give what the pages of `ganzoo turing make` saved")
    if document.get("version") != VERSION:
        raise DatasetError(f"{file} has another version of the format; this ganzoo reads version {VERSION}")
    if document.get("study") != key.study:
        raise DatasetError(f"{file} has the answers of another study; give the key that was made with its page")
    try:
        answers = Answers.model_validate_json(json.dumps(document), strict=True)
    except (ValidationError, RecursionError) as error:
        raise DatasetError(f"{file} was altered: {first_problem(error)}; give the file as the page saved it") from None
    salt = next((rater.salt for rater in key.raters if rater.code == answers.rater), None)
    if salt is not None and checksum(salt, document) != answers.checksum:
        raise DatasetError(f"{file} was altered: its checksum differs; give the file as the page saved it")
    return answers


def _check(file: Path, answers: Answers, rater: Rater, key: Key) -> None:
    """Raise DatasetError unless the trials are those of the rater's page, in their order, with possible values."""
    problem = _problem(answers, rater, key)
    if problem:
        raise DatasetError(f"{file} does not fit its page: {problem}; give the file as the page saved it")


def _problem(answers: Answers, rater: Rater, key: Key) -> str:
    if answers.protocol != key.design.protocol:
        return f"its protocol is {answers.protocol}, not {key.design.protocol}"
    if len(answers.trials) != len(rater.trials):
        return f"it has {len(answers.trials)} answers, but the page has {len(rater.trials)} trials"
    if [each.id for each in answers.trials] != [trial.id for trial in rater.trials]:
        return "its trials are others, or in another order"
    possible = ("left", "right") if key.design.protocol == "pairs" else ("real", "generated")
    if any(each.answer not in possible for each in answers.trials):
        return f"an answer is neither {possible[0]} nor {possible[1]}"
    if [each.exposure_ms for each in answers.trials] != exposures(answers, rater, key):
        return "its exposures are not those of the protocol"
    return ""


def exposures(answers: Answers, rater: Rater, key: Key) -> list[int]:
    """The exposure in ms that each trial must have had, given the answers before it."""
    stairs = key.design.staircase
    if stairs is None:
        return [key.design.exposure_ms] * len(rater.trials)
    found, block, now = [], -1, stairs.start_ms
    for trial, each in zip(rater.trials, answers.trials, strict=True):
        if trial.block != block:
            block, now = trial.block, stairs.start_ms
        found.append(now)
        if trial.stage != "practice":
            now = stairs.following(now, each.answer == trial.truth)
    return found
