"""A processor that advertises what it cannot do costs speed, and no run."""

import os
import signal

import pytest
import torch

from ganzoo import cpu


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch):
    monkeypatch.setenv(cpu.ISA_VARIABLE, "")  # remembered, and put back afterwards
    monkeypatch.delenv(cpu.ISA_VARIABLE)
    monkeypatch.setattr(cpu.sys, "platform", "linux")
    cpu.multiplies_bfloat16.cache_clear()
    yield
    cpu.multiplies_bfloat16.cache_clear()


def advertise(monkeypatch, *, amx, avx512):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)


def die_unless(condition):
    if not condition():
        os.kill(os.getpid(), signal.SIGILL)  # what an instruction that is not there does


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")


@needs_fork
def test_a_processor_whose_amx_fails_is_used_without_it(monkeypatch):
    advertise(monkeypatch, amx=True, avx512=True)
    monkeypatch.setattr(cpu, "_multiply", lambda: die_unless(lambda: cpu.ISA_VARIABLE in os.environ))
    assert cpu.multiplies_bfloat16()
    assert os.environ[cpu.ISA_VARIABLE] == cpu.WITHOUT_AMX


@needs_fork
def test_a_processor_on_which_nothing_helps_is_not_used_for_bfloat16(monkeypatch):
    advertise(monkeypatch, amx=True, avx512=True)
    monkeypatch.setattr(cpu, "_multiply", lambda: die_unless(lambda: False))
    assert not cpu.multiplies_bfloat16()


@needs_fork
def test_a_processor_that_keeps_its_word_is_left_alone(monkeypatch):
    advertise(monkeypatch, amx=True, avx512=True)
    monkeypatch.setattr(cpu, "_multiply", lambda: None)
    assert cpu.multiplies_bfloat16()
    assert cpu.ISA_VARIABLE not in os.environ


def test_a_processor_that_promises_nothing_is_not_tried(monkeypatch):
    advertise(monkeypatch, amx=False, avx512=False)
    monkeypatch.setattr(cpu, "_survives", lambda: pytest.fail("it was tried"))
    assert not cpu.multiplies_bfloat16()
