"""Hostile and damaged input for everything that ganzoo reads, at length; the suite has a short version.

    python benchmarks/fuzz.py --examples 5000 --out benchmarks/results/fuzz.json

Each target runs in a process of its own, so that a crash is counted and peak memory is that of the target. An example
must end in one sentence of ours that names the file, or in a correct result; within seconds; without a process, a
connection or a file outside its folder. Ends with exit code 1 where one ended otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
SPARE = 4 * 2**30  # bytes of address space that reading may take; torch's own come on top
MOST_MB = 1024  # more memory than this for one small file is a bug
STUCK = 600  # seconds without an example, after which a process is stopped: code in C cannot be interrupted
PACKAGES = (
    "hypothesis",
    "numpy",
    "pillow",
    "torch",
    "safetensors",
    "pyarrow",
    "h5py",
    "scipy",
    "pydantic",
    "matplotlib",
)


def fuzz(target: Any, examples: int, seed: int, notes: Path) -> dict[str, Any]:
    """Run one target in this process. `notes` holds the example that is being read, for the case of a crash."""
    from fuzzing.target import TooSlow, judge
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    counts: Counter[str] = Counter()
    bugs: dict[str, dict[str, Any]] = {}
    slowest = 0.0
    quiet = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

    @seeded(seed)
    @settings(max_examples=examples, phases=[Phase.generate], **quiet)
    @given(target.examples)
    def run(example: Any) -> None:
        nonlocal slowest
        notes.write_text(repr(example)[:5000])
        began = time.process_time()
        try:
            counts[judge(target, example)] += 1
        except (Exception, TooSlow) as error:
            counts["bugs"] += 1
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "ganzoo" in f.filename]
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            key = f"{type(error).__name__} at {place}"
            bugs.setdefault(key, {"what": str(error)[:300], "example": repr(example)[:1000], "times": 0})["times"] += 1
        slowest = max(slowest, time.process_time() - began)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if peak > MOST_MB:
        bugs["memory"] = {"what": f"{peak:.0f} MB", "example": "", "times": 1}
        counts["bugs"] += 1
    return {
        "target": target.name,
        "examples": sum(counts[key] for key in ("refused", "read", "bugs")),
        "ended_in_an_error_of_ours": counts["refused"],
        "ended_in_a_correct_result": counts["read"],
        "anything_else": counts["bugs"],
        "max_cpu_seconds": round(slowest, 3),
        "peak_memory_mb": round(peak),
        "bugs": bugs,
    }


def apart(target: Any, examples: int, seed: int, work: Path) -> dict[str, Any]:
    """`fuzz` in a fork of this warm process."""
    notes, result = work / "example", work / "result"
    result.unlink(missing_ok=True)
    notes.write_text("")
    process = os.fork()
    if not process:
        limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + SPARE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)  # libraries in C complain of each damaged file
        code = 1
        try:
            result.write_text(json.dumps(fuzz(target, examples, seed, notes)))
            code = 0
        finally:
            os._exit(code)
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        time.sleep(0.2)
        if time.time() - notes.stat().st_mtime > STUCK:
            os.kill(process, 9)
            os.waitpid(process, 0)
            break
    if result.exists():
        return dict(json.loads(result.read_text()))
    crash = {"crash": {"what": "the process died, or was stuck", "example": notes.read_text(), "times": 1}}
    return {"target": target.name, "examples": examples, "anything_else": 1, "bugs": crash}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1000, help="of each target; fewer of those that draw pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="targets with this in their name")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    try:
        versions = {name: version(name) for name in PACKAGES}
    except PackageNotFoundError as error:
        parser.error(f"{error.name} is not installed: pip install 'ganzoo[test,h5]'")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GANZOO_CACHE"] = f"{folder}/ganzoo-fuzz-cache"
        os.environ["GANZOO_DATA"] = f"{folder}/ganzoo-fuzz-cache/data"
        os.environ["OMP_NUM_THREADS"] = "1"  # targets run in forks, into which torch's team of threads does not come
        from fuzzing.targets import all_targets

        began, found = time.time(), []
        for target in all_targets():
            if given.only in target.name:
                found.append(apart(target, max(1, round(given.examples * target.share)), given.seed, Path(folder)))
                shown = {key: value for key, value in found[-1].items() if key != "target"}
                print(f"{target.name}: {json.dumps(shown)}", flush=True)
    document = {
        "what": "python benchmarks/fuzz.py: hostile and damaged input for everything that ganzoo reads",
        "seed": given.seed,
        "minutes": round((time.time() - began) / 60, 1),
        "cpu_minutes": round(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) / 60, 1),
        "examples": sum(each["examples"] for each in found),
        "anything_else": sum(each["anything_else"] for each in found),
        "python": platform.python_version(),
        "versions": versions,
        "targets": found,
    }
    if given.out:
        given.out.write_text(json.dumps(document, indent=1) + "\n")
    bugs, minutes = document["anything_else"], document["cpu_minutes"]
    print(f"{document['examples']:,} examples, {bugs} bugs, {minutes} minutes of a core")
    return 1 if document["anything_else"] else 0


if __name__ == "__main__":
    sys.exit(main())
