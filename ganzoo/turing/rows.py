"""The result of a study as scores, in a json file that `ganzoo report BENCH --turing FILE` shows beside FID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import DatasetError
from ganzoo.metric import Score
from ganzoo.turing.key import read_document
from ganzoo.turing.results import PEOPLE, ImageRow, RaterRow, Results, Verdict
from ganzoo.turing.statistics import Interval, Share

FORMAT, VERSION = "ganzoo-turing-scores", 1
LARGEST = 64 * 2**20  # bytes


@dataclass(frozen=True)
class SourceScores:
    """The scores of one source of images, and the run that made them, if it was one."""

    source: str
    training: str | None  # `pools.training_hash` of the run
    scores: Sequence[Score]


def document_of(results: Results) -> dict[str, Any]:
    """Everything in the report, in JSON's types."""
    cards = {each.name: each.card for each in results.key.sources}
    sources = list(dict.fromkeys(each.source for each in results.verdicts))
    return {
        "format": FORMAT,
        "version": VERSION,
        "study": results.key.study,
        "simulated": results.simulated,
        "design": results.key.design.model_dump(mode="json"),
        "raters_given": len(results.raters),
        "raters_included": results.included,
        "sources": [
            {
                "source": name,
                "card": cards.get(name, {}),
                "scores": [
                    score.to_json()
                    for each in results.verdicts
                    if each.source == name
                    for score in scores_of(each, results)
                ],
            }
            for name in sources
        ],
        "raters": [_rater(row) for row in results.raters],
        "images": [_image(row) for row in results.images],
    }


def scores_of(verdict: Verdict, results: Results) -> list[Score]:
    """The scores of a judge on a source. Names of simulated raters begin with simulated, those of classifiers with
    machine, so that nobody takes them for people's."""
    of_people = verdict.judge == PEOPLE
    prefix = ("simulated" if results.simulated else "human") if of_people else "machine"
    ending = "" if of_people else f"[{verdict.judge}]"
    design = results.key.design
    card: dict[str, Any] = {
        "protocol": design.protocol,
        "exposure_ms": None if design.staircase else design.exposure_ms,
        "judge": verdict.judge if not of_people else prefix,
        "interval": "95 % Clopper-Pearson over answers, as if they were independent",
    }
    over = {**card, "interval": "95 % percentile bootstrap over raters"}
    share, found = verdict.share, verdict.detection
    counts = {"answers": share.count, "right": share.right}
    counts["raters" if of_people else "trained_on"] = results.included if of_people else verdict.trained_on

    def score(
        name: str, value: float, better: Any, ends: Interval | None, about: Mapping[str, Any], **more: Any
    ) -> Score:
        low, high = ends or (None, None)
        return Score(f"{prefix}_{name}{ending}", value, better=better, low=low, high=high,
                     card={**about, **counts}, **more)  # fmt: skip

    d_card = {**card, "interval": over["interval"] if verdict.bootstrapped else "95 % delta method over answers"}
    scores = [
        score("accuracy", share.value, "lower", share.interval, card, headline=not of_people),
        score("p_one_sided", share.p_one_sided, "higher", None, card, headline=False),
        score("p_two_sided", share.p_two_sided, "higher", None, card, headline=False),
        score("d_prime", found.d_prime, "lower", verdict.d_interval, d_card, headline=of_people),
        score("criterion", found.criterion, "", verdict.c_interval, d_card, headline=False),
        score("error_rate", verdict.error_rate, "higher", verdict.error_over_raters, over, headline=of_people),
        score("fooled_share", verdict.fooled.value, "higher", verdict.fooled_over_raters, over, headline=False),
    ]
    if verdict.doubted is not None:
        scores.append(score("doubted_share", verdict.doubted.value, "", None, over, headline=False))
    if verdict.exposure is not None:
        scores.append(score("exposure_ms", verdict.exposure[0], "higher", verdict.exposure[1], over, unit="ms"))
    return scores


def read_scores(file: Path) -> list[SourceScores]:
    """The scores in a file of `ganzoo turing score`. Raises DatasetError if it is not one."""
    document = read_document(file, "--turing", LARGEST)
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("version") != VERSION:
        raise DatasetError(f"--turing {file} is not a result of `ganzoo turing score`; give the json beside its report")
    try:
        return [
            SourceScores(str(each["source"]), each["card"].get("training"), [*map(Score.from_json, each["scores"])])
            for each in document["sources"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"--turing {file} is damaged ({error}); run `ganzoo turing score` again") from None


def _rater(row: RaterRow) -> dict[str, Any]:
    return {
        "rater": row.code,
        "counts": not row.excluded,
        "broken_rules": list(row.excluded),
        "sources": {name: _share(share) for name, share in row.shares.items()},
        "catch": _share(row.caught),
        "median_ms": row.median_ms,
        "too_fast": row.fast,
        "seen_again": row.again,
        "before_the_image": row.early,
        "reloads": row.reloads,
    }


def _image(row: ImageRow) -> dict[str, Any]:
    return {"image": row.images, "source": row.source, "truth": row.truth, **(_share(row.share) or {}),
            "machine": dict(row.machine)}  # fmt: skip


def _share(share: Share | None) -> dict[str, int] | None:
    return None if share is None else {"right": share.right, "of": share.count}
