"""`ganzoo demo`: SimGAN on small built-in eyes, from training to a page with a picture and scores."""

from __future__ import annotations

import io
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.paths import PATH
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.metric import Score
    from ganzoo.runs.experiment import Plan
    from ganzoo.runs.run_folder import RunFolder

DATA = {"height": 24, "width": 36, "source_size": 1_000, "source_test_size": 300, "target_size": 1_000,
        "target_test_size": 300}  # fmt: skip
MEASURED = {
    "evaluate": {"metrics": ("two-sample-test", "label-drift")},
    "metric": {
        "two-sample-test": {"features": ("pixels",), "classifier": "linear"},
        "label-drift": {"network": "small", "steps": 100},
    },
}
# A weak self-regularization shows soon what the adversarial loss does; the default keeps closer to the source.
TRAINING = {
    "method": {"refiner_pretraining": 40, "self_regularization": 1.0, "history": 256},
    "train": {"steps": 300, "batch_size": 16, "save_every": 150, "log_every": 15},
}
ENLARGED = 2
PICTURE = "Top: held-out clean eyes. Middle: the same eyes, refined. Bottom: eyes of the target, which are other eyes."
NEXT = (
    "ganzoo run simgan --dataset eyes: the default size and settings, in several minutes",
    "ganzoo bench: several methods over several seeds, with intervals",
    "ganzoo list: everything that is installed",
)
ACCURACY, DRIFT = "two_sample_accuracy[pixels]", "label_drift_deg"
WORDS = {
    ACCURACY: "how often a linear classifier on pixels is right about which eyes are real; .5 is guessing",
    DRIFT: "how far the gaze moved, as a small network reads it",
    "pupil_shift_px": "how far the pupil moved, as a detector sees it",
}


@click.command(
    help="Train SimGAN on small built-in eyes and show what it does to them.\n\nThis is a real run with the loop, the "
    "data and the metrics of `ganzoo run`, but with images of 24x36 pixels and few steps: a demonstration, not a "
    "result. Run the same command again to resume, or to show the page again."
)
@click.option("--out", type=PATH, default=Path("ganzoo-demo"), help="The folder.  [default: ganzoo-demo]")
@click.option("--open/--no-open", "shown", default=None, help="Open the page in a browser.  [default: in a terminal]")
@click.option("--device", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
def command(out: Path, shown: bool | None, device: str | None) -> Path:
    from ganzoo.cli.run import train_and_measure
    from ganzoo.runs.run_folder import RunFolder

    before, after = _plan("identity", {}, device), _plan("simgan", TRAINING, device)
    folders = RunFolder(out / "unchanged"), RunFolder(out / "simgan")
    for plan, folder in zip((before, after), folders, strict=True):
        train_and_measure(plan, folder, ())
    file = _write(out / "index.html", after, *folders)
    click.echo(str(file.resolve()))
    if shown if shown is not None else sys.stdout.isatty():
        webbrowser.open(file.resolve().as_uri())
    return file


def _plan(method: str, own: Mapping[str, Any], device: str | None) -> Plan:
    from ganzoo.runs.experiment import make_plan

    train = {**own.get("train", {}), **({"device": device} if device else {})}
    return make_plan(method, "eyes", None, {"demo": {"dataset": DATA, **MEASURED, **own, "train": train}})


def _write(file: Path, plan: Plan, before: RunFolder, after: RunFolder) -> Path:
    """The page, in one file that loads nothing from elsewhere."""
    from ganzoo.report.html import bullets, folded, heading, page, paragraph, picture, picture_file, table
    from ganzoo.system.atomic import write_text

    sheet = after.path / "samples" / f"step-{plan.train.steps:08d}.png"
    seconds, images = after.spent()
    scores = before.scores() or [], after.scores() or []
    parts = [
        paragraph(
            f"SimGAN, trained for {plan.train.steps} steps ({images:,} images of each domain, {seconds:.0f} seconds) "
            "on the built-in dataset eyes. Both kinds of eyes are rendered by a program: clean ones, and ones that "
            "look like those of a webcam, of other people."
        ),
        picture(_enlarged(sheet), "png", PICTURE),
        table(["score", "unchanged", "refined", "what it says"], _rows(*scores)),
        bullets(_lessons(*(_values(each) for each in scores))),
        paragraph(
            "This is a demonstration, not a result: the images are small, the training is short, there is one seed, "
            "and the self-regularization is weaker than by default, so that the change is easy to see."
        ),
        heading("Next"),
        bullets([*NEXT, f"ganzoo run simgan --config {after.settings_file} --out again: this run again"]),
        heading("How it was trained"),
        picture_file(after.curves_file, "Loss terms over the steps."),
        folded("All settings (run.toml)", after.settings_file.read_text(encoding="utf-8")),
    ]
    write_text(file, page("ganzoo demo: synthetic eyes, refined", parts))
    return file


def _enlarged(sheet: Path) -> bytes:
    from PIL import Image

    try:
        with Image.open(sheet) as image:
            larger = image.resize((image.width * ENLARGED, image.height * ENLARGED), Image.Resampling.NEAREST)
    except OSError as error:
        raise GanzooError(f"the picture {sheet} is missing or damaged; give another --out") from error
    stream = io.BytesIO()
    larger.save(stream, format="png")
    return stream.getvalue()


def _rows(before: Sequence[Score], after: Sequence[Score]) -> list[list[str]]:
    """The scores of the unchanged and of the refined images, beside each other."""
    columns = _by_name(before), _by_name(after)
    rows = []
    for name, words in WORDS.items():
        if found := columns[1].get(name):
            label = f"{name} ({found.unit})" if found.unit else name
            rows.append([label, *(_cell(each.get(name)) for each in columns), words])
    return rows


def _by_name(scores: Sequence[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores if score.subject == "method"}


def _values(scores: Sequence[Score]) -> dict[str, float]:
    return {name: score.value for name, score in _by_name(scores).items() if score.value is not None}


def _lessons(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """What these scores say, in words."""
    said = []
    change = after[ACCURACY] - before[ACCURACY] if ACCURACY in before and ACCURACY in after else 0
    if change > 0:
        said.append(
            "The classifier tells refined eyes from real ones more often than unchanged ones: the refiner leaves "
            "traces by which it is recognised, however the images look."
        )
    elif change < 0:
        said.append("The classifier tells refined eyes from real ones less often than unchanged ones: by this measure "
                    "they are more realistic.")  # fmt: skip
    if DRIFT in after:
        said.append(f"The small network reads a gaze that moved by {after[DRIFT]:.2g} degrees on average. If it is "
                    "right, the labels of the synthetic eyes are wrong by as much for the refined ones.")  # fmt: skip
    return said


def _cell(score: Score | None) -> str:
    if score is None or score.value is None:
        return ""
    interval = "" if score.low is None or score.high is None else f" ({score.low:.3g} to {score.high:.3g})"
    return f"{score.value:.3g}{interval}"
