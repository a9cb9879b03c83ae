"""Numbers and rules in words, for the report and the terminal."""

from __future__ import annotations

from ganzoo.turing.design import Rules
from ganzoo.turing.results import Results
from ganzoo.turing.statistics import Interval

PROTOCOLS = {
    "single": "single images, real or generated",
    "pairs": "pairs of a real and a generated image, which is real? (two-alternative forced choice)",
    "timed": "single images with a staircase of exposures (HYPE-time)",
}


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def span(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def raters_in_words(results: Results) -> str:
    """Who answered what."""
    design = results.key.design
    exposure = f"shown for {design.exposure_ms} ms" if design.exposure_ms else "shown until the answer"
    shown = "" if design.staircase else f", {exposure}"
    who = "simulated raters" if results.simulated else "raters"
    given, made = len(results.raters), len(results.key.raters)
    return (
        f"Protocol {design.protocol}: {PROTOCOLS[design.protocol]}{shown}. {given} of {made} {who} gave answers, and "
        f"{results.included} count; {given - results.included} broke a rule."
    )


def rules_in_words(rules: Rules) -> list[str]:
    return [
        f"At least {rules.catch_right_share:.0%} of the catch trials are right.",
        f"At most {rules.fast_share:.0%} of the answers come within {rules.fast_ms} ms.",
        f"At most {rules.same_answer_share:.0%} of the answers are the same.",
    ]
