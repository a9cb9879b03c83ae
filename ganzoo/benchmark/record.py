"""What a line of results.jsonl holds: a cell that finished, or a cell that failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ganzoo.metric import Score

LARGEST = 1e30  # what a table or a picture can show

Number = Annotated[int | float, Field(ge=-LARGEST, le=LARGEST)]
Seconds = Annotated[int | float, Field(ge=0, le=LARGEST)]


class _CellRecord(BaseModel):
    """What every record says about its cell: the keys of `Cell.facts`, in the same order.

    Older files lack the keys that have a default. Unknown keys are ignored; they stay in the file.
    """

    model_config = ConfigDict(strict=True, frozen=True)
    cell: str
    label: str
    dataset: str
    seed: int
    method: str
    preset: str | None = ""
    role: str = ""
    oracle: bool = False
    budget_images: Number | None = None
    budget_steps: Number | None = None
    budget_seconds: Number | None = None
    seed_settings: list[str] = []
    settings_hash: str

    def to_json(self) -> dict[str, Any]:
        """The line's keys and values: those that were given, in the order of the fields."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class FailureRecord(_CellRecord):
    """A cell that failed, or one whose method declined its data."""

    failed: str  # the reason
    declined: bool = False
    code: str


class FinishedRecord(_CellRecord):
    """A cell that was trained and measured."""

    scores: list[Score]
    dataset_card: dict[str, Any] = {}
    step: Number | None = None
    images_drawn: Number | None = None
    parameters: Number | None = None
    environment: dict[str, Any] = {}
    training_seconds: Seconds
    evaluation_seconds: Seconds
    images_per_second: Number | None = None
    peak_memory_mb: Mapping[str, Number | None] | None = None
    code: str
    settings: dict[str, Any] = {}
    trackers_that_failed: dict[str, Any] = {}  # name -> reason
    networks: int = 1  # whose predictions are averaged; more than 1 for an ensemble
    ensemble_of: list[str] = []  # labels of the rows that they are from
    members: list[str] = []  # their cells
    finished: str = ""  # when, in UTC

    @property
    def updates(self) -> float | None:
        """The updates of the training: each draws one batch. None if the record does not say."""
        train = self.settings.get("train")
        batch_size = train.get("batch_size") if isinstance(train, Mapping) else None
        if self.images_drawn is None or not isinstance(batch_size, int) or not 0 < batch_size <= LARGEST:
            return None
        return self.images_drawn / batch_size

    def origin(self) -> dict[str, Any]:
        """The settings, the data and the machine, as far as the line holds them."""
        names = ("settings", "dataset_card", "environment")
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    def to_json(self) -> dict[str, Any]:
        """Each card is written once, under "cards", and a score holds the key of its card."""
        document: dict[str, Any] = {}
        for name, value in super().to_json().items():
            if name != "trackers_that_failed" or value:
                document |= _packed(self.scores) if name == "scores" else {name: value}
        return {**document, "updates": self.updates}


Record = FinishedRecord | FailureRecord


def record_from_json(document: object) -> Record:
    """The inverse of `to_json`. Raises ValueError for anything that is not a record.

    A value of a score that is not finite, or too large to be shown, becomes None.
    """
    if not isinstance(document, dict):
        raise ValueError("a record must be a JSON object")
    json.dumps(document, ensure_ascii=False).encode()  # text that no file can hold cannot be reported
    if "failed" in document:
        return FailureRecord.model_validate(document)
    scores, cards = document.get("scores"), document.get("cards")
    if not isinstance(scores, list) or not isinstance(cards, dict):
        raise ValueError('a record must have "failed", or the list "scores" and the object "cards"')
    unpacked = [_presentable(_unpacked(score, cards)) for score in scores]
    return FinishedRecord.model_validate({**document, "scores": unpacked})


def _packed(scores: Sequence[Score]) -> dict[str, Any]:
    """The scores, with each card written once."""
    packed, cards = [], {}
    for score in scores:
        document = score.to_json()
        text = json.dumps(document["card"], sort_keys=True)
        key = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        cards[key] = json.loads(text)
        packed.append({**document, "card": key})
    return {"scores": packed, "cards": cards}


def _unpacked(document: object, cards: Mapping[str, Any]) -> Score:
    """A score with its card in place of the card's key. Raises ValueError if the record does not hold the card."""
    key = document.get("card") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(key, str) or key not in cards:
        raise ValueError('a score must name one of the cards in "cards"')
    return Score.from_json({**document, "card": cards[key]})


def _presentable(score: Score) -> Score:
    """The score with only those numbers and bins that a table or a picture can show."""
    profiles = {
        quantity: [each for each in bins if None not in map(_shown, (each.low, each.high, each.value))]
        for quantity, bins in score.profiles.items()
    }
    value, low, high = map(_shown, (score.value, score.low, score.high))
    return replace(score, value=value, low=low, high=high, profiles=profiles)


def _shown(number: float | None) -> float | None:
    """The number; None if it is not finite or too large."""
    return number if number is not None and abs(number) < LARGEST else None
