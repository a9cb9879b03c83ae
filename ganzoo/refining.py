"""Turns a user's images into refined ones with the same names, labels carried over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganzoo.batch import DataSpec
from ganzoo.errors import DivergenceError, PluginError, UsageError
from ganzoo.files.collection import ImageArchive, ImageFolder, Images, in_parallel, open_images
from ganzoo.files.fit import Channels, Fit, Resizer
from ganzoo.files.guard import reading
from ganzoo.files.image_file import encode_image, read_image
from ganzoo.files.label_files import label_files
from ganzoo.files.location import Location
from ganzoo.files.output import MANIFEST, OutputFolder, write_npz
from ganzoo.loader import reseed, to_uint8, to_unit_range
from ganzoo.method import Method, Refines

LABELS_NOTE = "carried over unchanged; positions in pixels are those of the input images"
_OVERHEAD = 4096  # bytes on disk that a small file takes beside its pixels
Progress = Callable[[int, int], None]  # images done, images in all


@dataclass(frozen=True)
class Refined:
    """What became of a refinement."""

    output: Path
    images: int  # in the output folder
    written: int  # by this call: fewer after an interruption, none where all had been done before
    fitted: str  # what was done to size and channels, in words


def refine_to_folder(
    method: Method,
    spec: DataSpec,
    input: Path,
    output: Path,
    *,
    batch_size: int,
    device: torch.device,
    source_of: Mapping[str, Any],
    resizer: Resizer = "none",
    channels: Channels = "as-is",
    progress: Progress | None = None,
) -> Refined:
    """Refine every image of the folder or npz `input` into the folder `output`, which gets a manifest last.

    Images keep their names and formats, an npz its name and all its other arrays; labels are copied byte for byte.
    `source_of` says in json's types what refines (run, method, settings hash, checkpoint, versions). An interrupted
    refinement of the same input by the same run goes on where it stopped; a finished one is left as it is.

    Raises UsageError where the method cannot refine or the output holds something else, DatasetError where the
    images are unreadable or do not fit `spec`, DivergenceError where refined images are not finite, GanzooError
    where the output cannot be written.
    """
    if not isinstance(method, Refines):
        raise UsageError(f"method {method.name} does not refine images")
    images = _opened(input)
    fit = Fit((spec.height, spec.width, spec.channels), resizer, channels)
    fit.check(images.shapes, images.names, f"--input {input}")
    folder = images.path if isinstance(images, ImageFolder) else images.path.parent
    if output.resolve() == folder.resolve():
        raise UsageError(
            f"--output {output} is where the input lies; give another folder, so that nothing is overwritten"
        )

    target = OutputFolder(
        output,
        {
            "input": str(input),
            "input_fingerprint": _fingerprint(images),
            "refined_by": dict(source_of),
            "fitted": fit.note(images.shapes),
            "batch_size": batch_size,
        },
    )
    count = len(images.names)
    if target.claim(_size_needed(images, fit)) == "complete":
        return Refined(output, count, 0, fit.note(images.shapes))
    method.to(device).eval()
    refiner = _Refiner(method, spec, fit, device, batch_size, progress or (lambda done, total: None))
    if isinstance(images, ImageArchive):
        written, digests = refiner.archive(images, target)
    else:
        written, digests = refiner.folder(images, target)
    target.finish({"images": count, "labels": LABELS_NOTE, "sha256": digests})
    return Refined(output, count, written, fit.note(images.shapes))


@dataclass(frozen=True)
class _Refiner:
    method: Refines
    spec: DataSpec
    fit: Fit
    device: torch.device
    batch_size: int
    progress: Progress

    def folder(self, images: Images, target: OutputFolder) -> tuple[int, dict[str, str]]:
        """Refine batch by batch. A batch of which anything is missing is done again as a whole, so that an
        interruption changes no bit."""
        written, digests = 0, {}
        for start in range(0, len(images.names), self.batch_size):
            names = images.names[start : start + self.batch_size]
            files = [images.path / name for name in names]
            contents = list(in_parallel(_content, files))
            digests.update({name: _sha256(content) for name, content in zip(names, contents, strict=True)})
            if not all((target.path / name).exists() for name in names):
                pixels = np.stack(list(in_parallel(self._fitted, list(zip(files, contents, strict=True)))))
                self._write(target, names, refine_batch(self.method, pixels, start, self.device).transpose(0, 2, 3, 1))
                written += len(names)
            self.progress(start + len(names), len(images.names))
        _copy_labels(images, target)
        return written, digests

    def archive(self, images: ImageArchive, target: OutputFolder) -> tuple[int, dict[str, str]]:
        """Refine the array `image`; every other array stays."""
        arrays = {key: images.array(key) for key in images.headers if key != "image"}
        pixels: np.ndarray = images.read(range(len(images.names)), self.fit)
        for start in range(0, len(pixels), self.batch_size):
            rows = slice(start, start + self.batch_size)
            pixels[rows] = refine_batch(self.method, pixels[rows], start, self.device)
            self.progress(min(start + self.batch_size, len(pixels)), len(pixels))
        flat = len(images.headers["image"][0]) == 3 and self.spec.channels == 1
        arrays["image"] = pixels[:, 0] if flat else pixels.transpose(0, 2, 3, 1)
        with target.replacing(images.path.name) as aside:
            write_npz(aside, arrays)
        return len(pixels), {images.path.name: _file_sha256(images.path)}

    def _fitted(self, file_and_content: tuple[Path, bytes]) -> np.ndarray:
        return self.fit(read_image(*file_and_content)).transpose(2, 0, 1)

    def _write(self, target: OutputFolder, names: list[str], refined: np.ndarray) -> None:
        def write(name_and_image: tuple[str, np.ndarray]) -> None:
            name, image = name_and_image
            target.write(name, encode_image(image, name))

        list(in_parallel(write, list(zip(names, refined, strict=True))))


def refine_batch(method: Refines, pixels: np.ndarray, start: int, device: torch.device) -> np.ndarray:
    """One batch, uint8 [N, C, H, W], as the method refines it. Its noise depends on its place `start` alone."""
    return to_uint8(refine_tensor(method, to_unit_range(torch.tensor(pixels, device=device)), start)).cpu().numpy()


@torch.no_grad()
def refine_tensor(method: Refines, source: torch.Tensor, start: int) -> torch.Tensor:
    """The same of float images [N, C, H, W] in [-1, 1] on the method's device; the result is as `refine` made it.

    Raises PluginError where the shape changes, DivergenceError where the result is not finite.
    """
    reseed(source.device, "refine", start)
    refined = method.refine(source)
    if refined.shape != source.shape:
        raise PluginError(f"refine made {list(refined.shape)} of images {list(source.shape)}; the shape must stay")
    if not torch.isfinite(refined).all():
        raise DivergenceError(
            f"refined images are not finite from image {start + 1} on; refine with another checkpoint"
        )
    return refined


def _opened(input: Path) -> Images:
    location = Location.parse(input)
    if location.rows is not None:
        raise UsageError(f"--input {input}: refine takes a whole folder or npz, without a choice of rows")
    images = open_images(input, "--input")
    if any("/" in name for name in images.names):
        raise UsageError(f"--input {input}: refine writes one folder of images; refine each of the inner folders")
    if any(Path(name).stem == Path(MANIFEST).stem for name in images.names):
        raise UsageError(f"--input {input}: rename the image called manifest; its labels would collide with {MANIFEST}")
    return images


def _copy_labels(images: Images, target: OutputFolder) -> None:
    for file in label_files(images.path, images.names):
        target.write(file.name, _content(file))


def _size_needed(images: Images, fit: Fit) -> int:
    """Bytes that the output takes at most, roughly: pixels without compression, and the labels."""
    pixels = len(images.names) * int(np.prod(fit.shape))
    if isinstance(images, ImageArchive):
        return pixels + images.path.stat().st_size
    return pixels + 2 * _OVERHEAD * len(images.names)


def _fingerprint(images: Images) -> str:
    """Tells this input from another: of an npz its hash, of a folder that of names, sizes and times of change."""
    if isinstance(images, ImageArchive):
        return _file_sha256(images.path)
    states = [(name, (images.path / name).stat()) for name in images.names]
    return _sha256(repr([(name, state.st_size, state.st_mtime_ns) for name, state in states]).encode())


def _content(file: Path) -> bytes:
    with reading(file, "file"):
        return file.read_bytes()


def _file_sha256(file: Path) -> str:
    with reading(file, "file"), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
