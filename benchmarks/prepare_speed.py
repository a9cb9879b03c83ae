"""How fast `ganzoo data prepare unityeyes` is, and what memory it takes (about 10 minutes on a busy machine).

    python benchmarks/prepare_speed.py FOLDER_OF_UNITYEYES [WORK_FOLDER]

Links the pictures of the folder under new numbers until there are enough, prepares them by the command, and samples the
anonymous memory (what is not a file's page) of all its processes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNTS, JOBS = (2_000, 20_000), (1, 2)
OUT = Path(__file__).parent / "results" / "prepare_speed.json"


def linked(origin: Path, folder: Path, count: int) -> None:
    """N.jpg and N.json for N from 1 to `count`."""
    folder.mkdir()
    names = sorted(path.stem for path in origin.glob("*.jpg"))
    for number in range(count):
        for kind in ("jpg", "json"):
            source, target = origin / f"{names[number % len(names)]}.{kind}", folder / f"{number + 1}.{kind}"
            try:
                os.link(source, target)
            except OSError:  # another file system, or too many links
                shutil.copyfile(source, target)


def anonymous(process: int) -> int:
    """Bytes of a process and its children."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has just ended
        return 0
    own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)
    return own * 1024 + sum(anonymous(int(child)) for child in children)


def measured(folder: Path, store: Path, jobs: int) -> tuple[float, int]:
    """Seconds, and the greatest memory in bytes."""
    command = [sys.executable, "-m", "ganzoo", "data", "prepare", "unityeyes", "--from", str(folder)]
    start, most = time.perf_counter(), 0
    running = subprocess.Popen([*command, "--to", str(store), "--jobs", str(jobs)], stdout=subprocess.DEVNULL)
    while running.poll() is None:
        most = max(most, anonymous(running.pid))
        time.sleep(0.1)
    assert running.returncode == 0
    return time.perf_counter() - start, most


def main() -> None:
    origin = Path(sys.argv[1])
    work = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    rows = []
    with tempfile.TemporaryDirectory(dir=work) as temporary:
        for count in COUNTS:
            folder = Path(temporary) / str(count)
            linked(origin, folder, count)
            for jobs in JOBS:
                load = os.getloadavg()[0]
                seconds, memory = measured(folder, Path(temporary) / f"{count}-{jobs}", jobs)
                row = {
                    "images": count,
                    "jobs": jobs,
                    "seconds": round(seconds, 1),
                    "images_per_s": round(count / seconds),
                    "anonymous_mib": round(memory / 2**20),
                    "load_before": round(load, 1),
                }
                rows.append(row)
                print(row, flush=True)
    facts = {"cores": os.cpu_count(), "note": "the machine had other work; seconds include start-up and contact sheet"}
    OUT.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
