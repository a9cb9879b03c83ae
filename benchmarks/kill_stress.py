"""Kills ganzoo at random moments, over and over, and compares what comes out in the end with undisturbed work.

    python benchmarks/kill_stress.py                      # 100 kills and more, on one core: 5 to 20 minutes
    python benchmarks/kill_stress.py --only dann,data-prepare --kills 2 --out short.json

Every job (a training and evaluation by each method, a bench, the preparation of a store, a refinement) is done once
undisturbed. Then it is begun anew, killed with SIGKILL, begun by the same command, killed again, and so on, and in
the end left to finish. Lost is whatever then differs: final weights and buffers, log, scores, the lines of a bench,
the bytes of a store or of refined images. To save the seconds that importing torch takes, the commands run in forks of
this process, which has imported it and computed nothing; the cells of a bench are processes of their own, as always.

Where a kill is meant to land (while it starts, in training, in a checkpoint, in evaluation) is drawn from --seed;
where it landed is read from what the job had said and written. Only kills that found the job alive are counted. The
report is written after each job, and running the same command again resumes with those that are not in it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganzoo.cli import main as ganzoo
from ganzoo.discovery.registry import registry
from ganzoo.system.lock import is_locked

ROOT = Path(__file__).parents[1]
OUT = ROOT / "benchmarks" / "results" / "kill_stress.json"
BEGUN = "begun"  # a file whose date says when an attempt began
TOY = ROOT / "tests" / "toy_plugin.py"
POLL = 0.0005  # seconds: a small checkpoint takes a few milliseconds
PATIENCE = 600.0  # seconds that no job may take
STEPS = {"simgan": 120, "cyclegan": 24, "dann": 24, "dcgan": 24, "source-only": 40, "adabn": 40, "oracle": 40}
IMPORTED_ONCE = ("matplotlib.backends.backend_agg", "matplotlib.figure", "scipy.linalg", "ganzoo.cli.run")
SIZES = {  # options that make each method small
    "simgan": "--width 4 --blocks 1 --history 32 --refiner-pretraining 30",
    "cyclegan": "--width 4 --blocks 1 --discriminator-width 8 --history 16",
    "dcgan": "--width 8",
    "dann": "--domain-width 16",
}
SUITE = """
summary = "Two cells that are killed."
images = 160
seeds = 1
train = { batch_size = 4, save_every = 5, log_every = 2, precision = "fp32" }
evaluate = { metrics = ["fid", "label-drift"] }
metric.fid.extractors = ["pixels"]
metric.label-drift = { network = "small", steps = 12, batch_size = 8 }
datasets.toy.settings = { count = 24 }
methods.shift = {}
methods.quicker = { method = "shift", preset = "fast" }
"""


@dataclass
class Trial:
    """A command, and how to tell what it made."""

    name: str
    arguments: Callable[[Path], list[str]]  # for a folder to work in
    made: Callable[[Path], dict[str, Any]]  # what must be equal in the end
    place: Callable[[Path, str], str]  # where it is now, from its folder and what it has said
    aims: tuple[str, ...]  # places to wait for; "" is any moment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=9, help="kills that must land in each job  [default: 9]")
    parser.add_argument("--only", help="names of jobs, with commas  [default: all]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    registry().add_file(TOY)
    facts = {
        "seed": given.seed,
        "precision": "fp32, and bf16 in the jobs that say so",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    with tempfile.TemporaryDirectory() as temporary:
        known = jobs(Path(temporary))
        results = earlier(given.out, facts)
        for name in given.only.split(",") if given.only else known:
            if name not in results:
                random_ = random.Random(f"{given.seed} {name}")
                results[name] = stressed(known[name], Path(temporary) / name, given.kills, random_)
                write(given.out, facts, results)
            print(f"{name}: {results[name]}", flush=True)
    sys.exit(any(each["lost"] for each in results.values()))


def earlier(out: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The jobs that an earlier call finished under the same conditions."""
    if not out.exists():
        return {}
    found = json.loads(out.read_text(encoding="utf-8"))
    if {key: found.get(key) for key in facts} != facts:
        sys.exit(f"{out} was made under other conditions; delete it, or give another --out")
    return dict(found["jobs"])


def write(out: Path, facts: dict[str, Any], results: dict[str, Any]) -> None:
    landed = Counter[str]()
    for each in results.values():
        landed.update(each["landed"])
    totals = {"kills": landed.total(), "lost": sum(len(each["lost"]) for each in results.values())}
    document = {**totals, "kills_by_place": dict(sorted(landed.items())), **facts, "jobs": results}
    aside = out.with_name(out.name + ".partial")
    aside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    aside.replace(out)


def jobs(base: Path) -> dict[str, Trial]:
    """All jobs. What several of them need is made in `base`, when it is needed."""
    methods = [name for name in registry().found["methods"] if name != "shift"]
    made = [training(name, "fp32") for name in methods] + [training("simgan", "bf16")]
    suite = base / "kill.toml"
    suite.write_text(SUITE)
    bench = Trial(
        "bench",
        lambda folder: ["bench", str(suite), "--jobs", "1", "--plugin", str(TOY), "--out", str(folder / "bench")],
        bench_made,
        bench_place,
        ("", "training", "evaluation"),
    )
    prepare = Trial(
        "data-prepare",
        lambda folder: ["data", "prepare", "folder", "--from", str(images(base)), "--to", str(folder / "store"),
                        "--jobs", "1"],
        lambda folder: contents(folder / "store"),
        prepare_place,
        ("", "preparing", "preparing"),
    )  # fmt: skip
    refine = Trial(
        "refine",
        lambda folder: ["refine", str(refiner(base)), "--input", str(images(base)), "--output", str(folder / "refined"),
                        "--batch-size", "16", "--plugin", str(TOY)],
        lambda folder: contents(folder / "refined"),
        lambda folder, said: "refining" if fresh(folder, "refined") else "start",
        ("", "refining", "refining"),
    )  # fmt: skip
    return {job.name: job for job in (*made, bench, prepare, refine)}


def training(method: str, precision: str) -> Trial:
    """`ganzoo run` on the toy dataset, measured with what applies."""
    options = f"--steps {STEPS.get(method, 1)} --save-every 10 --log-every 3 --count 48 --precision {precision} "
    options += "--samples 48 --batch-size 8 --metrics fid,gaze-error,downstream-gaze-error,label-drift "
    options += "--fid-extractors pixels "
    for metric in ("gaze-error", "downstream-gaze-error", "label-drift"):
        options += f"--{metric}-network small --{metric}-steps 12 --{metric}-batch-size 8 "
    fixed = ["run", method, "--dataset", "toy", "--plugin", str(TOY), *options.split(), *SIZES.get(method, "").split()]
    return Trial(
        method if precision == "fp32" else f"{method} {precision}",
        lambda folder: [*fixed, "--out", str(folder / "run")],
        lambda folder: run_made(folder / "run"),
        run_place,
        ("", "training", "checkpoint", "evaluation"),
    )


def run_made(run: Path) -> dict[str, Any]:
    """Final weights and buffers, the log and the scores."""
    newest = max((run / "checkpoints").glob("step-????????"))
    made: dict[str, Any] = {file.name: file.read_bytes() for file in newest.glob("*.safetensors")}
    scores = json.loads((run / "metrics.json").read_text())["scores"]
    return {**made, "step": newest.name, "log": (run / "log.jsonl").read_text(), "scores": scores}


def fresh(folder: Path, *patterns: str) -> list[Path]:
    """The files of a job that this attempt has touched; those of earlier ones tell nothing of where it is."""
    begun = (folder / BEGUN).stat().st_mtime_ns
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    with contextlib.suppress(FileNotFoundError):  # renamed in between
        return [path for path in found if path.stat().st_mtime_ns > begun]
    return []


def run_place(folder: Path, said: str) -> str:
    if fresh(folder, "run/metrics.json"):
        return "end"
    if "measuring " in said:
        return "evaluation"
    if fresh(folder, "run/checkpoints/*.partial"):
        return "checkpoint"
    return "training" if fresh(folder, "run/log.jsonl") else "start"


def bench_made(folder: Path) -> dict[str, Any]:
    """The lines of results.jsonl without what depends on the clock, and each cell's run."""
    bench, made = folder / "bench", {}
    for line in (bench / "results.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "failed" not in record:
            facts = ("cell", "scores", "step", "images_drawn", "settings")
            made[record["cell"]] = {key: record[key] for key in facts}
    for cell in sorted((bench / "cells").iterdir()):
        made[f"run of {cell.name}"] = run_made(cell / "run")
    return made


def bench_place(folder: Path, said: str) -> str:
    """By the last line of the cell that runs."""
    last = [file.read_text(errors="replace").splitlines()[-1:] for file in fresh(folder, "bench/cells/*/output.log")]
    lines = " ".join(line for lines in last for line in lines)
    if any(words in lines for words in ("measuring", "fitting", "refining", "features")):
        return "evaluation"
    return "training" if "training" in lines else "start"


def prepare_place(folder: Path, said: str) -> str:
    if (folder / "store").exists():
        return "tidying up" if (folder / "store" / "identity.json").exists() else "end"
    return "preparing" if fresh(folder, "store.partial/journal.jsonl") else "start"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def images(base: Path) -> Path:
    """1,100 small pictures with labels: three pieces of a store."""
    folder = base / "images"
    if not folder.exists():
        folder.mkdir()
        numbers = np.random.default_rng(0)
        lines = ["file,pitch,yaw"]
        for number in range(1_100):
            Image.fromarray(numbers.integers(0, 256, (24, 40), np.uint8)).save(folder / f"{number}.png")
            lines.append(f"{number}.png,{number / 10_000},{-number / 10_000}")
        (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def refiner(base: Path) -> Path:
    """A finished run that refines."""
    if not (base / "refiner").exists():
        command = ["run", "shift", "--dataset", "toy", "--plugin", str(TOY), "--steps", "2", "--metrics", "none"]
        finish([*command, "--batch-size", "4", "--out", str(base / "refiner")], base / "refiner.log")
    return base / "refiner"


def stressed(job: Trial, folder: Path, kills: int, random_: random.Random) -> dict[str, Any]:
    """Undisturbed once, then with at least `kills` kills that land, at most four before each end."""
    whole = folder / "whole"
    whole.mkdir(parents=True)
    began = time.monotonic()
    finish(job.arguments(whole), whole / "said.txt")
    seconds = time.monotonic() - began
    expected, landed, lost, ends = job.made(whole), Counter[str](), [], 0
    while landed.total() < kills and ends < 4 * kills:
        place = folder / f"killed-{ends}"
        place.mkdir()
        for _ in range(min(4, kills - landed.total())):
            where, ended = killed(job, place, random_.choice(job.aims), random_.random() * seconds)
            if ended or where == "end":  # nothing is left to lose
                break
            landed.update([where])
        else:
            finish(job.arguments(place), place / "said.txt")
        ends += 1
        found = job.made(place)
        lost += [name for name in {*expected, *found} if expected.get(name) != found.get(name)]
        shutil.rmtree(place)
    return {"kills": landed.total(), "ends": ends, "landed": landed, "lost": lost, "undisturbed_s": round(seconds, 1)}


def killed(job: Trial, folder: Path, aim: str, wait: float) -> tuple[str, bool]:
    """Begin the job and kill it, at the place it is aimed at, else after some seconds. Where it was, and whether it
    came to its end instead. Raises RuntimeError where it failed."""
    said = folder / "said.txt"
    (folder / BEGUN).touch()
    child = begin(job.arguments(folder), said)
    limit = time.monotonic() + (PATIENCE if aim else wait)
    before = said.stat().st_size
    lag = random.Random(wait).random() * 0.2 if aim in ("training", "evaluation", "preparing", "refining") else 0.0
    while time.monotonic() < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            check(status, job.arguments(folder), said)
            return "", True
        if aim and job.place(folder, tail(said, before)) == aim:
            time.sleep(lag)
            break
        time.sleep(POLL)
    os.kill(child, signal.SIGSTOP)  # so that where it is cannot change while one looks
    where = job.place(folder, tail(said, before))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    for cell in folder.glob("bench/cells/*/run"):  # cells end by themselves when their bench is gone
        while is_locked(cell):
            time.sleep(POLL)
    if not os.WIFSIGNALED(status):  # it was faster
        check(status, job.arguments(folder), said)
        return "", True
    return where, False


def tail(file: Path, start: int) -> str:
    with file.open(encoding="utf-8", errors="replace") as handle:
        handle.seek(start)
        return handle.read()


def begin(arguments: list[str], said: Path) -> int:
    """Run a command in a fork; its process id. What it says goes to a file."""
    said.touch()
    child = os.fork()
    if child:
        return child
    code = 70
    with contextlib.suppress(BaseException):
        output = os.open(said, os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["GANZOO_CACHE"] = str(said.parent / "cache")  # networks of metrics are fitted anew, and killed too
        try:
            ganzoo.main(arguments, prog_name="ganzoo", standalone_mode=True)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def finish(arguments: list[str], said: Path) -> None:
    """Run a command to its end. Raises RuntimeError where it fails."""
    _, status = os.waitpid(begin(arguments, said), 0)
    check(status, arguments, said)


def check(status: int, arguments: list[str], said: Path) -> None:
    if status:
        raise RuntimeError(f"ganzoo {' '.join(arguments)} ended with {status}:\n{said.read_text()[-3000:]}")


if __name__ == "__main__":
    main()
