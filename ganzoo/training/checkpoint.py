"""Whole-run state: one folder per saved step, complete or absent. Random state is derived from the step, never stored.

A folder holds the parameters once; the buffers of every process (a history and BatchNorm statistics are local to it)
and its notes, such as the means since the last line of the log; the optimizers; and a manifest with a checksum of each
file. Loading it cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils._pytree import tree_map

from ganzoo.errors import CheckpointError
from ganzoo.files import strict_json
from ganzoo.method import Method
from ganzoo.system import dist, out_of_memory
from ganzoo.training.checkpoint_validation import restore_optimizer

Restored = TypeVar("Restored")

FORMAT = 1
MOST = 100_000  # processes of a run; a manifest that claims more is damaged
NOTE = re.compile(r"[a-z]+-(?P<rank>[0-9]{1,6})\.json")
LONGEST = 300  # characters of torch's message
KEEP = 2  # newest checkpoints that are kept: the older one in case the newer is damaged


def folder(run_dir: Path) -> Path:
    return run_dir / "checkpoints"


@dataclass(frozen=True)
class State:
    """A copy of what a checkpoint holds: training may continue while it is written."""

    method: str
    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    optimizers: Mapping[str, Any]
    notes: Mapping[str, Mapping[str, Any]]  # name -> a mapping that JSON can hold


def state_of(
    method: Method,
    optimizers: Mapping[str, torch.optim.Optimizer],
    notes: Mapping[str, Mapping[str, Any]] | None = None,
) -> State:
    """The current state, on the host."""
    parameters, buffers = _tensors(method)
    shared = optimizers if dist.rank() == 0 else {}
    states = {name: _copied(optimizer.state_dict()) for name, optimizer in shared.items()}
    return State(method.name, parameters, buffers, states, notes or {})


def save(
    run_dir: Path,
    step: int,
    method: Method,
    optimizers: Mapping[str, torch.optim.Optimizer],
    notes: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    keep: Collection[int] = (),
) -> None:
    """`write` the current state."""
    write(run_dir, step, state_of(method, optimizers, notes), keep)


def write(run_dir: Path, step: int, state: State, keep: Collection[int] = ()) -> None:
    """Write to a temporary folder, sync, rename. Rank 0 writes shared files; each process its own buffers and notes.

    The newest KEEP checkpoints are kept, and those of the steps in `keep`. Raises CheckpointError if writing fails;
    earlier checkpoints are kept.
    """
    final = folder(run_dir) / f"step-{step:08d}"
    aside = final.with_suffix(".partial")
    try:
        if dist.rank() == 0:
            for left in folder(run_dir).glob("step-????????.partial"):  # of a save that was killed or failed
                shutil.rmtree(left)
            aside.mkdir(parents=True)
        dist.barrier()
        save_file(dict(state.buffers), aside / f"buffers-{dist.rank()}.safetensors")
        for name, content in state.notes.items():
            if content:
                (aside / f"{name}-{dist.rank()}.json").write_text(json.dumps(dict(content)))
        if dist.rank() == 0:
            save_file(dict(state.parameters), aside / "parameters.safetensors")
            torch.save(dict(state.optimizers), aside / "optimizers.pt")
        dist.barrier()
        if dist.rank() == 0:
            _seal(aside, step, state.method)
            if final.exists():  # the step of a damaged checkpoint, reached again
                shutil.rmtree(final)
            os.replace(aside, final)
            _sync(final.parent)
            for old in _all(run_dir)[:-KEEP]:
                if _step(old) not in keep:
                    shutil.rmtree(old)
    except (OSError, SafetensorError, RuntimeError) as error:  # each writer raises its own error for a full disk
        if out_of_memory.is_out_of_memory(error):
            raise
        shutil.rmtree(aside, ignore_errors=True)  # free the disk of an unusable checkpoint
        raise CheckpointError(
            f"cannot save {final}: {_words(error)}; earlier checkpoints are kept; run the same command again to resume"
        ) from error
    dist.barrier()


def steps(run_dir: Path) -> list[int]:
    """The steps of all checkpoints, ascending, whether they are complete or not."""
    return [_step(path) for path in _all(run_dir)]


def latest(run_dir: Path) -> Path | None:
    """The newest complete checkpoint. Damaged ones are skipped with a warning; None if nothing is saved."""
    for path in reversed(_all(run_dir)):
        if problem := _problem(path):
            warnings.warn(f"checkpoint {path} is damaged ({problem}) and was skipped", stacklevel=2)
        else:
            return path
    return None


def load(path: Path, method: Method, optimizers: Mapping[str, torch.optim.Optimizer] | None = None) -> int:
    """Restore `method`, and the optimizers if given, in place. Returns the step to resume from."""
    manifest = _manifest(path)
    if manifest["method"] != method.name:
        raise CheckpointError(f"{path} holds the method {manifest['method']!r}, not {method.name!r}")
    if optimizers is not None and manifest["world"] != dist.world():
        raise CheckpointError(
            f"{path} was saved by {manifest['world']} processes but {dist.world()} are running; "
            f"resume with {manifest['world']}"
        )
    own = path / f"buffers-{min(dist.rank(), manifest['world'] - 1)}.safetensors"
    try:
        method.load_state_dict({**load_file(path / "parameters.safetensors"), **load_file(own)})
        if optimizers is not None:
            states = torch.load(path / "optimizers.pt", map_location="cpu", weights_only=True)
            for name, optimizer in optimizers.items():
                restore_optimizer(name, optimizer, states[name])
    except Exception as error:  # other shapes, other names, other groups: it is from another run
        raise CheckpointError(f"{path} does not fit this run: {' '.join(str(error).split())[:LONGEST]}") from error
    return int(manifest["step"])


def load_note(path: Path, name: str, check: Callable[[Any], Restored]) -> Restored:
    """This process's note of that name, as `check` returns it.

    `check` receives the note, or {} if there is none, and raises ValueError for an invalid one.
    """
    file = path / f"{name}-{dist.rank()}.json"
    try:
        return check(strict_json.parse(file.read_bytes()) if file.exists() else {})
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} does not fit this run: {error}") from error


def _all(run_dir: Path) -> list[Path]:
    return sorted(path for path in folder(run_dir).glob("step-????????") if path.name[-8:].isdigit())


def _step(path: Path) -> int:
    return int(path.name[-8:])


def _words(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error).splitlines()[0]


def weights_hash(run_dir: Path) -> str:
    """The SHA-256 of the newest complete checkpoint's parameters; empty if nothing is saved."""
    newest = latest(run_dir)
    return str(_manifest(newest)["sha256"]["parameters.safetensors"]) if newest else ""


def _copied(tree: Any) -> Any:
    return tree_map(lambda leaf: leaf.detach().cpu().clone() if isinstance(leaf, Tensor) else leaf, tree)


def _tensors(method: Method) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The state dict, split into parameters, which all processes share, and buffers, which each process has."""
    names = {name for name, _ in method.named_parameters(remove_duplicate=False)}
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in method.state_dict().items()}
    return {n: t for n, t in state.items() if n in names}, {n: t for n, t in state.items() if n not in names}


def _seal(path: Path, step: int, method: str) -> None:
    files = {}
    for file in sorted(path.iterdir()):
        if file.name == "manifest.json":
            continue
        files[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        _sync(file)
    manifest = {"format": FORMAT, "step": step, "method": method, "world": dist.world(), "sha256": files}
    (path / "manifest.json").write_text(json.dumps(manifest, indent=1))
    _sync(path / "manifest.json")
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = strict_json.parse((path / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: its manifest cannot be read ({error})") from error
    expected = {"format": int, "step": int, "method": str, "world": int, "sha256": dict}
    if not isinstance(manifest, dict) or any(not isinstance(manifest.get(k), t) for k, t in expected.items()):
        raise CheckpointError(f"{path}: its manifest was not written by ganzoo")
    if manifest["format"] != FORMAT:
        raise CheckpointError(f"{path} is in format {manifest['format']}; this version reads format {FORMAT}")
    return manifest


def _are_a_checkpoint(names: Collection[str], world: int) -> bool:
    """Whether these are the files of a checkpoint without its manifest: the required ones, and notes."""
    each = {"parameters.safetensors", "optimizers.pt", *(f"buffers-{rank}.safetensors" for rank in range(world))}
    notes = (NOTE.fullmatch(name) for name in set(names) - each)
    return each <= set(names) and all(note and int(note["rank"]) < world for note in notes)


def _problem(path: Path) -> str | None:
    try:
        manifest = _manifest(path)
        if manifest["step"] != int(path.name.removeprefix("step-")):
            return f"its manifest is of step {manifest['step']}"
        if not 0 < manifest["world"] <= MOST or not _are_a_checkpoint(manifest["sha256"], manifest["world"]):
            return "its manifest does not list the files of a checkpoint"
        for name, expected in manifest["sha256"].items():
            if not (path / name).is_file():
                return f"{name} is missing"
            with (path / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                    return f"{name} has a different checksum"
    except (OSError, ValueError, CheckpointError) as error:
        return str(error)
    return None
