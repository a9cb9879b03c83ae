"""The report of a study: one page that opens offline."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ganzoo.report import html
from ganzoo.turing.figure import shares_figure
from ganzoo.turing.key import NULL
from ganzoo.turing.results import PEOPLE, ImageRow, RaterRow, Results, Verdict
from ganzoo.turing.statistics import FEWEST_RATERS, RESAMPLES, Interval, Share, answers_needed, detectable
from ganzoo.turing.words import percent, raters_in_words, rules_in_words, span

MOST_IMAGES = 60  # in the table; all of them are in the json file
HEAD = ("source", "judge", "right", "share right, 95 %", "p one-sided", "p two-sided", "d', 95 %", "criterion c, 95 %")
ERRORS = (
    "source",
    "judge",
    "generated taken for real",
    "real taken for generated",
    "error rate (HYPE)",
    "over raters, 95 %",
)


def report(results: Results) -> str:
    """The page. Everything from files is escaped; ids and codes are those of the key."""
    design, people = results.key.design, judge_name(PEOPLE, results)
    title = f"Visual Turing test {results.key.study}" + (", SIMULATED raters" if results.simulated else "")
    parts = [html.paragraph(raters_in_words(results))]
    if results.simulated:
        parts.append(html.paragraph("The raters are SIMULATED: these numbers say nothing about people."))
    parts += [
        html.heading("Can they tell?"),
        html.table(HEAD, [_row(each, results) for each in results.verdicts]),
        html.heading("Errors", 3),
        html.table(ERRORS, [_errors(each, results) for each in results.verdicts]),
        html.picture(
            shares_figure(results.verdicts, people), "svg+xml",
            "Share of right answers with exact 95 % intervals; the line is guessing. In null all are real.",
            scrolls=True,
        ),
        html.heading("What it says"),
        html.bullets([text for each in results.verdicts if each.judge == PEOPLE for text in meaning(each, people)]),
    ]  # fmt: skip
    if design.staircase is not None:
        parts += [html.heading("Exposure"), html.bullets([*_exposures(results), EXPOSURE_NOTE])]
    parts += [
        html.heading("Raters"),
        html.table(*_raters(results.raters)),
        html.heading("Rules, fixed in the key before the first answer", 3),
        html.bullets(rules_in_words(design.rules)),
        html.heading("Images"),
        html.paragraph(
            f"{len(results.images):,} images or pairs were judged; these deceived most. All are in the json file."
        ),
        html.table(*_images(results.images[:MOST_IMAGES])),
        html.heading("How it is computed"),
        html.bullets(METHOD),
        html.heading("Study"),
        html.folded("Design", html.preformatted(json.dumps(design.model_dump(), indent=1))),
        html.folded("Numbers of trials", html.preformatted(json.dumps(results.key.numbers.model_dump(), indent=1))),
        *(
            html.folded(f"Images: {each.name}", html.preformatted(json.dumps(each.card, indent=1)))
            for each in (results.key.real, *results.key.sources)
        ),
    ]
    return html.page(title, [*filter(None, parts)])


def judge_name(judge: str, results: Results) -> str:
    """How a judge is called: people, unless they are simulated."""
    if judge == PEOPLE:
        return "simulated raters" if results.simulated else PEOPLE
    return f"classifier: {judge}"


def meaning(verdict: Verdict, people: str) -> list[str]:
    """What a verdict of raters says, and what it does not."""
    share = verdict.share
    low, high = share.interval
    found = detectable(share.count)
    told = share.p_one_sided < 0.05
    who = f"{verdict.source}: {people} were right in {share.right} of {share.count} answers, {percent(share.value)}"
    texts = [f"{who} (exact 95 % interval {span((low, high))}; one-sided p {p_text(share.p_one_sided)}, two-sided "
             f"{p_text(share.p_two_sided)})."]  # fmt: skip
    if told:
        texts.append(f"{verdict.source}: they can tell generated images from real ones better than by guessing.")
    else:
        needed = answers_needed(0.55)
        texts.append(
            f"{verdict.source}: not significant is not indistinguishable. A true share up to {percent(high)} fits "
            f"these answers; a true share of 55 % takes about {needed} answers to be seen with 80 %."
        )
    if found is not None:
        texts.append(f"{verdict.source}: with {share.count} answers, a true share of {percent(found)} would have been "
                     "seen with 80 % (exact one-sided test, level 5 %).")  # fmt: skip
    low_c, high_c = verdict.c_interval
    if (low_c > 0 or high_c < 0) and not verdict.paired:
        towards = "generated" if low_c > 0 else "real"
        texts.append(f"{verdict.source}: they preferred to answer {towards!r}; the share right hides it, d' does not.")
    if verdict.source == NULL and told:
        texts.append("null: both sides are real images, so this should not happen: check how the images were prepared.")
    return texts


def _row(verdict: Verdict, results: Results) -> list[str]:
    share, found = verdict.share, verdict.detection
    return [
        verdict.source,
        judge_name(verdict.judge, results),
        f"{share.right} of {share.count}",
        f"{percent(share.value)} ({span(share.interval)})",
        p_text(share.p_one_sided),
        p_text(share.p_two_sided),
        f"{found.d_prime:.2f} ({_numbers(verdict.d_interval)})",
        f"{found.criterion:.2f} ({_numbers(verdict.c_interval)})",
    ]


def _errors(verdict: Verdict, results: Results) -> list[str]:
    return [
        verdict.source,
        judge_name(verdict.judge, results),
        _fraction(verdict.fooled),
        _fraction(verdict.doubted),
        percent(verdict.error_rate),
        span(verdict.error_over_raters),
    ]


def _raters(rows: Sequence[RaterRow]) -> tuple[list[str], list[list[str]]]:
    sources = list(dict.fromkeys(name for row in rows for name in row.shares))
    head = ["rater", "counts", *(f"{name}: right" for name in sources), "catch trials", "median ms", "too fast",
            "seen again", "before the image", "reloads"]  # fmt: skip
    body = [
        [
            row.code,
            f"no: {'; '.join(row.excluded)}" if row.excluded else "yes",
            *(_fraction(row.shares.get(name)) for name in sources),
            _fraction(row.caught),
            f"{row.median_ms:.0f}",
            *map(str, (row.fast, row.again, row.early, row.reloads)),
        ]
        for row in rows
    ]
    return head, body


def _images(rows: Sequence[ImageRow]) -> tuple[list[str], list[list[str]]]:
    classifiers = list(dict.fromkeys(name for row in rows for name in row.machine))
    body = [
        [row.images, row.source, row.truth, _fraction(row.share)]
        + [{True: "right", False: "wrong", None: ""}[row.machine.get(name)] for name in classifiers]
        for row in rows
    ]
    return ["image", "source", "truth", "right", *classifiers], body


def _exposures(results: Results) -> list[str]:
    texts = []
    for each in results.verdicts:
        if each.exposure is not None:
            mean, interval = each.exposure
            texts.append(
                f"{each.source}: {mean:.0f} ms" + (f" (95 % over raters {_numbers(interval, 0)})" if interval else "")
            )
    return texts


def _fraction(share: Share | None) -> str:
    return "" if share is None else f"{percent(share.value)} ({share.right} of {share.count})"


def _numbers(interval: Interval, digits: int = 2) -> str:
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def p_text(p: float) -> str:
    return f"{p:.0e}" if p < 0.001 else f"{p:.3f}"


EXPOSURE_NOTE = (
    "The mean over raters of each one's most frequent exposure (HYPE-time, Zhou et al. 2019). The staircase settles "
    "where 75 % of the answers are right, or at its ends, so the share right is not to be compared with one half."
)
METHOD = [
    "Shares: exact binomial tests against one half and the interval of Clopper and Pearson (1934), over all answers as "
    "if they were independent. Several answers of one rater are not; the intervals over raters allow for that.",
    f"Over raters: percentile bootstrap, {RESAMPLES:,} resamples of raters, from {FEWEST_RATERS} raters on. d' and c "
    "of fewer raters, and of classifiers, have delta-method intervals (Gourevitch and Galanter 1967), as if answers "
    "were independent.",
    "d' and criterion c: signal detection with real images as the signal and the log-linear correction (k + .5) / "
    "(n + 1) (Hautus 1995). c above 0 is a bias towards generated. Of pairs d' is sqrt(2) z(share right), and c above "
    "0 a bias towards the right side.",
    "Error rate: HYPE-infinity (Zhou et al. 2019), the share of wrong answers over real and generated images: 50 % "
    "is guessing. It rises with errors on real images too, so both kinds are shown.",
    "Classifiers: those of the metric two-sample-test on pixels, trained on other images than those of the trials; "
    "people and near-duplicates among real images are not on both sides. A trial that several raters had counts once.",
    "Catch and practice trials are in none of these numbers.",
]
