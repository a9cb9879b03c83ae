"""What a Mac's GPU needs, as far as it can be tried without one: its calls are watched."""

import numpy as np
import pytest
import torch

from ganzoo.errors import ConfigError
from ganzoo.training import devices
from ganzoo.training.devices import local_device, resolve_device, resolve_precision
from ganzoo.training.loader import _ColumnRows, _moved, derive_seed, reseed

MPS = torch.device("mps")


@pytest.fixture
def mac(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_mps_is_taken_when_it_is_named(mac):
    assert resolve_device("mps").type == "mps"


def test_auto_is_the_cpu_on_a_mac(mac):
    assert resolve_device("auto").type == "cpu"


def test_mps_elsewhere_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device mps: mps needs a Mac"):
        resolve_device("mps")


def test_several_processes_are_refused_on_mps(mac, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="--device mps trains in one process"):
        local_device("mps")


def test_auto_precision_is_fp32_on_mps():
    assert resolve_precision("auto", MPS) == "fp32"


def test_tf32_is_refused_on_mps():
    with pytest.raises(ConfigError, match="needs a CUDA GPU"):
        resolve_precision("tf32", MPS)


def test_noise_on_mps_is_a_function_of_the_parts(monkeypatch):
    seeds = []
    monkeypatch.setattr(torch.mps, "manual_seed", seeds.append)
    before = torch.get_rng_state()
    reseed(MPS, 3, "step")
    assert seeds == [derive_seed(3, "step")]
    assert torch.equal(torch.get_rng_state(), before)


def test_the_random_state_of_mps_is_given_back(monkeypatch):
    given = []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: "as it was")
    monkeypatch.setattr(torch.mps, "set_rng_state", given.append)
    before = torch.get_rng_state()
    with devices.random_state_kept(MPS):
        torch.rand(3)
    assert given == ["as it was"]
    assert torch.equal(torch.get_rng_state(), before)


def test_refused_memory_is_given_back_before_the_next_try(monkeypatch):
    called = []
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: called.append(True))
    devices.release_memory(MPS)
    assert called


OTHER = torch.device("meta")  # a device that is neither the CPU nor CUDA, which every machine has


def test_only_cuda_is_copied_to_from_pinned_memory(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pytest.fail("pinned"))
    assert _moved(torch.zeros(3), OTHER).device == OTHER


def test_images_are_on_the_device_that_trains():
    images = _ColumnRows(np.zeros((4, 1, 2, 2), np.uint8), OTHER)
    assert images.gather(np.arange(2)).device == OTHER
