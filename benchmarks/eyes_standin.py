"""How good a stand-in for real eyes is the target look of the dataset `eyes`? Makes the numbers of docs/eyes.md.

    nice -n 10 python benchmarks/eyes_standin.py            # about 15 minutes on two cores
    nice -n 10 python benchmarks/eyes_standin.py --sheets   # only the contact sheets under docs/images

All at 36x60, the size of the real images (`../shared/data/eyes/mpiigaze_p00.npz`), drawn at that size and not resized.
The real labels are read here alone, after the renderer was fixed; nothing in the renderer was tuned on them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from ganzoo_eyes import Eyes, EyesConfig
from ganzoo_eyes.cache import RENDERER_VERSION
from ganzoo_fid.efficientnet import EfficientNetLite0
from ganzoo_fid.frechet import frechet_distance
from ganzoo_gaze.network import augment
from PIL import Image
from torch import Tensor, nn

from ganzoo.task import GazeTask

REPOSITORY = Path(__file__).resolve().parents[1]
REAL = REPOSITORY.parent / "shared" / "data" / "eyes"
TASK = GazeTask()
PARTS = ("speed", "likeness", "gaze")
LOOKS = ("real", "source", "source, not equalised", "target", "rendered")
Labelled = tuple[np.ndarray, np.ndarray]  # uint8 [N, 1, H, W], float32 [N, 2]


class StandInGazeNetwork(nn.Module):
    """A small gaze network: four convolutions, one hidden layer of 256, batch normalisation, dropout."""

    def __init__(self) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, size: int, stride: int = 1) -> list[nn.Module]:
            return [nn.Conv2d(inputs, outputs, size, stride, size // 2), nn.BatchNorm2d(outputs), nn.ReLU()]

        self.body = nn.Sequential(
            *block(1, 32, 5, 2), *block(32, 48, 3), nn.MaxPool2d(2), *block(48, 64, 3), *block(64, 64, 3),
            nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(256), nn.BatchNorm1d(256), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(256, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


def as_input(images: np.ndarray) -> Tensor:
    return torch.tensor(images).float() / 127.5 - 1


def fit(data: Labelled, steps: int, seed: int) -> StandInGazeNetwork:
    """AdamW, one cycle to 1e-3, batches of 64, and the augmentation of the project's gaze networks."""
    torch.manual_seed(seed)
    network = StandInGazeNetwork()
    network(torch.zeros(2, *data[0].shape[1:]))  # sizes the hidden layer
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    labels = torch.tensor(data[1])
    for _ in range(steps):
        rows = torch.randint(len(labels), (64,))
        loss = TASK.loss(network(augment(as_input(data[0][rows.numpy()]))), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cycle.step()
    return network.eval()


@torch.no_grad()
def predict(network: StandInGazeNetwork, images: np.ndarray) -> Tensor:
    return torch.cat([TASK.decode(network(as_input(part))) for part in np.array_split(images, len(images) // 200 + 1)])


def scores(network: StandInGazeNetwork, data: Labelled) -> dict[str, float]:
    """Mean angular error in degrees, and per axis bias, slope and correlation of the prediction."""
    prediction, label = predict(network, data[0]).numpy(), data[1]
    found = {"error_deg": TASK.error(torch.tensor(prediction), torch.tensor(label)).mean().item()}
    for k, axis in enumerate(("pitch", "yaw")):
        p, q = np.rad2deg(prediction[:, k]), np.rad2deg(label[:, k])
        found[f"{axis}_bias_deg"] = float((p - q).mean())
        found[f"{axis}_slope"] = float(np.polyfit(q, p, 1)[0])
        found[f"{axis}_correlation"] = float(np.corrcoef(p, q)[0, 1])
    return found


def constant_error(data: Labelled, training: np.ndarray) -> float:
    """The error of always answering the mean of the training labels."""
    answer = torch.tensor(training.mean(0, keepdims=True)).expand(len(data[1]), 2)
    return TASK.error(answer, torch.tensor(data[1])).mean().item()


def extractors(rendered: Labelled, steps: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Three views of likeness, none of which has seen `eyes` or a real image."""
    judge, network = fit(rendered, steps, seed=100), EfficientNetLite0(SimpleNamespace(device=torch.device("cpu")))
    pixels = rendered[0].reshape(len(rendered[0]), -1) / 255.0
    axes = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)[2][:64]
    return {
        "efficientnet-lite0 (ImageNet)": lambda images: network.features(torch.tensor(images)).numpy(),
        "gaze network of rendered.npz": lambda images: judge.body(as_input(images)).numpy(),
        "pixels, 64 principal axes of rendered.npz": lambda images: images.reshape(len(images), -1) / 255.0 @ axes.T,
    }


def domains(size: int) -> dict[str, Labelled]:
    """All images and labels, drawn once; the target's test has the default 2,000 images."""
    config = {"height": 36, "width": 60, "source_size": size, "target_size": size}
    eyes = Eyes(EyesConfig(**config))
    plain = Eyes(EyesConfig(**config, equalize_source=False)).source()
    found = {domain.name: domain for domain in (eyes.source(), eyes.target(), eyes.target_test())}
    pairs = {name: (np.asarray(d.images), np.asarray(d.labels)) for name, d in found.items()}
    pairs["source, not equalised"] = (np.asarray(plain.images), np.asarray(plain.labels))
    for name, file in (("real", "mpiigaze_p00.npz"), ("rendered", "rendered.npz")):
        with np.load(REAL / file) as data:
            pairs[name] = (data["image"][:, None], data["gaze_pitchyaw"])
    return pairs


def sheet(images: np.ndarray, path: Path, columns: int = 12, scale: int = 2) -> None:
    """A contact sheet of grey [N, 1, H, W] or colour [N, 3, H, W] pictures."""
    n, channels, height, width = images.shape
    rows = n // columns
    grid = images[: rows * columns].reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    grid = grid.reshape(rows * height, columns * width, channels)
    picture = Image.fromarray(grid[..., 0] if channels == 1 else grid)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST).save(path, optimize=True)


def sheets(count: int = 72) -> None:
    """Contact sheets of the first rows: nothing is chosen."""
    folder = REPOSITORY / "docs" / "images"
    small = {"source_size": count, "target_size": count, "target_test_size": count, "height": 36, "width": 60}
    eyes, wide = Eyes(EyesConfig(**small)), Eyes(EyesConfig(**small, source_gaze="wide"))
    colour = Eyes(EyesConfig(**small, channels=3, equalize_source=False))
    sheet(np.asarray(eyes.source().images), folder / "eyes-source.png")
    sheet(np.asarray(wide.source().images)[:36], folder / "eyes-source-wide.png")
    sheet(np.asarray(colour.source().images)[:24], folder / "eyes-source-colour.png")
    sheet(np.asarray(eyes.target().images), folder / "eyes-target.png")
    sheet(np.asarray(colour.target().images)[:36], folder / "eyes-target-colour.png")


def likeness(data: dict[str, Labelled], steps: int, count: int = 1000) -> dict[str, dict[str, list[float]]]:
    """Frechet distances to the real images over `count` evenly spaced images each: [value, standard error]."""
    found: dict[str, dict[str, list[float]]] = {}
    chosen = {key: data[key][0][np.linspace(0, len(data[key][0]) - 1, count).astype(int)] for key in LOOKS}
    for name, extract in extractors(data["rendered"], steps).items():
        with torch.no_grad():
            features = {key: extract(images).astype(np.float64) for key, images in chosen.items()}
        real = features.pop("real")
        estimates = {key: frechet_distance(real, other) for key, other in features.items()}
        found[name] = {key: [round(e.value, 3), round(e.standard_error, 3)] for key, e in estimates.items()}
        print(name, found[name], flush=True)
    return found


def train_and_test(look: str, seed: int, size: int, steps: int) -> dict[str, object]:
    """One network trained on a look, tested on other people's target images and on the real ones."""
    torch.set_num_threads(1)
    data = domains(size)
    network = fit(data[look], steps, seed)
    tests = {test: scores(network, data[test]) for test in ("target_test", "real")}
    print(look, seed, {test: round(s["error_deg"], 2) for test, s in tests.items()}, flush=True)
    return {"trained_on": look, "seed": seed, **tests}


def transfer(data: dict[str, Labelled], size: int, steps: int, seeds: int, workers: int) -> dict[str, object]:
    """Both looks with every seed, `workers` at a time, and what they say together."""
    runs = [(look, seed, size, steps) for seed in range(seeds) for look in ("source", "target")]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(train_and_test, *zip(*runs, strict=True)))
    constants = {
        f"{test}, mean label of {of}": constant_error(data[test], data[of][1])
        for test in ("target_test", "real")
        for of in ("source", "target", test)
    }
    means = {
        look: {
            test: [f([r[test]["error_deg"] for r in rows if r["trained_on"] == look]) for f in (np.mean, np.std)]  # type: ignore[index, operator]
            for test in ("target_test", "real")
        }
        for look in ("source", "target")
    }
    ratio = means["source"]["target_test"][0] / means["target"]["target_test"][0]
    return {"runs": rows, "error_deg_mean_sd": means, "constant_deg": constants, "ratio_on_target_test": ratio}


def speed(count: int = 2400) -> dict[str, dict[str, float]]:
    """Images a second by the dataset's own path at its default size, by the clock and by processor time on 2 cores."""
    found = {}
    for look in ("source", "target"):
        with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, GANZOO_CACHE=folder):
            eyes = Eyes(EyesConfig(source_size=count, target_size=count))
            start, start_cpu = time.perf_counter(), time.process_time()
            getattr(eyes, look)()
            by_clock, by_cpu = time.perf_counter() - start, time.process_time() - start_cpu
        found[look] = {"by_clock": round(count / by_clock), "two_free_cores": round(2 * count / by_cpu)}
        print(look, found[look], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", action="store_true", help="make the contact sheets and nothing else")
    parser.add_argument("--size", type=int, default=8_000, help="training images of each look")
    parser.add_argument("--steps", type=int, default=1500, help="training steps of each gaze network")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="networks trained at once, one core each")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure; the rest is kept")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "eyes_standin.json")
    options = parser.parse_args()
    sheets()
    if options.sheets:
        return
    settings = {key: getattr(options, key) for key in ("size", "steps", "seeds")}
    head = {"renderer_version": RENDERER_VERSION, "torch": torch.__version__}
    result = {**(json.loads(options.out.read_text()) if options.out.exists() else {}), **head}
    measures: dict[str, Callable[[], object]] = {
        "speed": speed,
        "likeness": lambda: likeness(domains(options.size), options.steps),
        "gaze": lambda: transfer(domains(options.size), options.size, options.steps, options.seeds, options.workers),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for part in options.parts:
        torch.set_num_threads(1)
        result[part] = {"settings": settings, "measured": measures[part]()}
        options.out.write_text(
            json.dumps(result, indent=1) + "\n"
        )  # after each part: an interrupted run keeps the others


if __name__ == "__main__":
    main()
