"""Checks whether the processor's bfloat16 instructions work.

Some virtual machines advertise Intel's AMX instructions but kill a program that uses them. torch trusts what is
advertised, so without this check a run in bfloat16 would end in "Illegal instruction".
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from functools import cache

import torch
from torch import nn

ISA_VARIABLE, WITHOUT_AMX = "ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16"
PATIENCE = 30.0  # seconds for a multiplication that takes milliseconds


@cache
def multiplies_bfloat16() -> bool:
    """Whether bfloat16 is worthwhile: the processor has instructions for it, and they work.

    If AMX fails, torch is told not to use it, so that bfloat16 can still be requested. It is then slower than float32
    (0.6 times its rate on a Sapphire Rapids), so the answer is no. This works only before the first computation, so
    `ganzoo.training.devices.resolve_device` calls it.
    """
    amx, avx512 = (getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("amx_tile", "avx512_bf16"))
    if not amx or not sys.platform.startswith("linux"):
        return bool(amx or avx512)
    if os.environ.get(ISA_VARIABLE) != WITHOUT_AMX and _survives():  # child processes inherit what was found here
        return True
    os.environ.setdefault(ISA_VARIABLE, WITHOUT_AMX)  # torch reads it at its first convolution or product
    return False


def _survives() -> bool:
    """Try it in a child process, which an illegal instruction may kill."""
    import resource  # absent on Windows

    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            faulthandler.disable()  # a crash is expected, and must not be reported
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _multiply()
            code = 0
        os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def _multiply() -> None:
    torch.set_num_threads(1)
    with torch.autocast("cpu", torch.bfloat16):
        features = nn.Conv2d(16, 16, 3)(torch.randn(8, 16, 12, 20)).flatten(1)
        nn.Linear(features.shape[1], 64)(features).float().sum().backward()
