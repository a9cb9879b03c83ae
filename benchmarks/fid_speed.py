"""How fast ganzoo's FID is, against pytorch-fid and torch-fidelity on the same images, weights and machine.

    python benchmarks/fid_speed.py [--images 500] [--trace-rows 500 --trace-rows 2048] [--repeats 3] [--minutes 20]

Random weights in the file format of pytorch-fid stand for the published ones, which are not needed to compare speed and
arithmetic. torch-fidelity takes part where it is installed (`pip install torch-fidelity`). Measured in turns:

    cold     two folders of PNG files to one FID
    cached   the same, the features of the reference being known from before
    trace    features of both sets to one FID: the square root of matrices alone

Writes benchmarks/results/fid_speed-DEVICE.json. With 500 images: about 10 minutes on two idle cores.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import torch
from ganzoo_fid import weights
from ganzoo_fid.frechet import frechet_distance
from ganzoo_fid.inception import Inception
from machine import describe, seconds_of, spread
from PIL import Image

from ganzoo.batch import DataSpec, image_spec
from ganzoo.dataset import Domain
from ganzoo.evaluation.evaluate import SharedExtraction
from ganzoo.files.collection import open_images, read_images
from ganzoo.files.fit import Fit
from ganzoo.files.location import Location
from ganzoo.metric import DomainName
from ganzoo.task import GazeTask
from ganzoo.training.devices import resolve_device

HERE = Path(__file__).parent
SIZE = (64, 64)
TARGETS = {"cold": 1.4, "cached": 2.8, "trace": 5.0}  # times faster than pytorch-fid on a CPU
GPU_TARGETS = {"cold": 5.0}


class SpeedEvaluation(SharedExtraction):
    """An evaluation without a method: it turns images into features."""

    def domain(self, name: DomainName) -> Domain:
        raise NotImplementedError


def random_weights(file: Path) -> Path:
    """Weights of the right shapes, drawn so that features vary."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    state = inception_v3(num_classes=1008, aux_logits=False, init_weights=False).state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 4:
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5)
        elif name.endswith(("running_mean", "bn.bias")):
            tensor.normal_(std=0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    torch.save(state, file)
    return file


def write_images(folder: Path, count: int, seed: int, contrast: float) -> Path:
    """Smooth colour images as PNG files."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for number in range(count):
        coarse = (127.5 + contrast * random.uniform(-127, 127, (9, 9, 3))).astype(np.uint8)
        Image.fromarray(coarse).resize(SIZE[::-1], Image.Resampling.BICUBIC).save(folder / f"{number:06d}.png")
    return folder


@contextlib.contextmanager
def given(file: Path) -> Iterator[None]:
    """Both libraries take these weights for the published ones."""
    from pytorch_fid import inception as theirs

    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with (
        mock.patch.dict(os.environ, {weights.VARIABLE: str(file), "GANZOO_CACHE": str(file.parent / "cache")}),
        mock.patch.object(weights, "HASH", digest[:8]),
        mock.patch.object(theirs, "load_state_dict_from_url", return_value=torch.load(file, weights_only=True)),
    ):
        yield


class Ours:
    """What `ganzoo evaluate --real A --fake B --metrics fid` does for the extractor `inception`."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def distance(self, real: Path, made: Path) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
        spec = image_spec(3, *SIZE, GazeTask())
        data = SpeedEvaluation(spec, self.device, seed=0, samples=10**9, extractors={"inception": Inception})
        features = [data.features("inception", _read(folder, spec), keep=folder is real) for folder in (made, real)]
        return frechet_distance(*features).value, (features[0], features[1])


def _read(folder: Path, spec: DataSpec) -> Domain:
    return read_images(folder.name, open_images(folder, "images"), Location(folder), Fit((spec.height, spec.width, 3)))


class PytorchFID:
    """Its own functions, with the one repair without which it fails on current SciPy."""

    def __init__(self, device: torch.device, workers: int) -> None:
        self.device, self.workers = device, workers

    def features(self, folder: Path) -> np.ndarray:
        from pytorch_fid import inception as theirs
        from pytorch_fid.fid_score import get_activations

        network = theirs.InceptionV3([theirs.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).to(self.device)
        files = sorted(folder.glob("*.png"))
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            found: np.ndarray = get_activations(files, network, 50, 2048, self.device, self.workers)
        return found

    def distance_of(self, made: np.ndarray, real: np.ndarray) -> float:
        import scipy.linalg
        from pytorch_fid import fid_score

        root = scipy.linalg.sqrtm

        def sqrtm(matrix: np.ndarray, disp: bool = True) -> Any:  # SciPy dropped `disp`
            return root(matrix) if disp else (root(matrix), 0.0)

        statistics = [part for x in (made, real) for part in (x.mean(0), np.cov(x, rowvar=False))]
        with mock.patch.object(fid_score.linalg, "sqrtm", sqrtm), contextlib.redirect_stdout(io.StringIO()):
            return float(fid_score.calculate_frechet_distance(*statistics))

    def distance(self, real: Path, made: Path) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
        features = self.features(made), self.features(real)
        return self.distance_of(*features), features


def torch_fidelity(device: torch.device, weights_file: Path) -> Callable[[Path, Path], float] | None:
    """Its FID of two folders, where it is installed. Its network is TensorFlow's resizer and pytorch-fid's shapes."""
    try:
        import torch_fidelity
    except ImportError:
        return None

    def distance(real: Path, made: Path) -> float:
        found = torch_fidelity.calculate_metrics(
            input1=str(made), input2=str(real), fid=True, cuda=device.type == "cuda", batch_size=50, verbose=False,
            cache=False, save_cpu_ram=True, feature_extractor_weights_path=str(weights_file),
        )  # fmt: skip
        return float(found["frechet_inception_distance"])

    return distance


@click.command(help=__doc__)
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option("--images", default=500, type=click.IntRange(2), help="Images in each folder.")
@click.option("--trace-rows", "rows", multiple=True, default=(500, 2_048, 4_096), help="Rows of features.")
@click.option("--trace-size", default=2_048, help="Features for the trace.")
@click.option("--repeats", default=3, type=click.IntRange(2), help="Turns of each side, if the minutes allow.")
@click.option("--minutes", default=20.0, help="No turn begins after them; at least two of each are made.")
@click.option("--workers", default=1, help="Processes of pytorch-fid's DataLoader; its own default is 1.")
@click.option("--out", type=click.Path(path_type=Path), default=None)
def main(
    device: str,
    images: int,
    rows: Sequence[int],
    trace_size: int,
    repeats: int,
    minutes: float,
    workers: int,
    out: Path | None,
) -> None:
    where, end = resolve_device(device), time.monotonic() + 60 * minutes
    document: dict[str, Any] = {
        "machine": describe(where), "images": images, "image": [3, *SIZE], "workers": workers,
        "targets": GPU_TARGETS if where.type == "cuda" else TARGETS,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        real = write_images(folder / "real", images, 0, 1.0)
        made = write_images(folder / "made", images, 1, 0.8)
        file = random_weights(folder / "random.pth")
        with given(file):
            ours, theirs = Ours(where), PytorchFID(where, workers)
            document["folders"] = _folders(ours, theirs, real, made, folder / "cache", where, repeats, end)
            document["parts"] = _parts(real, where)
            document["torch_fidelity"] = _fidelity(torch_fidelity(where, file), real, made, where)
    document["trace"] = [_trace(theirs, count, trace_size, repeats, end) for count in rows]
    name = out or HERE / "results" / f"fid_speed-{where.type}.json"
    name.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    click.echo(f"wrote {name}")


def _folders(
    ours: Ours, theirs: PytorchFID, real: Path, made: Path, cache: Path, device: torch.device, repeats: int, end: float
) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"cold": [], "cached": [], "pytorch-fid": []}
    values: dict[str, Any] = {}

    def run(name: str, work: Callable[[], Any]) -> None:
        def keep() -> None:
            values[name] = work()

        seconds[name].append(seconds_of(keep, device))

    for turn in range(repeats):
        if turn >= 2 and time.monotonic() > end:
            break
        shutil.rmtree(cache, ignore_errors=True)
        run("cold", lambda: ours.distance(real, made))
        run("cached", lambda: ours.distance(real, made))
        run("pytorch-fid", lambda: theirs.distance(real, made))
    mine, other = values["cold"], values["pytorch-fid"]
    errors = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(mine[1], other[1], strict=True)]
    return {
        "seconds": {name: spread(times) for name, times in seconds.items()},
        "turns": len(seconds["cold"]),
        "times_faster": {
            name: spread([b / a for a, b in zip(seconds[name], seconds["pytorch-fid"], strict=True)])
            for name in ("cold", "cached")
        },
        "value": mine[0],
        "value_pytorch_fid": other[0],
        **_difference(mine[0], other[0]),
        "value_of_their_features": frechet_distance(*other[1]).value,
        "relative_feature_error": float(max(errors)),
        "cached_is_equal": mine[0] == values["cached"][0],
    }


def _difference(ours: float, theirs: float) -> dict[str, float]:
    return {"absolute_difference": abs(ours - theirs), "relative_difference": abs(ours - theirs) / abs(theirs)}


def _parts(folder: Path, device: torch.device) -> dict[str, float]:
    """Where the time of an image goes, in milliseconds: what runs beside what could save no more than this."""
    spec = image_spec(3, *SIZE, GazeTask())
    domain = _read(folder, spec)
    count = min(len(domain), 64)
    images = torch.from_numpy(np.array(domain.images[:count])).to(device)
    network = Inception(SpeedEvaluation(spec, device, seed=0, samples=1, extractors={}))

    def resize() -> None:
        scaled = images.float() / 255
        torch.nn.functional.interpolate(scaled, size=(299, 299), mode="bilinear", align_corners=False)

    with torch.no_grad():
        works = {
            "decode": (lambda: _read(folder, spec), len(domain)),
            "resize": (resize, count),
            "network_with_resize": (lambda: network.features(images), count),
        }
        return {name: 1e3 * min(seconds_of(work, device) for _ in range(2)) / n for name, (work, n) in works.items()}


def _fidelity(
    distance: Callable[[Path, Path], float] | None, real: Path, made: Path, device: torch.device
) -> dict[str, Any]:
    if distance is None:
        return {"reason": "torch-fidelity is not installed"}
    values: list[float] = []
    try:
        seconds = [seconds_of(lambda: values.append(distance(real, made)), device) for _ in range(2)]
    except Exception as error:  # a stranger's library: say what it said, and go on
        said = (str(error) or type(error).__name__).splitlines()[0]
        return {"reason": f"torch-fidelity failed: {said}"}
    return {"seconds": spread(seconds), "value": values[-1], "note": "resizes as TensorFlow 1 does"}


def _trace(theirs: PytorchFID, count: int, size: int, repeats: int, end: float) -> dict[str, Any]:
    """Both formulas on the same features: rectified, their variances falling as those of networks do."""
    random = np.random.default_rng(0)
    scale = (1 + np.arange(size)) ** -0.7

    def features(shift: float) -> np.ndarray:
        mixed = random.normal(size=(count, size)) * scale @ np.linalg.qr(random.normal(size=(size, size)))[0]
        return np.maximum(mixed + shift * scale.mean(), 0)

    made, real = features(0.1), features(0.0)
    seconds: dict[str, list[float]] = {"ours": [], "pytorch-fid": []}
    values: dict[str, float] = {}
    sides: Mapping[str, Callable[[], float]] = {
        "ours": lambda: frechet_distance(made, real).value,
        "pytorch-fid": lambda: theirs.distance_of(made, real),
    }
    for turn in range(repeats):
        if turn >= 2 and time.monotonic() > end:
            break
        for name, work in sides.items():
            start = time.perf_counter()
            values[name] = work()
            seconds[name].append(time.perf_counter() - start)
    return {
        "rows": count,
        "features": size,
        "turns": len(seconds["ours"]),
        "seconds": {name: spread(times) for name, times in seconds.items()},
        "times_faster": spread([b / a for a, b in zip(seconds["ours"], seconds["pytorch-fid"], strict=True)]),
        "value": values["ours"],
        **_difference(values["ours"], values["pytorch-fid"]),
    }


if __name__ == "__main__":
    main()
