"""Networks that metrics and extractors train for themselves: once, cached, and resumed after an interruption."""

from __future__ import annotations

import hashlib
import inspect
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ganzoo import __version__
from ganzoo.cache import cache_folder, single_flight
from ganzoo.dataset import Domain
from ganzoo.errors import CheckpointError, DivergenceError
from ganzoo.method import Method
from ganzoo.system.atomic import replacing
from ganzoo.training import signals
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.devices import resolve_precision
from ganzoo.training.loop import train
from ganzoo.training.observer import ForwardingObserver, TrainingObserver

SAVE_EVERY = 20.0  # seconds between checkpoints; a shorter training is quickly repeated


class _SavedNowAndThen(ForwardingObserver):
    """Forwards all events, and asks for a checkpoint every few seconds: steps take from milliseconds to seconds."""

    def __init__(self, inner: TrainingObserver) -> None:
        super().__init__(inner)
        self.saved_at = time.monotonic()

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        self.inner.stepped(step, phases, batches)
        if time.monotonic() - self.saved_at >= SAVE_EVERY:
            self.saved_at = time.monotonic()
            signals.ask_to_save()


def fitted_network(
    network: Method, source: Domain, config: TrainConfig, device: torch.device, watch: Callable[[], TrainingObserver]
) -> Method:
    """`network` trained on a labelled domain: from the cache if it is there, else trained now and cached.

    An interrupted training resumes from its last checkpoint. If another process trains the same network now, this one
    waits for it. `watch` creates the observer of the training.
    """
    fitted = build_method(type(network), network.config, network.spec, seed=config.seed, device=device)
    file = cache_folder("networks") / f"{_key(fitted, source, config, device)}.safetensors"
    if not _restore(fitted, file):
        with single_flight(file.stem):  # of many cells that start together, one trains it
            if not _restore(fitted, file):
                if not _trained_with_checkpoints(fitted, source, config, file, watch):
                    fitted = build_method(type(network), network.config, network.spec, seed=config.seed, device=device)
                    train(fitted, source, source, config, observer=watch())
                _keep(fitted, file)
                shutil.rmtree(file.with_suffix(""), ignore_errors=True)
    return fitted.eval().requires_grad_(False)


def _trained_with_checkpoints(
    fitted: Method, source: Domain, config: TrainConfig, file: Path, watch: Callable[[], TrainingObserver]
) -> bool:
    """Train in a folder next to the file. False if it cannot be written."""
    folder = file.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    try:
        train(fitted, source, source, config, folder, _SavedNowAndThen(watch()))
    except CheckpointError:  # a cache that cannot be written only costs time
        shutil.rmtree(folder, ignore_errors=True)
        return False
    except DivergenceError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return True


def _key(network: Method, source: Domain, config: TrainConfig, device: torch.device) -> str:
    facts = (
        type(network).__qualname__,
        code_of_class(type(network)),
        network.config.model_dump_json(),
        repr(network.spec),
        source.fingerprint(),
        config.model_dump_json(),
        resolve_precision(config.precision, device),
        torch.get_num_threads(),
        torch.__version__,
        __version__,
    )
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def code_of_class(cls: type) -> list[str]:
    """The source of a class's module and of what that imports from ganzoo: any change in it makes another network."""
    own = sys.modules[cls.__module__]
    used = {own, *filter(None, map(inspect.getmodule, vars(own).values()))}
    return sorted(
        inspect.getsource(module) for module in used if module is own or module.__name__.startswith("ganzoo.")
    )


def _restore(network: Method, file: Path) -> bool:
    try:
        network.load_state_dict(load_file(file))
    except (OSError, SafetensorError, RuntimeError):  # absent, damaged or of another shape: fit it again
        return False
    return True


def _keep(network: Method, file: Path) -> None:
    """Cache a network. A failure to write is ignored: the network is only fitted again later."""
    with suppress(OSError, SafetensorError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, shared=True) as aside:
            save_file({name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}, aside)
