"""Whatever is in a file, ganzoo reads it rightly or refuses it in one sentence that names it.

`benchmarks/fuzz.py` tries the same with thousands of examples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from extras import needs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzzing.target import CANARY, Bug, Target, TooSlow, judge
from fuzzing.targets import all_targets
from ganzoo.errors import DatasetError

TARGETS = all_targets()
EXAMPLES = 40
QUICK = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_hostile_and_damaged_input_is_refused_in_words_or_read_rightly(target: Target) -> None:
    if target.extra:
        needs(target.extra)
    ended: set[str] = set()

    @settings(QUICK, max_examples=max(10, round(EXAMPLES * target.share)))
    @given(target.examples)
    def run(example: Any) -> None:
        ended.add(judge(target, example))

    run()
    assert ended  # at least one example came


def _outside(example: object, folder: Path) -> None:
    (folder.parent / "outside").write_text("")


def _started(example: object, folder: Path) -> None:
    import subprocess

    subprocess.run(["true"], check=True)


def _endless(example: object, folder: Path) -> None:
    while True:
        pass


def _raises(message: str) -> Any:
    def read(example: object, folder: Path) -> None:
        raise DatasetError(message)

    return read


LIARS = {
    "a file outside": (_outside, Bug, "for writing"),
    "a process": (_started, Bug, "Popen"),
    "code that ran": (lambda _, folder: (folder / CANARY).touch(), Bug, "code in the input ran"),
    "an error without the file": (_raises("it is damaged"), Bug, "does not name the file"),
    "an empty error": (_raises(""), Bug, "no sentence"),
    "another exception": (lambda *_: {}["x"], KeyError, "x"),
    "no end": (_endless, TooSlow, "longer than"),
}


@pytest.mark.parametrize(("read", "error", "says"), LIARS.values(), ids=LIARS)
def test_the_judge_sees_what_must_never_happen(
    read: Any, error: type[BaseException], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzzing.target.SECONDS", 0.2)
    with pytest.raises(error, match=says):
        judge(Target("liar", st.none(), read), None)
