"""A score and the JSON that metrics.json holds of it."""

import json
from pathlib import PurePosixPath

import pytest

from ganzoo.metric import Bin, Score

SCORE = Score(
    "gaze_error_deg", 5.25, unit="deg", better="lower", low=4.0, high=6.0, warning="few images",
    card={"images": 3, "seeds": [0, 1]}, profiles={"true yaw (deg)": [Bin(-5.0, 0.0, 4.5, 12), Bin(0.0, 5.0, 6.0, 9)]},
)  # fmt: skip
DOCUMENT = SCORE.to_json()


def test_a_score_survives_json():
    assert Score.from_json(json.loads(json.dumps(DOCUMENT))) == SCORE
    unmeasured = Score("kid", None, reason="no weights")
    assert Score.from_json(unmeasured.to_json()) == unmeasured


def test_the_keys_are_the_fields_in_their_order():
    assert list(DOCUMENT) == [
        "name", "value", "subject", "unit", "better", "low", "high", "reason", "warning", "headline", "card", "profiles"
    ]  # fmt: skip
    assert DOCUMENT["profiles"]["true yaw (deg)"][0] == {"low": -5.0, "high": 0.0, "value": 4.5, "count": 12}


def test_what_json_does_not_know_in_a_card_becomes_text():
    card = Score("e", 1.0, card={"weights": PurePosixPath("a/b"), "size": (3, 4)}).to_json()["card"]
    assert card == {"weights": "a/b", "size": [3, 4]}


def test_a_file_of_an_earlier_version_lacks_keys_and_one_of_a_later_version_has_more():
    assert Score.from_json({"name": "e", "value": 1, "later": "x"}) == Score("e", 1.0)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "score",
        {},
        {"name": "e"},
        {**DOCUMENT, "value": "5.25"},
        {**DOCUMENT, "value": True},
        {**DOCUMENT, "headline": 1},
        {**DOCUMENT, "better": "smaller"},
        {**DOCUMENT, "card": "c"},
        {**DOCUMENT, "name": "\ud800"},
        {**DOCUMENT, "profiles": {"yaw": [{"low": 0.0, "high": 1.0, "value": 2.0}]}},
        {**DOCUMENT, "profiles": {"yaw": [{"low": 0.0, "high": 1.0, "value": 2.0, "count": 1.5}]}},
        {**DOCUMENT, "card": {"a": {1, 2}}},
    ],
)
def test_anything_else_is_refused_in_one_line(document):
    with pytest.raises(ValueError, match=r"^score") as raised:
        Score.from_json(document)
    assert "\n" not in str(raised.value)


def test_the_value_that_is_wrong_is_named():
    with pytest.raises(ValueError, match=r"^score\.profiles\.yaw\.0\.count: Field required$"):
        Score.from_json({**DOCUMENT, "profiles": {"yaw": [{"low": 0.0, "high": 1.0, "value": 2.0}]}})
