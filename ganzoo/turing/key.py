"""The key of a study: all answers, the rules, where the images come from, and the judgements of classifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from ganzoo.errors import DatasetError
from ganzoo.files import strict_json
from ganzoo.files.output import writing
from ganzoo.system.atomic import write_text
from ganzoo.turing.design import Design, Numbers, Strict

FORMAT, VERSION = "ganzoo-turing-key", 1
LARGEST = 256 * 2**20  # bytes
REAL, RAW, NULL = "real", "raw", "null"
Truth = Literal["real", "generated", "left", "right"]


class Shown(Strict):
    """An image of a trial: a row of a pool."""

    pool: str
    row: int = Field(ge=0)

    @property
    def name(self) -> str:
        return f"{self.pool}:{self.row}"


class Trial(Strict):
    """One question. `truth` says what a single image is, or on which side of a pair the real image is."""

    id: str
    stage: Literal["practice", "test", "catch"]
    block: int = Field(ge=0)
    source: str
    truth: Truth
    images: list[Shown] = Field(min_length=1, max_length=2)


class Rater(Strict):
    """One page."""

    code: str
    file: str
    sha256: str
    salt: str
    real_side: Literal["left", "right"]  # of the key and the button for "real", balanced over raters
    trials: list[Trial] = Field(min_length=1)


class Source(Strict):
    """Where the images of one kind come from."""

    name: str
    images: int = Field(ge=1)  # that trials could be drawn from
    card: dict[str, Any]


class Judgement(Strict):
    """Scores of a held-out classifier for each image of the trials of a source: above 0 means real."""

    source: str
    classifier: str
    trained_on: int = Field(ge=0)
    scores: dict[str, float]  # by `Shown.name`


class Key(Strict):
    """The whole file. Whoever has it knows all answers."""

    format: Literal["ganzoo-turing-key"] = "ganzoo-turing-key"
    version: Literal[1] = 1
    study: str
    secret: str  # the seed of everything random
    ganzoo: str
    design: Design
    numbers: Numbers
    real: Source
    sources: list[Source] = Field(min_length=1)  # in the order in which they were named
    raters: list[Rater] = Field(min_length=1)
    null_trials: list[Trial] = Field(default_factory=list)  # for the machine alone, if raters have no null block
    twin: list[Judgement] = Field(default_factory=list)

    def write(self, file: Path) -> None:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(self.model_dump(mode="json"), indent=1) + "\n")


def read_key(file: Path) -> Key:
    """Raises DatasetError if the file is not a key."""
    document = read_document(file, "--key", LARGEST)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DatasetError(f"--key {file} is not a key of a visual Turing test; give the file that "
                           "`ganzoo turing make` wrote beside the pages")  # fmt: skip
    if document.get("version") != VERSION:
        raise DatasetError(f"--key {file} has version {document.get('version')!r:.20}; this ganzoo reads {VERSION}")
    try:
        key = Key.model_validate_json(json.dumps(document), strict=True)
    except (ValidationError, RecursionError) as error:
        raise DatasetError(f"--key {file} is damaged: {first_problem(error)}; use an untouched copy") from None
    if problem := _contradiction(key):
        raise DatasetError(f"--key {file} is damaged: {problem}; use an untouched copy")
    return key


def _contradiction(key: Key) -> str:
    """Which part of a key contradicts another one, in words; empty: none. Every key that was made is consistent."""
    paired = key.design.protocol == "pairs"
    truths = {"left", "right"} if paired else {"real", "generated"}
    trials = [trial for rater in key.raters for trial in rater.trials] + key.null_trials
    if any(trial.truth not in truths or len(trial.images) != 1 + paired for trial in trials):
        return f"a trial is not one of the protocol {key.design.protocol}"
    if (key.design.staircase is not None) != (key.design.protocol == "timed"):
        return "timed is the protocol with a staircase"
    if len({rater.code for rater in key.raters}) < len(key.raters):
        return "two raters have one code"
    for rater in key.raters:
        shown = {(trial.source, trial.truth) for trial in rater.trials if trial.stage == "test"}
        sources = {source for source, _ in shown}
        if not shown or (not paired and len(shown) < 2 * len(sources)):
            return f"the rater {rater.code[:40]!r} has not both real and generated images of each source"
    asked = [trial for trial in trials if trial.stage == "test"]
    if not paired and {trial.truth for trial in key.null_trials} not in (set(), truths):
        return "the null trials have not both kinds"
    for each in key.twin:
        images = {image.name for trial in asked if trial.source == each.source for image in trial.images}
        if not images or not images <= each.scores.keys():
            return f"the classifier {each.classifier[:40]!r} has not judged all images"
    return ""


def read_document(file: Path, what: str, largest: int) -> Any:
    """The JSON document in a file. Raises DatasetError, naming the file."""
    try:
        with file.open("rb") as handle:
            content = handle.read(largest + 1)
    except OSError as error:
        raise DatasetError(f"{what} {file} cannot be read: {error.strerror or error}") from error
    if len(content) > largest:
        raise DatasetError(f"{what} {file} is larger than {largest // 2**20} MiB, so it is not such a file")
    try:
        return strict_json.parse(content)
    except ValueError as error:
        raise DatasetError(f"{what} {file} is not a complete JSON file ({error})") from None


def first_problem(error: ValidationError | RecursionError) -> str:
    """Where the first invalid value is, and why, without the value."""
    if not isinstance(error, ValidationError):
        return "it is nested too deeply"
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, problem['loc']))[:200]}: {problem['msg'][:200]}"
