"""Warnings for `Method.diagnose`: common failures, detected from the means of loss terms, each with a fix.

Each function returns a list of one sentence, or an empty list if the term is absent or healthy.
"""

from __future__ import annotations

from collections.abc import Mapping

COLLAPSED = 0.25  # of the reference's diversity
SATURATED = 0.99  # share of correct answers of a discriminator
UNCHANGED = 1.0  # grey level of 255


def mode_collapse(means: Mapping[str, float], term: str, outputs: str, reference: str, fix: str) -> list[str]:
    """`term` is `ganzoo.nn.diversity.diversity` of the `outputs`, relative to the `reference`."""
    value = means.get(term)
    if value is None or value >= COLLAPSED:
        return []
    return [f"Mode collapse: {outputs} differ from each other {value:.2f} times as much as {reference} do; {fix}."]


def saturated_discriminator(
    means: Mapping[str, float], term: str, fix: str, *, samples: str = "images", learner: str = "generator"
) -> list[str]:
    """`term` is the share of `samples` that the discriminator judges correctly, so that the `learner` learns little."""
    value = means.get(term)
    if value is None or value <= SATURATED:
        return []
    return [
        f"The discriminator is saturated: it is right on {value:.1%} of {samples}, so the {learner} learns little; "
        f"{fix}."
    ]


def unchanged_images(means: Mapping[str, float], term: str, fix: str) -> list[str]:
    """`term` is the mean absolute difference between refined images and their inputs, in grey levels of 255."""
    value = means.get(term)
    if value is None or value >= UNCHANGED:
        return []
    return [f"The refined images equal their inputs: they differ by {value:.2f} of 255 grey levels on average; {fix}."]
