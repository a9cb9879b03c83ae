"""Applies one capability of a method to all rows of a user's files, and writes a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch

from ganzoo.applying.call import apply_batch, as_rows
from ganzoo.applying.inputs import Inputs, Places, inputs_of
from ganzoo.applying.outputs import ArchiveFile, ImageFiles, LabelFile, NumberFiles, Sink
from ganzoo.applying.rows import ImageRows, content
from ganzoo.capabilities.base import Capability
from ganzoo.errors import UsageError
from ganzoo.evaluation.evaluate import to_device
from ganzoo.files.collection import ImageArchive, ImageFolder
from ganzoo.files.label_files import CSV_NAME, label_files
from ganzoo.files.output import OutputFile, OutputFolder
from ganzoo.files.table import table_bytes
from ganzoo.method import Method

LABELS_NOTE = "carried over unchanged; positions in pixels are those of the input images"
NO_LABELS_NOTE = "left out: those of the input need not hold for what was made"
_OVERHEAD = 4096  # bytes on disk that a small file takes besides its pixels
Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True)
class Job:
    """One capability of a method at work."""

    capability: Capability
    method: Method
    device: torch.device
    made_by: Mapping[str, Any]  # in json's types: run, method, settings hash, checkpoint, versions
    batch_size: int = 256
    seed: int = 0
    progress: Progress = lambda done, total: None

    def rows(self, inputs: Inputs, part: slice) -> np.ndarray:
        """The results of the method for some of the rows."""
        given = [to_device(each.read(part), self.device) for each in inputs.rows.values()]
        if given and (problem := self.capability.problem(self.method, [each.cpu() for each in given])):
            raise UsageError(f"{self.capability.name}, rows {part.start + 1} to {part.stop}: {problem}")
        made = apply_batch(self.capability, self.method, given, part, self.device, self.seed)
        return as_rows(made, self.capability.output(self.method))

    def parts(self, count: int) -> Sequence[slice]:
        return [slice(at, min(at + self.batch_size, count)) for at in range(0, count, self.batch_size)]


@dataclass(frozen=True)
class Applied:
    """The result of a job."""

    output: Path  # what another command reads: the folder, or the one file in it that holds everything
    images: int  # rows in the output
    written: int  # by this call: fewer after an interruption, none if all were done before
    fitted: str  # how size and channels were converted, as text; empty without images


def apply_to_files(job: Job, places: Places, output: Path) -> Applied:
    """Create `output` from the files that `places` names: a csv file of labels, or a folder with a manifest.

    Output images keep the names and formats of their inputs, an npz its name. Labels are copied if still valid.
    A job that was interrupted continues when it is started again with the same inputs and the same run; a finished one
    is left unchanged.

    Raises UsageError if the output holds something else or an input is missing, DatasetError if files are unreadable or
    do not fit the data of the run, DivergenceError if the results are not finite, GanzooError if the output cannot be
    written.
    """
    inputs = inputs_of(job.capability, job.method, places)
    target = _target(job, inputs, output)
    fitted = inputs.images.note if inputs.images else ""
    if target.claim(_size_needed(job, inputs)) == "complete":
        return Applied(_made(job, inputs, output), inputs.count, 0, fitted)
    job.method.to(job.device).eval()
    sink = _sink(job, inputs, target)
    written, digests = 0, {}
    for part in job.parts(inputs.count):
        digests.update(inputs.digests(lambda rows, part=part: rows.look(part)))  # type: ignore[misc]
        if not sink.has(part):
            sink.write(part, job.rows(inputs, part))
            written += part.stop - part.start
        job.progress(part.stop, inputs.count)
    sink.finish()
    note = _labels(job, inputs, target)
    digests.update(inputs.digests(lambda rows: rows.digests()))
    target.finish({"images": inputs.count, **note, "sha256": digests})
    return Applied(_made(job, inputs, output), inputs.count, written, fitted)


def identity_of(job: Job, inputs: Inputs) -> dict[str, Any]:
    """What identifies this job, in json's types."""
    main = inputs.main
    identity: dict[str, Any] = {"capability": job.capability.name}
    if main is not None:
        identity |= {"input": str(main.path), "input_fingerprint": main.fingerprint()}
    others = {name: rows for name, rows in inputs.rows.items() if rows is not main}
    if others:
        identity["inputs"] = {name: [str(rows.path), rows.fingerprint()] for name, rows in others.items()}
    identity[f"{job.capability.adjective}_by"] = dict(job.made_by)
    if inputs.images is not None:
        identity["fitted"] = inputs.images.note
    if main is None:
        identity["count"] = inputs.count
    return {**identity, "batch_size": job.batch_size, "seed": job.seed}


def _target(job: Job, inputs: Inputs, output: Path) -> OutputFolder | OutputFile:
    identity = identity_of(job, inputs)
    if job.capability.makes == "labels":
        return OutputFile(output, identity)
    for rows in inputs.rows.values():
        folder = rows.path if rows.path.is_dir() else rows.path.parent
        if output.resolve() == folder.resolve():
            raise UsageError(
                f"--output {output} is the folder of the input; give another folder, so that nothing is overwritten"
            )
    if output.suffix.lower() == ".npz":  # a folder of that name would be taken for the file
        raise UsageError(f"--output {output} is to be a folder; give one such as {output.with_suffix('')}")
    return OutputFolder(output, identity)


def _sink(job: Job, inputs: Inputs, target: OutputFolder | OutputFile) -> Sink:
    column = job.capability.output(job.method)
    if isinstance(target, OutputFile):
        return LabelFile(target, inputs.names, column, job.method.spec.task.label_names)
    if column.kind == "vector":
        return NumberFiles(target, inputs.names, column, cast(Literal["codes", "samples"], job.capability.makes))
    if (images := _archived(inputs)) is not None:
        return ArchiveFile(target, images, column, keeps_others=job.capability.keeps_labels)
    return ImageFiles(target, inputs.names)


def _made(job: Job, inputs: Inputs, output: Path) -> Path:
    """The output, or the npz in it: see `_sink`."""
    in_one_npz = job.capability.makes != "labels" and job.capability.output(job.method).kind != "vector"
    images = _archived(inputs) if in_one_npz else None
    return output if images is None else output / images.path.name


def _archived(inputs: Inputs) -> ImageRows | None:
    """The input images if they are an npz."""
    return inputs.images if inputs.images is not None and isinstance(inputs.images.images, ImageArchive) else None


def _labels(job: Job, inputs: Inputs, target: OutputFolder | OutputFile) -> dict[str, str]:
    """Write the labels that are valid for the output. Returns the manifest's entry on them."""
    if isinstance(target, OutputFile) or job.capability.makes != "samples":
        return {}
    if not job.capability.keeps_labels:
        return {"labels": NO_LABELS_NOTE} if inputs.images else {}
    if inputs.labels is not None:
        header = job.method.spec.task.label_names
        target.write(CSV_NAME, table_bytes(header, inputs.names, inputs.labels.values))
        return {"labels": "those that were given"}
    if inputs.images is not None and isinstance(inputs.images.images, ImageFolder):
        for file in label_files(inputs.images.path, inputs.names):
            target.write(file.name, content(file))
    return {"labels": LABELS_NOTE}


def _size_needed(job: Job, inputs: Inputs) -> int:
    """A rough upper limit of the output's bytes: numbers without compression, and the labels."""
    column = job.capability.output(job.method)
    if column.kind == "vector":
        return 4 * inputs.count * int(np.prod(column.shape)) * 4
    pixels = inputs.count * int(np.prod(column.shape))
    if (images := _archived(inputs)) is not None:
        return pixels + images.path.stat().st_size
    return pixels + 2 * _OVERHEAD * inputs.count
