"""`ganzoo evaluate RUN`, and `ganzoo evaluate --real A --fake B` for images without a run."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, get_args

import click

from ganzoo.cli.display import Display
from ganzoo.cli.paths import PATH
from ganzoo.cli.run import typed_values
from ganzoo.cli.setting_options import SettingOption, setting_options
from ganzoo.cli.table import print_scores
from ganzoo.configuration.layers import build_config, path_settings
from ganzoo.discovery.registry import registry
from ganzoo.errors import GanzooError, UsageError
from ganzoo.evaluation.evaluate import EvaluateConfig
from ganzoo.evaluation.image_sets import Collection, Compared, Shaping, compare, comparing_metrics
from ganzoo.files.fit import Channels, Resizer
from ganzoo.files.output import check_writable, writing
from ganzoo.metric import Score
from ganzoo.runs.experiment import load_trained, measure, plan_of_run
from ganzoo.runs.origin import check_data
from ganzoo.runs.run_folder import RunFolder
from ganzoo.system.atomic import write_text
from ganzoo.system.paths import typed
from ganzoo.training import signals
from ganzoo.training.devices import Hardware, local_device

IMAGES = "a folder, an .npz, a prepared store, or a slice such as eyes.npz[0:1000]"
SIZING = ("image_height", "image_width", "channels", "resizer")
MOVED = "moved"  # in the context: the options of a run's data
COLLECTION_OPTIONS = ("real", "fake", "extractors", "fit_steps", *SIZING)  # not for a run
SHORTER = "; --fit-steps N makes it shorter, and so may other --extractors"
Size = click.IntRange(0, 8192)


class _Evaluate(click.Command):
    """With a run, there is an option for each path of its data, which may have moved."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        run = next((typed(arg) for arg in args if (typed(arg) / "run.toml").is_file()), None)
        if run is not None and not ctx.resilient_parsing:
            for file in typed_values(args, "--plugin"):
                registry().add_file(file)
            ctx.meta[MOVED] = _moved_options(RunFolder(run), {name for each in self.params for name in each.opts})
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        moved: list[click.Parameter] = ctx.meta.get(MOVED, [])
        flags = {name for each in moved for name in each.opts}
        return [*(each for each in super().get_params(ctx) if flags.isdisjoint(each.opts)), *moved]


def _moved_options(folder: RunFolder, taken: set[str]) -> list[SettingOption]:
    plan = plan_of_run(folder)
    config = plan.dataset.Config
    made = setting_options(config, "dataset", plan.dataset_config, taken - {"--source", "--help"})
    return [each for each in made if each.field in path_settings(config)]


@click.command(
    cls=_Evaluate,
    options_metavar="[RUN | --real A --fake B] [options]",
    help="Measure a trained run again, from its newest checkpoint, and write its metrics.json.\n\n"
    "If data moved, name their new place with the options of `ganzoo run`, such as --source.\n\n"
    "With --real and --fake instead: measure how far two collections of images are from each other, without a run.",
)
@click.argument("run", required=False, metavar="", type=PATH)
@click.option("--real", type=PATH, help=f"Real images: {IMAGES}.")
@click.option("--fake", type=PATH, help="Images to compare with them, in the same forms.")
@click.option(
    "--source",
    type=PATH,
    help="Labelled images for extractors that are trained.  [default: --fake if labelled, else --real]",
)
@click.option("--extractors", metavar="A,B,...", help="Extractors for --real and --fake.  [default: all available]")
@click.option(
    "--fit-steps",
    type=click.IntRange(1),
    help="Maximum training steps of an extractor's network for --real and --fake: fewer take less time, but give "
    "other features, so compare only scores with equal steps.  [default: the extractor's own number]",
)
@click.option("--metrics", metavar="A,B,...", help="Metrics to measure.  [default: those of the run, or all]")
@click.option(
    "--samples",
    metavar="INTEGER",
    help="Maximum images measured per set, evenly spaced.  [default: that of the run, or 2048]",
)
@click.option("--image-height", type=Size, help="Height in pixels of the resized images.  [default: --real's]")
@click.option("--image-width", type=Size, help="Width in pixels of the resized images.  [default: --real's]")
@click.option(
    "--channels",
    type=click.Choice(get_args(Channels)),
    help="Convert all images to grey or rgb.  [default: as-is, they must agree]",
)
@click.option(
    "--resizer",
    type=click.Choice(get_args(Resizer)),
    help="How images of other sizes are resized.  [default: none, they must agree]",
)
@click.option(
    "--out", type=PATH, help="A .json file for the scores, with cards.  [default: the run's metrics.json; else none]"
)
@click.option("--device", help="auto, cpu, cuda, cuda:N or mps.  [default: as the run, or auto]")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(run: Path | None, plugin: tuple[Path, ...], **given: Any) -> list[Score]:
    _check_form(run, given)
    for file in plugin:
        registry().add_file(file)
    if given["out"] is not None:
        _check_out(given["out"])
    with signals.heard():  # a network that is being fitted is saved before the command ends
        return _collections(given) if run is None else _run(RunFolder(run), given)


def _check_form(run: Path | None, given: dict[str, Any]) -> None:
    """Raise UsageError unless either a run or two collections are named, with the options that belong to it."""
    named = [f"--{name.replace('_', '-')}" for name in COLLECTION_OPTIONS if given[name] is not None]
    if run is not None and (named or given.get("source") is not None):
        flags = ", ".join(named or ["--source"])
        raise UsageError(f"{flags}: for two collections of images, not for the run {run}; give only one of them")
    named += [f"--{name}" for name in ("source", "out") if given.get(name) is not None]
    if run is None and not named:
        raise UsageError("name what to measure: the folder of a run, or two collections with --real and --fake")
    if run is None and (given["real"] is None or given["fake"] is None):
        raise UsageError(f"{', '.join(named)}: two collections need both --real and --fake; each is {IMAGES}")


def _run(folder: RunFolder, given: dict[str, Any]) -> list[Score]:
    moved = {name.removeprefix("dataset__"): path for name, path in given.items() if name.startswith("dataset__")}
    options = {
        "evaluate": {"metrics": given["metrics"], "samples": given["samples"]},
        "train": {"device": given["device"]},
        "dataset": moved,
    }
    plan = plan_of_run(folder, {"options": options})
    if not plan.metric_configs:  # else the scores of the run would be replaced by nothing
        raise UsageError(f"--metrics none, here or in {folder.settings_file}: nothing to measure; name some metrics")
    dataset = plan.dataset(plan.dataset_config)
    out: Path | None = given["out"] or _scores_file(folder)
    with Display() as display:
        hardware = Hardware.resolve(plan.train.device, plan.train.precision)
        method, step = load_trained(folder, plan, hardware.device)
        check_data(folder, dataset)
        if step < plan.train.steps:
            display.say(
                f"{folder.path} was trained for {step} of {plan.train.steps} steps: these are the scores of that step"
            )
        scores, facts = measure(plan, folder, method, dataset, hardware, display, step)
    print_scores(scores, plan.method.name, f"{plan.method.name} on {plan.dataset.name}, step {step}")
    if out is not None:
        folder.write_scores(scores, facts, out)
    return scores


def _scores_file(folder: RunFolder) -> Path | None:
    """Where the scores of a run are saved: None, with a warning, if nothing can be written."""
    try:
        check_writable(folder.path)
    except GanzooError as error:
        warnings.warn(f"{error}; the scores are shown but not saved, unless --out names a .json file", stacklevel=2)
        return None
    return folder.scores_file


def _collections(given: dict[str, Any]) -> list[Score]:
    settings = build_config(EvaluateConfig, {"options": {"metrics": given["metrics"], "samples": given["samples"]}})
    if settings.metrics == ("none",):
        raise UsageError("--metrics none: nothing to measure; name some metrics, or leave out --metrics for all")
    names = [name.strip() for name in (given["extractors"] or "").split(",") if name.strip()]
    metrics = comparing_metrics(settings.metrics, names)
    out: Path | None = given["out"]
    shaping = Shaping(
        given["image_height"] or 0, given["image_width"] or 0, given["resizer"] or "none", given["channels"] or "as-is"
    )
    device = local_device(given["device"] or "auto")
    real, fake, source = (
        Collection(f"--{side}", given[side]) if given[side] is not None else None for side in ("real", "fake", "source")
    )
    assert real is not None
    assert fake is not None
    with Display(SHORTER) as display:
        found = compare(
            real,
            fake,
            source,
            shaping,
            metrics,
            samples=settings.samples,
            device=device,
            watcher=display,
            most_fit_steps=given["fit_steps"],
        )
        for note in _notes(found):
            display.say(note)
    print_scores(found.scores, "value", f"{fake.location} against {real.location}")
    if out is not None:
        _write(out, found)
        click.echo(f"All scores, with their cards, are in {out}", err=True)
    if all(score.value is None for score in found.scores):
        raise GanzooError("nothing could be measured; the table says why")
    return list(found.scores)


def _notes(found: Compared) -> list[str]:
    """What a reader must know about the collections before the table."""
    sides = {side: found.facts[side] for side in ("real", "fake")}
    notes = [
        f"--{side}: measured on {facts['images_measured']:,} of {facts['images']:,} images, evenly spaced; "
        "--samples sets how many"
        for side, facts in sides.items()
        if facts["images_measured"] < facts["images"]
    ]
    fakes = sides["fake"]["images"]
    if found.shared and found.shared == fakes == sides["real"]["images"]:
        notes.append("warning: --real and --fake are the same images; the scores are those of equal sets")
    elif found.shared:
        notes.append(
            f"warning: {found.shared:,} of the {fakes:,} fake images are pixel-identical to real ones; "
            "this makes the two sets look more similar than they are"
        )
    return notes


def _check_out(out: Path) -> None:
    """Before any work: raise UsageError if `out` is not a json file, GanzooError if it cannot be written."""
    if out.suffix.lower() != ".json" or out.is_dir():
        raise UsageError(f"--out {out}: give a file whose name ends in .json")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    check_writable(out.parent)


def _write(out: Path, found: Compared) -> None:
    with writing(out):
        write_text(out, json.dumps(found.document(), indent=1, default=str) + "\n")
