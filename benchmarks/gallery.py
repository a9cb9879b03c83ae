"""Sample sheets and loss curves of the methods, for the documentation: from short runs, or from a bench that has run.

    python benchmarks/gallery.py [--only NAME,NAME] [--seconds 60] [--out FOLDER]
    python benchmarks/gallery.py --bench FOLDER [--seed 0]       # of its rows that are named like a method

Pictures go to docs/images/methods/NAME.png (not for predictors) and NAME-losses.png, settings and seconds to
benchmarks/results/gallery.json; then run `python docs/generate_pages.py`. By default a method trains for a minute, all
of them for half an hour. A run in the same folder resumes. The budget is far below that of any paper, so a sheet shows
what a method makes, not its best.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.applying.choice import capabilities_of
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.configuration.toml import write_toml
from ganzoo.discovery.registry import registry
from ganzoo.runs.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "images" / "methods"
RESULT = ROOT / "benchmarks" / "results" / "gallery.json"
LARGEST = 60_000  # bytes of a picture
ON_POINTS = ("gan", "gmmn", "unrolled-gan", "wgan", "wgan-gp")  # their defaults are for points; all others see eyes
SIZES = {"source_size": 2000, "source_test_size": 64, "target_size": 2000, "target_test_size": 64}
DATASETS: dict[str, dict[str, Any]] = {"eyes": {"settings": SIZES}, "ring": {}}


def methods_of_ganzoo() -> list[str]:
    found = registry().found["methods"]
    return sorted(name for name, cls in found.items() if cls.__module__.startswith("ganzoo_"))


def makers() -> list[str]:
    """Those that make samples; predictors have no sheet."""
    found = registry().found["methods"]
    return [
        name
        for name in methods_of_ganzoo()
        if any(each.makes == "samples" for each in capabilities_of(found[name]).values())
    ]


def suite(dataset: str, methods: list[str], seconds: float) -> dict[str, Any]:
    return {
        "summary": "Short runs for the sample sheets of the documentation.",
        "seconds": seconds,
        "seeds": 1,
        "evaluate": {"metrics": ["none"]},
        "datasets": {dataset: DATASETS[dataset]},
        "methods": {name: {} for name in methods},
    }


def small(file: Path) -> bytes:
    """The sheet as a PNG of at most LARGEST bytes: with fewer colours, then of fewer columns."""
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    width = image.width
    while True:
        for colours in (256, 64, 32, 16):
            data = io.BytesIO()
            image.crop((0, 0, width, image.height)).quantize(colours).save(data, "PNG", optimize=True)
            if data.tell() <= LARGEST:
                return data.getvalue()
        width = width * 3 // 4


def entry(record: FinishedRecord) -> dict[str, Any]:
    return {
        "dataset": record.dataset,
        "preset": record.preset,
        "seed": record.seed,
        "steps": record.step,
        "images_drawn": record.images_drawn,
        "training_seconds": round(record.training_seconds, 1),
        "settings": {table: record.settings.get(table, {}) for table in ("method", "train")},
        "environment": record.environment,
        "code": record.code,
    }


def trained(methods: list[str], seconds: float, folder: Path) -> Iterator[Path]:
    """Train the methods, each on its dataset. Yields the folders of the benches."""
    folder.mkdir(parents=True, exist_ok=True)
    for dataset in DATASETS:
        suited = [name for name in methods if (name in ON_POINTS) == (dataset == "ring")]
        file, out = folder / f"gallery-{dataset}.toml", folder / dataset
        if suited:
            file.write_text(write_toml(suite(dataset, suited, seconds)), encoding="utf-8")
            subprocess.run([sys.executable, "-m", "ganzoo", "bench", str(file), "--out", str(out)], check=False)
            yield out


def pictures_of(bench: Path, methods: list[str], seed: int) -> dict[str, Any]:
    """Write the pictures of the rows that are named like a method, and return what was run."""
    shown = {}
    for record in BenchFolder(bench).all_results().finished.values():
        if record.label not in methods or record.seed != seed:
            continue
        run = RunFolder(bench / "cells" / record.cell / "run")
        for file, name in (
            (run.path / "samples" / "last.png", record.label),
            (run.curves_file, f"{record.label}-losses"),
        ):
            if file.exists():
                (PICTURES / f"{name}.png").write_bytes(small(file))
                shown[record.label] = entry(record)
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    known = methods_of_ganzoo() if given.bench else makers()
    wanted = [name for name in given.only.split(",") if name] or known
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"--only {','.join(unknown)}: makes no samples or is not a method; there are: {', '.join(known)}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.out or Path(temporary)
        benches = [given.bench] if given.bench else [*trained(wanted, given.seconds, folder)]
        made = {name: run for bench in benches for name, run in pictures_of(bench, wanted, given.seed).items()}
    before = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(dict(sorted((before | made).items())), indent=1) + "\n", encoding="utf-8")
    missing = [] if given.bench and not given.only else [name for name in wanted if name not in made]
    if missing:
        print(f"no pictures of {', '.join(missing)}: see the messages above", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
