"""Memory that is really refused, by a limit on the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganzoo.system.out_of_memory import is_out_of_memory, largest_that_fits

TESTS = Path(__file__).parents[1]
LIMITED = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
import torch
torch.set_num_threads(1)
from toy_plugin import Shift, ShiftConfig, Toy, ToyConfig
from ganzoo.training import checkpoint
from ganzoo.batch import image_spec
from ganzoo.errors import NotEnoughMemoryError
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.task import GazeTask

class Hungry(Shift):
    couples_batch = {couples}
    def loss(self, batch):
        if self.updates >= 3:  # as a later phase does that needs more than those before it
            (batch.source.repeat(400, 1, 1, 1) * 1.0).sum()
        return super().loss(batch)

data = Toy(ToyConfig(count=16))
method = build_method(Hungry, ShiftConfig(), image_spec(1, 24, 40, GazeTask()), seed=0, device=torch.device("cpu"))
config = TrainConfig(steps=8, batch_size=1024, precision="fp32", save_every=2, log_every=2, device="cpu")
here = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize"))) * 1024
resource.setrlimit(resource.RLIMIT_AS, (here + {room}, here + {room}))
try:
    train(method, data.source(), data.target(), config, Path({folder!r}))
except NotEnoughMemoryError as error:
    print(error)
print(checkpoint.latest(Path({folder!r})).name, [p.name for p in Path({folder!r}, "checkpoints").glob("*.partial")])
"""
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


def limited(folder: Path, *, couples: bool) -> list[str]:
    """What a training says under a limit that its third step exceeds: 1.6 GB wanted, 700 MB there."""
    code = LIMITED.format(tests=str(TESTS), folder=str(folder), couples=couples, room=700 << 20)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@needs_proc
@pytest.mark.parametrize(("couples", "flag"), [(False, "--micro-batch"), (True, "--batch-size")])
def test_refused_memory_names_a_size_that_fits_and_keeps_the_last_checkpoint(tmp_path, couples, flag):
    sentence, newest = limited(tmp_path, couples=couples)
    assert "shift ran out of memory in phase shift of step 4 on cpu, with batches of 1024 images" in sentence
    size = int(sentence.partition(f"{flag} ")[2].split()[0])
    assert size in (64, 128, 256)  # 1.6 MB an image, twice while it is multiplied
    assert "was tried and fits" in sentence
    assert newest == "step-00000002 []"


def test_what_the_host_and_torch_say_of_refused_memory_is_understood():
    with pytest.raises((RuntimeError, MemoryError)) as error:
        torch.empty(1 << 60)
    assert is_out_of_memory(error.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(FileNotFoundError(2, "No such file"))


def test_sizes_are_halved_until_one_fits():
    tried = []

    def attempt(size):
        tried.append(size)
        if size > 6:
            raise MemoryError

    assert largest_that_fits(attempt, 50) == 6
    assert tried == [50, 25, 12, 6]
    assert largest_that_fits(lambda size: 1 / 0, 4) is None
