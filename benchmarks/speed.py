"""How fast ganzoo trains, against plain loops and against what the machine can do.

Under 9 minutes on a GPU, about 12 on two CPU cores (16 at most).

    python benchmarks/speed.py [--device cpu|cuda] [--precision auto --precision fp32] [--methods simgan] [--minutes 15]
        [--also compiled] [--also captured]

Each method is trained by ganzoo and by the plain loop in `benchmarks/reference/`, in turns (A, B, A, B, ...), in one
process. `--also` adds ganzoo with --compile or --capture; compiling takes minutes more. Writes
benchmarks/results/speed-DEVICE.json; `python benchmarks/speed_page.py` makes SPEED.md of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch
from cases import CASES, HOWS, Case, Ours, plain_loop, write_folders
from machine import describe, peak, seconds_of, spread
from torch.utils.flop_counter import FlopCounterMode

from ganzoo.training.devices import resolve_device, resolve_precision

HERE = Path(__file__).parent
LONGEST = 2.0  # seconds of one turn, unless a single update takes longer
WARM_UP = 1  # besides the one whose arithmetic is counted


@dataclass
class Side:
    """One loop at one kind of work."""

    what: str  # "cycle": one update of every network; or a phase
    name: str  # "ours" or "plain"
    how: str  # one of HOWS
    precision: str
    work: Callable[[], None]
    updates: int
    waited: Callable[[], float]  # seconds that it has waited for data so far
    milliseconds: list[float]
    gflop: float = 0.0
    input_share: float = 0.0


@click.command(help=__doc__)
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", "precisions", multiple=True, default=("auto", "fp32"),
              type=click.Choice(["auto", "fp32", "tf32", "bf16"]), help="Of ganzoo; not of plain loops.")  # fmt: skip
@click.option("--also", multiple=True, type=click.Choice(HOWS[1:]), help="In the first precision.")
@click.option("--methods", multiple=True, default=tuple(CASES), type=click.Choice(list(CASES)))
@click.option("--repeats", default=9, type=click.IntRange(2), help="Turns of each side, if the minutes allow.")
@click.option("--minutes", default=0.0, help="About how long it may take; 0: 8 on a GPU, 15 on a CPU.")
@click.option("--workers", default=0, help="Processes of the plain loop's DataLoader.")
@click.option("--threads", default=0, help="CPU threads of torch; 0: as torch chooses.")
@click.option("--memory/--no-memory", default=True, help="Measure memory, in processes of their own.")
@click.option("--batch-size", default=0, help="Another one than the method's, to try the script out.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Default: results/speed-DEVICE.json.")
def main(
    device: str,
    precisions: Sequence[str],
    also: Sequence[str],
    methods: Sequence[str],
    repeats: int,
    minutes: float,
    workers: int,
    threads: int,
    memory: bool,
    batch_size: int,
    out: Path | None,
) -> None:
    if threads:
        torch.set_num_threads(threads)
    where = resolve_device(device)
    if "captured" in also and where.type != "cuda":
        raise click.UsageError("--also captured measures CUDA graphs and needs a GPU; leave it out")
    precisions = list(dict.fromkeys(resolve_precision(name, where) for name in precisions))
    end = time.monotonic() + 60 * (minutes or (8 if where.type == "cuda" else 15))
    machine = describe(where)
    peaks = {name: peak(name, where) for name in {*precisions, "fp32"}}
    found: dict[str, Any] = {}
    for number, name in enumerate(methods):
        share = (end - time.monotonic()) / (len(methods) - number)
        click.echo(f"{name}: about {share:.0f} s", err=True)
        case = CASES[name].on(where)
        case = replace(case, batch_size=batch_size) if batch_size else case
        found[name] = measured(name, case, precisions, also, where, repeats, share, workers, memory)
        end += sum(found[name]["seconds_before"].values())
    for name, before in peaks.items():  # once more: the machine may have been busy at first
        peaks[name] = {key: max(value, before[key]) for key, value in peak(name, where).items()}
    for method in found.values():
        for row in method["rows"]:
            best = peaks[row["precision"]]
            rate = row["gflop"] / (row["ms"]["median"] / 1e3)
            row["share_of_convolution_peak"] = rate / best["convolution_gflops"]
            row["share_of_matmul_peak"] = rate / best["matmul_gflops"]
    document = {"machine": machine, "workers": workers, "peaks": peaks, "methods": found}
    file = out or HERE / "results" / f"speed-{where.type}.json"
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    click.echo(f"wrote {file}")


def measured(
    name: str,
    case: Case,
    precisions: Sequence[str],
    also: Sequence[str],
    device: torch.device,
    repeats: int,
    seconds: float,
    workers: int,
    memory: bool,
) -> dict[str, Any]:
    """All that is known of one method, within about `seconds` and what compiling and recording take before."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_folders(case, folder)
        used = _memory(name, precisions, folder, device) if memory else {}
        hows = [*((precision, "eager") for precision in precisions), *((precisions[0], how) for how in also)]
        ours = [Ours(name, case, precision, device, how) for precision, how in hows]
        before = {one.how: one.prepare() for one in ours if one.how != "eager"}
        end += sum(before.values())
        plain = plain_loop(name, case, folder, device, workers)
        groups = _groups(case, ours, plain)
        for number, group in enumerate(groups):
            _take_turns(group, device, repeats, (end - time.monotonic()) / (len(groups) - number))
        synchronisations = _synchronisations(ours[0]) if device.type == "cuda" else None
        for side in ours:
            side.close()
    rows = [_row(side, case, used) for group in groups for side in group]
    return {
        "image": list(case.shape),
        "batch_size": case.batch_size,
        "settings": dict(case.settings),
        "targets": {what: {"bf16": low, "fp32": high} for what, (low, high) in case.targets.items()},
        "synchronisations_in_a_cycle": synchronisations,
        "seconds_before": before,
        "not_replayed": [problem for one in ours for problem in one.problems],
        "rows": rows,
        "times_faster": [_ratio(side, group[-1]) for group in groups for side in group[:-1]],
    }


def _groups(case: Case, ours: Sequence[Ours], plain: Any) -> list[list[Side]]:
    """The sides that take turns at the same work; the plain loop is the last."""
    groups = []
    for what in (*case.alone, "cycle"):
        updates = 1 if what != "cycle" else len(case.phases)
        sides = [Side(what, "ours", one.how, one.precision, one.cycle if what == "cycle" else one.parts()[what],
                      updates, lambda one=one: one.waited, []) for one in ours]  # fmt: skip
        work = plain.cycle if what == "cycle" else plain.parts()[what]
        groups.append([*sides, Side(what, "plain", "eager", "fp32", work, updates, lambda: 0.0, [])])
    return groups


def _take_turns(group: Sequence[Side], device: torch.device, repeats: int, seconds: float) -> None:
    """A, B, A, B, ... for about `seconds`, twice each at least."""
    end = time.monotonic() + seconds
    counts = []
    for side in group:
        if side.how == "eager":
            with FlopCounterMode(display=False) as counter:
                side.work()
            side.gflop = counter.get_total_flops() / 1e9
        else:  # compiled and recorded work is hidden from the counter, and the same
            side.gflop = next(other.gflop for other in group if other.name == "ours")
        once = min(seconds_of(side.work, device) for _ in range(WARM_UP))
        counts.append(max(1, int(min(LONGEST, seconds / repeats / len(group) / 2) / once)))
    spent, waited = [0.0] * len(group), [side.waited() for side in group]
    for turn in range(repeats):
        if turn >= 2 and time.monotonic() > end:
            break
        for number, (side, count) in enumerate(zip(group, counts, strict=True)):
            taken = seconds_of(lambda side=side, count=count: [side.work() for _ in range(count)], device)
            side.milliseconds.append(1e3 * taken / count)
            spent[number] += taken
    for side, total, before in zip(group, spent, waited, strict=True):
        side.input_share = (side.waited() - before) / total


def _row(side: Side, case: Case, used: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    times = spread(side.milliseconds)
    memory = used.get((side.name, side.precision)) if side.how == "eager" else None
    return {
        "what": side.what,
        "side": side.name,
        "how": side.how,
        "precision": side.precision,
        "turns": len(side.milliseconds),
        "ms": times,
        "ms_per_update": times["median"] / side.updates,
        "images_per_s": 1e3 * case.batch_size / times["median"],
        "gflop": side.gflop,
        "waits_for_data": side.input_share if side.name == "ours" else None,
        "memory_mib": None if memory is None else memory / 2**20,
    }


def _ratio(ours: Side, plain: Side) -> dict[str, Any]:
    """How many times faster, turn by turn."""
    ratios = [theirs / mine for mine, theirs in zip(ours.milliseconds, plain.milliseconds, strict=True)]
    return {"what": ours.what, "how": ours.how, "precision": ours.precision, **spread(ratios)}


def _memory(name: str, precisions: Sequence[str], folder: Path, device: torch.device) -> dict[tuple[str, str], int]:
    found = {}
    for side, precision in [*(("ours", precision) for precision in precisions), ("plain", "fp32")]:
        command = [sys.executable, str(HERE / "speed_memory.py"), name, side, precision, str(folder), str(device)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        found[side, precision] = int(answer.stdout.split()[-1])
    return found


def _synchronisations(ours: Ours) -> int:
    """How often a cycle makes the host wait for the GPU."""
    ours.cycle()
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            ours.cycle()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


if __name__ == "__main__":
    main()
