"""Checkpoints: damaged, of other methods and shapes, and made to look whole by somebody who means harm."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from safetensors.torch import save
from torch.optim import Adam
from toy_plugin import Shift, ShiftConfig

from fuzzing.mutation import VALUES, damaged, edited
from fuzzing.target import CANARY, Target
from ganzoo.batch import Batch, image_spec
from ganzoo.task import GazeTask
from ganzoo.training import checkpoint
from ganzoo.training.checkpoint_validation import meter_state, warnings_state
from ganzoo.training.meter import Meter
from ganzoo.training.persistent_warnings import PersistentWarnings
from ganzoo.training.phases import phase_runners

SPEC = image_spec(1, 24, 40, GazeTask())
STEP = 7
NOTES = {"meter": {"shift/moments": (0.5, 2)}, "warnings": {"Mode collapse": [10, 2, "Mode collapse: .2"]}}


class Attack:
    """What a pickle does to the one who loads it."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def _whole() -> dict[str, bytes]:
    """The files of a good checkpoint."""
    method, runner = _built()
    runner.update(_batch())
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), STEP, method, {"shift": runner.optimizers[0]}, NOTES)
        (path,) = checkpoint.folder(Path(folder)).iterdir()
        return {file.name: file.read_bytes() for file in path.iterdir()}


def _built() -> tuple[Shift, Any]:
    method = Shift(ShiftConfig(), SPEC)
    return method, phase_runners(method)["shift"]


def _batch() -> Batch:
    image = torch.zeros(2, 1, 24, 40)
    return Batch({"source": image, "source_label": torch.zeros(2, 2), "target": image + 1}, torch.tensor(0.0))


def _sealed(files: Mapping[str, bytes], changed: Mapping[str, bytes], manifest: Mapping[str, Any] | None = None) -> Any:
    """The files with some changed, and a manifest that vouches for them."""
    made = {**files, **changed}
    card = {**json.loads(files["manifest.json"]), **(manifest or {})}
    if manifest is None or "sha256" not in manifest:
        card["sha256"] = {n: hashlib.sha256(c).hexdigest() for n, c in made.items() if n != "manifest.json"}
    return {**made, "manifest.json": json.dumps(card).encode()}


def _read(files: Mapping[str, bytes], folder: Path) -> None:
    place = checkpoint.folder(folder) / f"step-{STEP:08d}"
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    here = Path.cwd()
    os.chdir(folder)  # where a payload would make its file
    try:
        newest = checkpoint.latest(folder)
        if newest is None:
            return
        method, runner = _built()
        shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in method.state_dict().items()}
        assert checkpoint.load(newest, method, {"shift": runner.optimizers[0]}) == STEP
        assert {name: (t.shape, t.dtype) for name, t in method.state_dict().items()} == shapes
        meter = Meter()
        meter.restore(checkpoint.load_note(newest, "meter", meter_state), torch.device("cpu"))
        PersistentWarnings().restore(checkpoint.load_note(newest, "warnings", warnings_state))
        runner.set_progress(0.5)
        meter.add("shift", runner.update(_batch()))  # what was read can be trained on
        meter.drain()
    finally:
        os.chdir(here)


def _other_optimizers() -> list[bytes]:
    """Optimizers of other shapes and kinds, and files with code in them."""
    wide = torch.nn.Conv2d(3, 5, 3)
    wide(torch.ones(1, 3, 4, 4)).sum().backward()
    adam = Adam(wide.parameters())
    adam.step()
    sgd = torch.optim.SGD(Shift(ShiftConfig(), SPEC).parameters(), lr=0.1, momentum=0.9)
    contents: list[Any] = [
        {"shift": adam.state_dict()},
        {"shift": sgd.state_dict()},
        {},
        {"shift": {}},
        [],
        None,
        {"shift": Attack()},
        Attack(),
        {"shift": torch.nn.Linear(1, 1)},
    ]
    made = []
    for content in contents:
        for zipped in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            made.append(buffer.getvalue())
    return [*made, pickle.dumps(Attack()), b"cos\nsystem\n(S'touch " + CANARY.encode() + b"'\ntR."]


def _edited_optimizers(whole: bytes) -> st.SearchStrategy[bytes]:
    def written(state: Any) -> bytes:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return buffer.getvalue()

    state = torch.load(io.BytesIO(whole), weights_only=True)
    tensors = st.sampled_from([torch.zeros(3), torch.zeros(0), torch.zeros(2, 2, dtype=torch.int64), torch.tensor(1.0)])
    return edited([state], st.one_of(VALUES, tensors)).map(written)


def targets() -> list[Target]:
    files = _whole()
    others = [
        save({"scale.weight": torch.zeros(2, 2, 1, 1), "scale.bias": torch.zeros(2)}),
        save({}),
        save({"scale.weight": torch.zeros(1, 1, 1, 1).int(), "scale.bias": torch.zeros(1)}),
    ]
    names = sorted(set(files) - {"manifest.json"})
    seal = partial(_sealed, files)
    any_file = st.sampled_from(names)
    rotten = st.sampled_from(sorted(files)).flatmap(lambda n: damaged([files[n]]).map(lambda c: {**files, n: c}))
    vouched = any_file.flatmap(lambda n: damaged([files[n]]).map(lambda c: seal({n: c})))
    swapped = st.sampled_from([*others, *_other_optimizers()]).flatmap(
        lambda content: any_file.map(lambda name: seal({name: content}))
    )
    manifests = edited([json.loads(files["manifest.json"])]).map(
        lambda card: seal({}, card if isinstance(card, dict) else {})
    )
    raw = edited([json.loads(files["manifest.json"])]).map(
        lambda card: {**files, "manifest.json": json.dumps(card).encode()}
    )
    meters = edited([json.loads(files["meter-0.json"])]).map(
        lambda meter: seal({"meter-0.json": json.dumps(meter).encode()})
    )
    absent = st.sampled_from(sorted(files)).map(lambda name: {n: c for n, c in files.items() if n != name})
    optimizers = _edited_optimizers(files["optimizers.pt"]).map(lambda content: seal({"optimizers.pt": content}))
    return [
        Target("checkpoint, damaged", st.one_of(rotten, absent, raw), _read),
        Target("checkpoint, hostile", st.one_of(vouched, swapped, manifests, meters, optimizers), _read),
    ]
