"""Writes a trained method to a temporary file, runs it, compares the results, and only then keeps the file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganzoo.applying.choice import capability_of
from ganzoo.errors import GanzooError, UsageError
from ganzoo.export.card import card_of
from ganzoo.export.formats import FORMATS, Format
from ganzoo.export.function import Function, function_of
from ganzoo.files.output import check_writable, writing
from ganzoo.runs.trained import Trained
from ganzoo.system.atomic import replacing, write_text

BATCHES = (1, 2, 5)  # sizes of the batches for the check; the export used 3
TOLERANCE = 1e-4  # of an output in [-1, 1] that is an eightieth of a grey level; of a gaze .006 degrees


@dataclass(frozen=True)
class ExportedFile:
    """The result of an export."""

    file: Path
    card_file: Path
    card: dict[str, Any]


def export(trained: Trained, format: str, out: Path | None = None, function: str | None = None) -> ExportedFile:
    """Write the function of a capability (the main one of the method, if none is named) to `out`.

    Without `out` it is RUN/export/METHOD-FUNCTION and the format's ending. The card is next to the file, and inside it.

    Raises UsageError if the method has no such capability, if it cannot be exported, if the format's libraries are
    missing, or if the file exists; GanzooError if it cannot be written, or if its results differ from the method's.
    """
    written = FORMATS[format]
    check_libraries(format)
    made = function_of(trained.method, capability_of(trained.method, function))
    name = f"{trained.plan.method.name}-{made.name}{written.ending}"
    file = out or trained.folder.path / "export" / name
    if file.exists():
        raise UsageError(f"{file} exists; delete it, or give another file with --out")
    check_writable(file.parent)
    card = card_of(trained, made, format)
    card["checked"] = {
        "runtime": f"{written.runtime} ({written.package} {version(written.package)})",
        "batches": list(BATCHES),
        "tolerance": TOLERANCE,
    }
    card_file = file.with_name(file.name + ".json")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as aside:
            try:
                written.write(trained, made, aside, card)
            except OSError:
                raise
            except Exception as error:  # each exporter refuses differently
                raise UsageError(
                    f"method {trained.plan.method.name} cannot be exported to {format}: its {made.name} does what that "
                    f"format cannot ({type(error).__name__}: {_first_line(error)})"
                ) from error
            card["checked"]["largest_difference"] = _check(trained, written, aside, made, format)
            write_text(card_file, json.dumps(card, indent=1, default=str) + "\n")
    return ExportedFile(file, card_file, card)


def check_libraries(format: str) -> None:
    """Raises UsageError, with the command that installs them, if the format's libraries are missing."""
    written = FORMATS[format]
    if missing := written.missing():
        raise UsageError(
            f"--format {format} needs {' and '.join(missing)}; install with: pip install 'ganzoo[{written.extra}]'"
        )


def _check(trained: Trained, written: Format, file: Path, function: Function, format: str) -> float:
    """Run the file on batches of several sizes. Returns the largest difference from what the method computes."""
    inputs = [function.inputs(count) for count in BATCHES]
    with torch.no_grad():
        expected = [function.module(*given) for given in inputs]
    problem = f"method {trained.plan.method.name} cannot be exported to {format}: run with {written.runtime}"
    try:
        found = written.run(trained, file, function, inputs)
    except Exception as error:  # a runtime may raise anything
        raise GanzooError(f"{problem}, the file fails ({type(error).__name__}: {_first_line(error)})") from error
    worst = 0.0
    for wanted, got in zip(expected, found, strict=True):
        if wanted.shape != got.shape:
            raise GanzooError(
                f"{problem}, a batch of {len(wanted)} becomes {list(got.shape)}, not {list(wanted.shape)}"
            )
        worst = max(worst, float((wanted - got.float()).abs().max()))
    if not worst <= TOLERANCE:  # NaN, too
        raise GanzooError(f"{problem}, its output differs by {worst:.2g} from the method's, more than {TOLERANCE:g}")
    return worst


def _first_line(error: BaseException) -> str:
    """The first line of the root cause: exporters wrap it in advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else "without words"
