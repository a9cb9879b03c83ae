"""A processor that advertises what it cannot do costs speed, and no run."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from ganzoo.system import bfloat16
from ganzoo.training.devices import resolve_precision


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch):
    monkeypatch.setenv(bfloat16.ISA_VARIABLE, "")  # remembered, and put back afterwards
    monkeypatch.delenv(bfloat16.ISA_VARIABLE)
    monkeypatch.setattr(bfloat16.sys, "platform", "linux")
    bfloat16.multiplies_bfloat16.cache_clear()
    yield
    bfloat16.multiplies_bfloat16.cache_clear()


def advertise(monkeypatch, *, amx, avx512):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")


@needs_fork
def test_a_processor_whose_amx_fails_computes_in_float32_and_without_amx(monkeypatch):
    advertise(monkeypatch, amx=True, avx512=True)
    monkeypatch.setattr(
        bfloat16, "_multiply", lambda: os.kill(os.getpid(), signal.SIGILL)
    )  # as a missing instruction does
    assert not bfloat16.multiplies_bfloat16()
    assert os.environ[bfloat16.ISA_VARIABLE] == bfloat16.WITHOUT_AMX
    assert resolve_precision("auto", torch.device("cpu")) == "fp32"


@needs_fork
def test_its_child_processes_come_to_the_same_answer(monkeypatch):
    """They inherit that torch does without AMX, and must not take bfloat16 for fast because it works then."""
    advertise(monkeypatch, amx=True, avx512=True)
    monkeypatch.setattr(bfloat16, "_multiply", lambda: None)
    monkeypatch.setenv(bfloat16.ISA_VARIABLE, bfloat16.WITHOUT_AMX)
    assert not bfloat16.multiplies_bfloat16()


@needs_fork
def test_bfloat16_can_be_asked_for_on_this_processor():
    """Whatever it advertises: this would end in SIGILL where AMX fails and nobody told torch."""
    code = "import ganzoo.training.loop, torch\nfrom ganzoo.system.bfloat16 import _multiply\n_multiply()"
    assert subprocess.run([sys.executable, "-c", code], timeout=100).returncode == 0


@needs_fork
def test_a_processor_that_keeps_its_word_is_left_alone(monkeypatch):
    advertise(monkeypatch, amx=True, avx512=True)
    monkeypatch.setattr(bfloat16, "_multiply", lambda: None)
    assert bfloat16.multiplies_bfloat16()
    assert bfloat16.ISA_VARIABLE not in os.environ


def test_a_processor_that_promises_nothing_is_not_tried(monkeypatch):
    advertise(monkeypatch, amx=False, avx512=False)
    monkeypatch.setattr(bfloat16, "_survives", lambda: pytest.fail("it was tried"))
    assert not bfloat16.multiplies_bfloat16()
