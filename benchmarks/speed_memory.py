"""The memory that a few cycles of one side take, in a process of its own; `benchmarks/speed.py` starts it.

    python benchmarks/speed_memory.py METHOD ours|plain PRECISION FOLDER DEVICE

Prints bytes: the greatest anonymous memory, less what Python and torch hold before anything is built; on a GPU what its
allocator held.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from cases import CASES, Ours, plain_loop
from machine import PeakMemory, anonymous


def main() -> None:
    name, side, precision, folder, device_name = sys.argv[1:]
    device = torch.device(device_name)
    case = CASES[name].on(device)
    before = anonymous() if device.type == "cpu" else 0
    with PeakMemory(device) as memory:
        trained = Ours(name, case, precision, device) if side == "ours" else None
        runs = trained or plain_loop(name, case, Path(folder), device, 0)
        for _ in range(2):
            runs.cycle()
    if trained:
        trained.close()
    print(memory.bytes - before)


if __name__ == "__main__":
    main()
