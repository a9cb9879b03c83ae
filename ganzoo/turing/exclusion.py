"""Which raters are left out, by the rules in the key and nothing else."""

from __future__ import annotations

from collections import Counter

from ganzoo.turing.answers import Answers
from ganzoo.turing.design import Rules
from ganzoo.turing.key import Rater


def broken_rules(answers: Answers, rater: Rater, rules: Rules) -> list[str]:
    """The rules that a rater breaks, in words; none: the rater counts. Practice does not matter."""
    asked = [
        (trial, each) for trial, each in zip(rater.trials, answers.trials, strict=True) if trial.stage != "practice"
    ]
    broken = []
    caught = [each.answer == trial.truth for trial, each in asked if trial.stage == "catch"]
    if caught and sum(caught) < rules.catch_right_share * len(caught):
        broken.append(f"catch trials: {sum(caught)} of {len(caught)} right, {rules.catch_right_share:.0%} are required")
    fast = sum(each.ms < rules.fast_ms for _, each in asked)
    if fast > rules.fast_share * len(asked):
        broken.append(
            f"too fast: {fast} of {len(asked)} answers within {rules.fast_ms} ms, {rules.fast_share:.0%} are allowed"
        )
    (usual, often), *_ = Counter(each.answer for _, each in asked).most_common(1)
    if often > rules.same_answer_share * len(asked):
        broken.append(f"one answer: {often} of {len(asked)} times {usual}, {rules.same_answer_share:.0%} are allowed")
    return broken
