"""Networks that metrics train for themselves: once, and resumed after a kill."""

import threading

import numpy as np
import pytest
import torch
from toy_plugin import Shift, ShiftConfig, discs

from ganzoo.batch import image_spec
from ganzoo.cache import cache_folder, single_flight
from ganzoo.dataset import Domain
from ganzoo.errors import CheckpointError
from ganzoo.evaluation import fitted_networks
from ganzoo.evaluation.fitted_networks import fitted_network
from ganzoo.task import GazeTask
from ganzoo.training import checkpoint
from ganzoo.training.config import TrainConfig
from ganzoo.training.observer import TrainingObserver

CPU = torch.device("cpu")
CONFIG = TrainConfig(steps=12, batch_size=4, device="cpu", precision="fp32")


class Watched(TrainingObserver):
    """Ends the training at a step, as a kill would."""

    def __init__(self, killed_at=None):
        self.killed_at, self.first = killed_at, None

    def started(self, first, steps):
        self.first = first

    def stepped(self, step, phases, batches):
        if step == self.killed_at:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fitted_networks, "SAVE_EVERY", 0.0)
    return tmp_path / "cache"


def fit(killed_at=None):
    """The weights, and what watched the training; None where nothing was trained."""
    images, gaze = discs(16, 0, 120)
    watching = []

    def watch():
        watching.append(Watched(killed_at))
        return watching[-1]

    network = Shift(ShiftConfig(), image_spec(1, 24, 40, GazeTask()))
    fitted = fitted_network(network, Domain("source", images, gaze), CONFIG, CPU, watch)
    return fitted.scale.weight.item(), watching[-1] if watching else None


def test_a_network_is_trained_once():
    weight, first = fit()
    assert first.first == 0
    assert fit() == (weight, None)


def test_a_killed_training_is_resumed_and_gives_the_same_network(cache, tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        fit(killed_at=7)
    weight, resumed = fit()
    assert 0 < resumed.first < 7
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "other"))
    assert fit()[0] == weight


def test_nothing_but_the_network_stays_in_the_cache(cache):
    fit()
    assert [each.suffix for each in cache_folder("networks").iterdir()] == [".safetensors"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(cache):
    cache.write_text("a file, where the cache's folder should be")
    assert np.isfinite(fit()[0])


def test_a_disk_that_refuses_checkpoints_costs_nothing_but_time(monkeypatch):
    weight = fit()[0]
    for each in cache_folder("networks").iterdir():
        each.unlink()

    def refuse(*arguments):
        raise CheckpointError("the disk is full")

    monkeypatch.setattr(checkpoint, "write", refuse)
    assert fit()[0] == weight


def test_of_processes_that_start_together_one_trains_and_the_others_wait_for_it(cache):
    weight, _ = fit()
    (file,) = cache_folder("networks").iterdir()
    network = file.read_bytes()
    file.unlink()
    found = []
    with single_flight(file.stem):  # as another process does that trains it
        waiting = threading.Thread(target=lambda: found.append(fit()))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        file.write_bytes(network)
    waiting.join(20)
    assert found == [(weight, None)]
