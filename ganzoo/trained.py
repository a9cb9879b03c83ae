"""A finished run in Python: `ganzoo.load(run).refine(images)`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import overload

import numpy as np
import torch
from torch import Tensor

from ganzoo import memory
from ganzoo.batch import DataSpec
from ganzoo.blame import blaming
from ganzoo.devices import random_state_kept
from ganzoo.errors import CheckpointError, NotEnoughMemoryError, UsageError
from ganzoo.experiment import Plan, load_trained, plan_of_run
from ganzoo.loader import reseed, to_uint8, to_unit_range
from ganzoo.loop import resolve_device
from ganzoo.method import Generates, GeneratesFromLatent, Method, Predicts, Refines
from ganzoo.paths import typed
from ganzoo.refining import refine_batch, refine_tensor
from ganzoo.registry import registry
from ganzoo.run_folder import RunFolder

BATCH_SIZE = 256  # the default of `ganzoo refine`, so that both refine noise alike


class Trained:
    """The method of a finished run, ready for use. `ganzoo.load` makes it.

    Images come in two forms, and what comes back has the form, type and device of what was given:

    - numpy: uint8 [N, H, W, C], for grey ones [N, H, W] too;
    - torch: [N, C, H, W], uint8 or float in [-1, 1].

    Height, width and channels are those of the run (`spec`). Noise, where a method has any, depends on the place of an
    image alone; torch's own random state stays as it was.
    """

    def __init__(self, folder: RunFolder, plan: Plan, method: Method, step: int, device: torch.device) -> None:
        self.folder, self.plan, self.method, self.step, self.device = folder, plan, method, step, device

    def __repr__(self) -> str:
        return (
            f"<{self.plan.method.name} trained on {self.plan.dataset.name} to step {self.step:,}, {self.folder.path}>"
        )

    @property
    def spec(self) -> DataSpec:
        """The shape of the images, and what labels mean."""
        return self.method.spec

    @overload
    def refine(self, images: np.ndarray, *, batch_size: int = BATCH_SIZE) -> np.ndarray: ...

    @overload
    def refine(self, images: Tensor, *, batch_size: int = BATCH_SIZE) -> Tensor: ...

    def refine(self, images: np.ndarray | Tensor, *, batch_size: int = BATCH_SIZE) -> np.ndarray | Tensor:
        """Source images with the look of the target; their labels still hold.

        Raises UsageError where the method does not refine, or the images are not of the run's shape.
        """
        method = self.method
        if not isinstance(method, Refines):
            raise UsageError(self._cannot("refine images"))
        batch_size = _whole("refine", "batch_size", batch_size, 1)
        if isinstance(images, Tensor) and images.is_floating_point():
            made = self._by_batch("refine", images, lambda part, at: refine_tensor(method, part, at), batch_size)
            return made.to(images)
        pixels, back = self._pixels(images)
        with self._working("refine"):
            refined = [
                refine_batch(method, pixels[at : at + batch_size], at, self.device)
                for at in range(0, len(pixels), batch_size)
            ]
        return back(np.concatenate(refined) if refined else pixels)

    @overload
    def predict(self, images: np.ndarray, *, batch_size: int = BATCH_SIZE) -> np.ndarray: ...

    @overload
    def predict(self, images: Tensor, *, batch_size: int = BATCH_SIZE) -> Tensor: ...

    def predict(self, images: np.ndarray | Tensor, *, batch_size: int = BATCH_SIZE) -> np.ndarray | Tensor:
        """The label of each target image, float32 [N, label_size]: pitch and yaw in radians, or the class.

        Raises UsageError where the method does not predict, or the images are not of the run's shape.
        """
        method = self.method
        if not isinstance(method, Predicts):
            raise UsageError(self._cannot("predict labels"))
        batch_size = _whole("predict", "batch_size", batch_size, 1)
        if isinstance(images, Tensor) and images.is_floating_point():
            unit = images
        else:
            unit = to_unit_range(torch.tensor(self._pixels(images)[0]))
        found = self._by_batch("predict", unit, lambda part, at: method.predict(part), batch_size)
        return found.to(images.device) if isinstance(images, Tensor) else found.numpy()

    def generate(self, count: int, *, seed: int = 0, batch_size: int = BATCH_SIZE) -> np.ndarray:
        """`count` images of the target, uint8 [count, H, W, C] (grey: [count, H, W]): the same for the same seed.

        Image k depends on the seed and k alone. A method that keeps its noise apart (`GeneratesFromLatent`) makes
        `batch_size` images at once; another one makes one after the other. Raises UsageError where the method does
        not generate.
        """
        method = self.method
        if not isinstance(method, Generates):
            raise UsageError(self._cannot("generate images"))
        count, batch_size = _whole("generate", "count", count, 1), _whole("generate", "batch_size", batch_size, 1)
        seed = _whole("generate", "seed", seed, 0)
        with self._working("generate"), torch.no_grad():
            apart = isinstance(method, GeneratesFromLatent)
            made = self._from_latents(count, seed, batch_size) if apart else self._one_by_one(count, seed)
            images = np.concatenate([to_uint8(part).cpu().numpy() for part in made])
        return images[:, 0] if self.spec.channels == 1 else images.transpose(0, 2, 3, 1)

    def _from_latents(self, count: int, seed: int, batch_size: int) -> Iterator[Tensor]:
        """Latents are drawn in blocks of one size, whatever `count` and `batch_size` are."""
        assert isinstance(self.method, GeneratesFromLatent)
        for block in range(0, count, BATCH_SIZE):
            reseed(self.device, "generate", seed, block)
            latents = self.method.draw_latent(BATCH_SIZE)[: count - block]
            for at in range(0, len(latents), batch_size):
                yield self.method.generate_from(latents[at : at + batch_size])

    def _one_by_one(self, count: int, seed: int) -> Iterator[Tensor]:
        assert isinstance(self.method, Generates)
        for at in range(count):
            reseed(self.device, "generate", seed, at)
            yield self.method.generate(1)

    def _by_batch(self, what: str, images: Tensor, run: Callable[[Tensor, int], Tensor], batch_size: int) -> Tensor:
        """Float images through `run`, as float32, batch by batch; the result is on the host."""
        _check_plain(images)
        self._check_shape(tuple(images.shape[1:]) if images.dim() == 4 else (), images.shape, "[N, C, H, W]")
        starts = range(0, max(len(images), 1), batch_size)  # one empty batch where there are none
        made = []
        with self._working(what), torch.no_grad():
            for at in starts:
                part = images[at : at + batch_size].to(self.device, torch.float32)
                if part.numel() and not float(part.abs().max()) <= 1 + 1e-3:  # NaN, too
                    raise UsageError(
                        "images given as floats must lie in [-1, 1]: x / 127.5 - 1 of pixels from 0 to 255"
                    )
                made.append(run(part, at).cpu())
            return torch.cat(made)

    def _pixels(self, images: np.ndarray | Tensor) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray | Tensor]]:
        """The images as uint8 [N, C, H, W], and the way back to the form that they came in."""
        if isinstance(images, Tensor):
            if images.dtype != torch.uint8:
                raise UsageError(f"images must be a tensor of uint8, or of floats in [-1, 1], not {images.dtype}")
            shape = tuple(images.shape[1:]) if images.dim() == 4 else ()
            _check_plain(images)
            self._check_shape(shape, images.shape, "[N, C, H, W]")
            device = images.device
            return images.detach().cpu().numpy(), lambda made: torch.from_numpy(made).to(device)
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
            kind = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
            raise UsageError(f"images must be a numpy array of uint8 [N, H, W, C] or a torch tensor, not {kind}")
        images = np.array(images, order="C", subok=False)  # torch takes no negative strides
        if images.ndim == 3 and self.spec.channels == 1:
            self._check_shape((1, *images.shape[1:]), images.shape, "[N, H, W]")
            return images[:, None], lambda made: made[:, 0]
        shape = (images.shape[3], *images.shape[1:3]) if images.ndim == 4 else ()
        self._check_shape(shape, images.shape, "[N, H, W, C]")
        return images.transpose(0, 3, 1, 2), lambda made: made.transpose(0, 2, 3, 1)

    def _check_shape(self, shape: tuple[int, ...], given: Iterable[int], form: str) -> None:
        if shape != self.spec.image_shape:
            wanted = f"{self.spec.height} x {self.spec.width} pixels and {self.spec.channels} channels"
            raise UsageError(
                f"images {form} of {wanted} are what {self.folder.path} was trained on, and these are {list(given)}; "
                "`ganzoo refine --resizer` and `ganzoo data prepare` bring images to a size"
            )

    @contextmanager
    def _working(self, what: str) -> Iterator[None]:
        """In the body the method works: random state stays as it was, and whatever goes wrong is a GanzooError."""
        try:
            with random_state_kept(self.device), blaming(f"method {self.plan.method.name}, {what}"):
                yield
        except Exception as error:
            if not memory.refused(error):
                raise
            raise NotEnoughMemoryError(
                f"{what} ran out of memory; a smaller batch_size or fewer images may fit"
            ) from error

    def _cannot(self, what: str) -> str:
        able = {"refine": Refines, "predict": Predicts, "generate": Generates}
        has = [name for name, capability in able.items() if isinstance(self.method, capability)]
        return (
            f"method {self.plan.method.name} does not {what}; it has {' and '.join(has) or 'none of ' + str([*able])}"
        )


def _whole(call: str, name: str, value: object, least: int) -> int:
    """A whole number of Python or numpy. Raises UsageError for anything else, and below `least`."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least:
        raise UsageError(f"{call}: {name} is {value!r:.50}; it must be a whole number, {least} or more")
    return number


def _check_plain(images: Tensor) -> None:
    """Raise UsageError for a tensor without numbers in memory: sparse, quantized, nested or meta."""
    if images.layout != torch.strided or images.is_quantized or images.is_meta or images.is_nested:
        raise UsageError("images must be an ordinary tensor: dense, not quantized and with values")


def load(run: str | PathLike[str], *, device: str = "auto", plugins: Iterable[str | PathLike[str]] = ()) -> Trained:
    """See `ganzoo.load`."""
    files = [plugins] if isinstance(plugins, str | PathLike) else plugins
    try:
        paths = [typed(file) for file in files]
        folder = RunFolder(typed(run))
    except TypeError as error:
        raise UsageError(f"load: run is the path of a run folder, and plugins are paths of files ({error})") from None
    for path in paths:
        registry().add_file(path)
    plan = plan_of_run(folder)
    place = resolve_device(str(device))
    method, step = load_trained(folder, plan, place)
    if step < plan.train.steps:
        raise CheckpointError(
            f"{folder.path} is at step {step} of {plan.train.steps}; the `ganzoo run` that began it goes on with it"
        )
    return Trained(folder, plan, method.requires_grad_(False), step, place)
