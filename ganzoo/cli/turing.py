"""`ganzoo turing make` and `ganzoo turing score`: can people, and classifiers, tell generated images from real ones?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from ganzoo.cli.paths import PATH
from ganzoo.cli.table import print_table
from ganzoo.discovery.registry import registry
from ganzoo.errors import UsageError
from ganzoo.evaluation.image_sets import Shaping
from ganzoo.files.fit import Channels, Resizer
from ganzoo.report.terminal import Heading
from ganzoo.turing.design import DEFAULTS, EXPOSURE, SIMGAN, Design, Enlarge, GreyRange, Numbers, Protocol, Rules
from ganzoo.turing.design import Staircase as HypeStaircase
from ganzoo.turing.make import Study, check_places, make
from ganzoo.turing.pools import FORMS, Place, Pool, Reader
from ganzoo.turing.report import judge_name, p_text
from ganzoo.turing.score import score
from ganzoo.turing.words import percent, raters_in_words, span

Size = click.IntRange(0, 8192)
TIME = click.IntRange(0, 10_000)
RULES = ", ".join(f"{name} ({field.default})" for name, field in Rules.model_fields.items())


@click.group(help="Can people tell generated images from real ones? A visual Turing test, and its automatic twin.")
def command() -> None: ...


@command.command(
    "make",
    help="Write one page for each rater into a folder, and the key outside of it.\n\nA page is one file that "
    "opens offline and sends nothing. Each rater gets one page, and gives back the file of answers that it saves. Keep "
    f"the key to yourself: it holds all answers.\n\n--real, --fake and --raw take {FORMS}. NAME=PLACE names a source.",
)
@click.option("--fake", "fakes", multiple=True, required=True, help="Generated images, such as a run; may be repeated.")
@click.option("--real", help="Real images.  [default: held-out real images of the run in --fake]")
@click.option(
    "--raw",
    help="Raw synthetic images that everybody should recognise, for catch trials.  [default: the source images of the "
    "run in --fake, if it has any]",
)
@click.option("--out", required=True, type=PATH, help="The folder for the pages.")
@click.option("--key", type=PATH, help="The file for the key.  [default: OUT-key.json beside the folder]")
@click.option(
    "--protocol",
    type=click.Choice(get_args(Protocol)),
    help="single: is this image real? pairs: which of two is real? timed: single with HYPE's staircase of exposures.  "
    "[default: single]",
)
@click.option(
    "--preset",
    type=click.Choice(["simgan"]),
    help="SimGAN's study: 10 raters, each 50 refined and 50 real images, and 10 raw and 10 real ones.",
)
@click.option(
    "--trials",
    type=click.IntRange(2, 10_000),
    help="Trials of each source for each rater.  [default: single 100, pairs 40, timed 150]",
)
@click.option("--raters", type=click.IntRange(1, 999), help="Number of pages.  [default: 1]")
@click.option("--practice", type=click.IntRange(0, 100), help="Practice trials, with feedback.  [default: 10]")
@click.option("--catch", type=click.IntRange(0, 100), help="Catch trials.  [default: 5 with raw images, timed 0]")
@click.option(
    "--exposure",
    type=click.IntRange(0, 60_000),
    metavar="MS",
    help="How long images are shown, ms; 0: until the answer.  [default: single 0, pairs 1000]",
)
@click.option("--fixation", type=TIME, default=500, metavar="MS", help="Fixation, ms.  [default: 500]")
@click.option("--mask", type=TIME, default=300, metavar="MS", help="Noise after a limited exposure.  [default: 300]")
@click.option(
    "--enlarge",
    type=click.Choice(get_args(Enlarge)),
    default="bicubic",
    help="How all images are enlarged on the page.  [default: bicubic]",
)
@click.option(
    "--grey-range",
    type=click.Choice(get_args(GreyRange)),
    default="as-is",
    help="stretched: the values of every image to 0..255.  [default: as-is]",
)
@click.option("--rule", "rules", multiple=True, metavar="NAME=VALUE", help=f"A rule of exclusion: {RULES}.")
@click.option("--null", is_flag=True, help="Also a block of real against real images, a check of the raters.")
@click.option(
    "--twin/--no-twin",
    default=True,
    help="Let classifiers judge the same images; they learn from half of all images.  [default: twin]",
)
@click.option(
    "--near",
    type=click.FloatRange(0),
    default=12.0,
    help="Real images that differ by less than this many grey levels (root mean square) are not divided between raters "
    "and classifiers.  [default: 12]",
)
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=2048,
    help="Maximum images read from each place, evenly spaced.  [default: 2048]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="Makes the draw repeatable, also for a rater who knows it.  [default: drawn by the system]",
)
@click.option("--image-height", type=Size, default=0, help="Height of all images.  [default: --real's]")
@click.option("--image-width", type=Size, default=0, help="Width of all images.  [default: --real's]")
@click.option(
    "--channels",
    type=click.Choice(get_args(Channels)),
    default="as-is",
    help="Convert all images to grey or rgb.  [default: as-is, they must agree]",
)
@click.option(
    "--resizer",
    type=click.Choice(get_args(Resizer)),
    default="none",
    help="How images of other sizes are resized.  [default: none, they must agree]",
)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def make_command(fakes: Sequence[str], out: Path, key: Path | None, plugin: tuple[Path, ...], **given: Any) -> None:
    for file in plugin:
        registry().add_file(file)
    key = key or out.with_name(out.name + "-key.json")
    check_places(out, key)
    places = [Place.parse("--fake", text) for text in fakes]
    real, raw = _others(places, given)
    study = _study(given, raw is not None)
    shaping = Shaping(given["image_height"], given["image_width"], given["resizer"], given["channels"])
    reader = Reader(shaping, samples=given["samples"], device=given["device"])
    real_pool = _renamed(reader.read(real, "real"), "real")
    pools = [reader.read(place, "fake") for place in places]
    needed = study.numbers.catch or study.numbers.raw_trials
    raw_pool = _renamed(reader.read(raw, "raw"), "raw") if raw is not None and needed else None
    made = make(study, real_pool, pools, raw_pool, out, key)
    count = len(made.raters[0].trials)
    pages = "1 page" if len(made.raters) == 1 else f"{len(made.raters)} pages"
    click.echo(f"{out} holds {pages} of {count} trials, one for each rater", err=True)
    click.echo(f"The key is {key}; keep it from the raters. Then: ganzoo turing score ANSWERS... --key {key}", err=True)


def _others(places: Sequence[Place], given: dict[str, Any]) -> tuple[Place, Place | None]:
    """The places of real and of raw images, by default those of the first run in --fake."""
    run = next((place for place in places if place.is_run), None)
    real = Place.parse("--real", given["real"]) if given["real"] else None
    if real is None and run is None:
        raise UsageError("--real is missing: name real images, or give a run as --fake, whose held-out ones are used")
    raw = Place.parse("--raw", given["raw"]) if given["raw"] else None
    if raw is None and run is not None and _has_source(run):
        raw = Place("--raw", run.text)
    if real is None:
        assert run is not None
        real = Place("--real", run.text)
    return real, raw


def _has_source(run: Place) -> bool:
    """Whether the run's data have raw synthetic images. Loads no images."""
    from ganzoo.runs.experiment import plan_of_run
    from ganzoo.runs.run_folder import RunFolder

    plan = plan_of_run(RunFolder(run.path))
    return "source" in plan.dataset(plan.dataset_config).spec().columns


def _renamed(pool: Pool, name: str) -> Pool:
    return Pool(name, pool.images, pool.groups, pool.card)


def _study(given: dict[str, Any], has_raw: bool) -> Study:
    preset = given["preset"]
    protocol: Protocol = given["protocol"] or "single"
    if preset and protocol != "single":
        raise UsageError(f"--preset {preset} is a study of single images; leave out --protocol")
    if preset and not has_raw:
        raise UsageError(f"--preset {preset} also shows raw synthetic images: name them with --raw")
    usual = SIMGAN if preset else DEFAULTS[protocol]
    names = ("trials", "practice", "catch", "raters")
    values = {**usual.model_dump(), **{name: given[name] for name in names if given[name] is not None}}
    if not has_raw and given["catch"]:
        raise UsageError("--catch needs raw images: name them with --raw")
    values["catch"] = values["catch"] if has_raw else 0
    numbers = Numbers.model_validate(values)
    if protocol == "timed" and (numbers.catch or given["exposure"]):
        raise UsageError("--protocol timed: its staircase sets the exposure, and catch trials would move it; leave out "
                         "--exposure and --catch")  # fmt: skip
    if protocol != "pairs" and (numbers.trials % 2 or numbers.raw_trials % 2):
        raise UsageError(f"--trials {numbers.trials}: half of single images are real, so give an even number")
    exposure = EXPOSURE[protocol] if given["exposure"] is None else given["exposure"]
    design = Design(
        protocol=protocol,
        exposure_ms=exposure,
        fixation_ms=given["fixation"],
        mask_ms=given["mask"],
        enlarge=given["enlarge"],
        grey_range=given["grey_range"],
        staircase=HypeStaircase() if protocol == "timed" else None,
        rules=_rules(given["rules"]),
    )
    return Study(design, numbers, given["null"], given["twin"], given["near"], given["seed"])


def _rules(given: Sequence[str]) -> Rules:
    values: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in Rules.model_fields:
            raise UsageError(f"--rule {text}: the rules are {', '.join(Rules.model_fields)}, as in --rule fast_ms=150")
        try:
            number = float(value)
        except ValueError:
            raise UsageError(f"--rule {text}: give a number, as in --rule fast_ms=150") from None
        values[name] = int(number) if name == "fast_ms" and number.is_integer() else number
    try:
        return Rules.model_validate(values)
    except ValueError as error:
        problem = getattr(error, "errors", list)()[0]
        raise UsageError(f"--rule {problem['loc'][0]}: {problem['msg']}") from None


@command.command(
    "score",
    help="Score the answers of raters with the key of their study, and write a report.\n\nANSWERS are the files that "
    "the pages saved. All must belong to the key. Beside report.html there is report.json, which `ganzoo report BENCH "
    "--turing FILE` shows beside the other scores of a bench.",
)
@click.argument("answers", nargs=-1, required=True, type=PATH)
@click.option("--key", required=True, type=PATH, help="The key that `ganzoo turing make` wrote.")
@click.option("--out", type=PATH, default=Path("report.html"), help="The report.  [default: report.html]")
def score_command(answers: Sequence[Path], key: Path, out: Path) -> None:
    results = score(answers, key, out)
    rows = [
        [
            each.source,
            judge_name(each.judge, results),
            f"{each.share.right} of {each.share.count}",
            f"{percent(each.share.value)} ({span(each.share.interval)})",
            p_text(each.share.p_one_sided),
            f"{each.detection.d_prime:.2f}",
        ]
        for each in results.verdicts
    ]
    heads = [Heading("source", number=False), Heading("judge", number=False)]
    numbers = ("right", "share right, 95 %", "p one-sided", "d'")
    print_table([*heads, *(Heading(name, number=True) for name in numbers)], rows)
    click.echo(raters_in_words(results), err=True)
    for row in results.raters:
        if row.excluded:
            click.echo(f"rater {row.code} is left out: {'; '.join(row.excluded)}", err=True)
    click.echo(f"The report is {out}, and the scores are in {out.with_suffix('.json')}", err=True)
