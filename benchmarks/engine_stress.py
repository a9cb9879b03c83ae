"""Kills cells, workers, daemons and drivers of benches at random, and compares what comes out with a bench left alone.

    python benchmarks/engine_stress.py --engine slurm --kills 100      # writes results/engine_stress-slurm.json

A bench of the toy suite runs on a cluster of this machine (tests/engines/clusters.py), which outlives it. At random
moments one process is killed with -9: a cell, the worker that holds it, the driver, or a daemon of the cluster, which
is started again: Slurm's controller or the daemon of its node, the raylet of one of Ray's nodes, Dask's scheduler or
the nannies of its workers. A driver that was killed, or that reports failed cells or a cluster that does not answer,
is started again with the same command. When a bench has ended, its table.csv and all its weights must be those of
`--engine local` to the bit, each cell must have one line in results.jsonl, and no result may have been made a second
time. Then the next bench starts, until enough processes were killed. Slurm needs root and its packages. The checkout
must not change meanwhile: the table names its commit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from machine import describe

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "engines"))

from clusters import CLUSTERS, Cluster, missing  # noqa: E402 - the tests' clusters, from their folder

TOY = ROOT / "tests" / "toy_plugin.py"
TEND = 10.0  # seconds between two looks of an administrator at the cluster
RESULTS = Path(__file__).parent / "results"
SUITE = """
summary = "Two toys."
steps = 400
seeds = 1
train = { batch_size = 4, save_every = 20, log_every = 20 }
evaluate = { metrics = ["fid"] }

[metric.fid]
extractors = ["pixels"]

[datasets.toy]
settings = { count = 16 }

[methods.shift]

[methods.quicker]
method = "shift"
preset = "fast"
"""


@dataclass
class Report:
    """What was killed, and what went wrong."""

    kills: Counter[str] = field(default_factory=Counter)
    benches: int = 0
    drivers: int = 0
    tended: int = 0  # times that an administrator had more to do than to restart what was killed
    lost: list[str] = field(default_factory=list)  # cells without a result at the end
    twice: list[str] = field(default_factory=list)  # cells with two lines, or whose result was made again
    different: list[str] = field(default_factory=list)  # files whose bits differ


def processes() -> Iterator[tuple[int, int, str]]:
    """Number, parent and command line of every process."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        yield int(place.name), parent, command


def cells_of(out: Path) -> list[tuple[int, int, str]]:
    """The processes of the cells of a bench."""
    return [each for each in processes() if "ganzoo.benchmark.work" in each[2] and str(out) in each[2]]


def victims(out: Path, driver: int, cluster: Cluster) -> dict[str, dict[str, int]]:
    """The processes that may be killed, by kind and name: only those of this bench, and the cluster's own."""
    cells = cells_of(out)
    found = {
        "driver": {"driver": driver},
        "cell": {str(number): number for number, _, _ in cells},
        "worker": {str(parent): parent for _, parent, _ in cells if parent not in (1, driver)},
        "daemon": cluster.daemons(),
    }
    return {kind: numbers for kind, numbers in found.items() if numbers}


def kill(report: Report, out: Path, driver: int, cluster: Cluster, chance: random.Random) -> None:
    """Kill one process. A daemon is started again, as an administrator would."""
    found = victims(out, driver, cluster)
    kind = chance.choice(sorted(found))
    name = chance.choice(sorted(found[kind]))
    try:
        os.kill(found[kind][name], signal.SIGKILL)
    except ProcessLookupError:
        return
    report.kills[kind if kind != "daemon" else name] += 1
    if kind == "daemon":
        time.sleep(chance.uniform(0.0, 3.0))
        cluster.restart(name)


def command(folder: Path, out: Path, engine: str) -> list[str]:
    made = [sys.executable, "-m", "ganzoo", "bench", str(folder / "toy.toml"), "--plugin", str(TOY), "--out", str(out)]
    settings = folder / f"{engine}.toml"
    return [*made, "--engine", engine, *(["--engine-config", str(settings)] if settings.exists() else [])]


def made_in(out: Path) -> dict[str, bytes]:
    """The table and the last weights of each cell."""
    weights = sorted(out.glob("cells/*/run/checkpoints/step-00000400/parameters.safetensors"))
    return {str(file.relative_to(out)): file.read_bytes() for file in (out / "table.csv", *weights)}


def stressed(folder: Path, out: Path, args: argparse.Namespace, report: Report, cluster: Cluster) -> None:
    """One bench, from its start until a driver ends well."""
    chance = random.Random(args.seed + report.benches)
    first_seen: dict[str, bytes] = {}
    log = (folder / f"{out.name}.log").open("ab")
    while True:
        report.drivers += 1
        driver = subprocess.Popen(command(folder, out, args.engine), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        pause = chance.uniform(0.0, args.every)
        tend = time.monotonic() + TEND
        while driver.poll() is None:
            time.sleep(0.2)
            if time.monotonic() > tend:
                report.tended += cluster.tend()
                tend = time.monotonic() + TEND
            if cells_of(out):  # a driver that is killed before it starts anything shows little
                pause -= 0.2
            for file in out.glob("cells/*/result.json"):
                first_seen.setdefault(str(file), file.read_bytes())
            if pause <= 0 and sum(report.kills.values()) < args.kills and time.monotonic() < args.end:
                kill(report, out, driver.pid, cluster, chance)
                pause = chance.uniform(0.0, 2 * args.every)
        if driver.returncode == 0:
            break
    report.benches += 1
    lines = Counter(json.loads(line)["cell"] for line in (out / "results.jsonl").read_text().splitlines()
                    if "scores" in json.loads(line))  # fmt: skip
    report.twice += [cell for cell, count in lines.items() if count > 1]
    report.twice += [name for name, bits in first_seen.items() if Path(name).read_bytes() != bits]
    report.lost += [place.name for place in out.glob("cells/*") if place.name not in lines]


def compare(report: Report, found: dict[str, bytes], reference: dict[str, bytes]) -> None:
    names = {*found, *reference}
    report.different += sorted(name for name in names if found.get(name) != reference.get(name))


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    (folder / "toy.toml").write_text(SUITE)
    os.environ |= {"OMP_NUM_THREADS": "1", "GANZOO_CACHE": str(folder / "cache")}
    subprocess.run(command(folder, folder / "reference", "local"), check=True, stdin=subprocess.DEVNULL)
    reference = made_in(folder / "reference")
    cluster = CLUSTERS[args.engine](folder / args.engine)
    report = Report()
    began = time.monotonic()
    args.end = began + 60 * args.minutes
    try:
        cluster.start()
        (folder / f"{args.engine}.toml").write_text(cluster.settings())
        while sum(report.kills.values()) < args.kills and time.monotonic() < args.end:
            out = folder / f"bench-{report.benches}"
            stressed(folder, out, args, report, cluster)
            compare(report, made_in(out), reference)
            print(f"{report.benches} benches, killed: {dict(report.kills)}, lost {len(report.lost)}, run twice "
                  f"{len(report.twice)}, different {len(report.different)}", flush=True)  # fmt: skip
    finally:
        cluster.stop()
    return {
        "engine": args.engine, "seed": args.seed, "kills": sum(report.kills.values()), "killed": dict(report.kills),
        "benches": report.benches, "drivers": report.drivers, "administrator_helped": report.tended,
        "cells_lost": report.lost, "cells_run_twice": report.twice, "files_with_different_bits": report.different,
        "seconds": round(time.monotonic() - began), "machine": describe(torch.device("cpu")),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True, choices=CLUSTERS)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--every", type=float, default=6.0, help="mean seconds between two kills")
    parser.add_argument("--minutes", type=float, default=10**6, help="no kill after these; the last bench still ends")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the benches; default: a temporary one")
    args = parser.parse_args()
    if why := missing(CLUSTERS[args.engine]):
        parser.error(why)
    folder = args.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    found = measure(args, folder.resolve())
    (RESULTS / f"engine_stress-{args.engine}.json").write_text(json.dumps(found, indent=1) + "\n")
    if args.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if found["cells_lost"] or found["cells_run_twice"] or found["files_with_different_bits"] else 0


if __name__ == "__main__":
    sys.exit(main())
