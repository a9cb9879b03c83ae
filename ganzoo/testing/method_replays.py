"""What a recording of a method's losses gives when it is replayed."""

from __future__ import annotations

import torch

from ganzoo.capture import WARM_UP, CudaGraphs, Recorder
from ganzoo.loader import Loader, reseed
from ganzoo.method import Method
from ganzoo.phases import capture, phase_runners
from ganzoo.testing import toy
from ganzoo.testing.checks import check, require
from ganzoo.testing.operators import OperatorRecorder

UPDATES = 8  # the last is a power of two, at which a replay is compared once more


@check(
    Method,
    why="On a GPU most of a small network's step is the host's time, which `--capture` saves for losses like these.",
    mend="Read no tensor on the host, count in buffers, keep every shape fixed by the batch, and leave the CPU alone.",
)
def captured_equals_eager(cls: type[Method]) -> None:
    """A recording of each loss, a CUDA graph where there is a GPU, gives for other batches what the loss gives."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recorder: Recorder = CudaGraphs(device) if device.type == "cuda" else OperatorRecorder()
    method = toy.build(cls).to(device)
    problems: dict[str, str] = {}

    def tell(phase: str, why: str) -> None:
        if why:
            problems.setdefault(phase, why)

    toy.phases(method)
    runners = phase_runners(method)
    capture(method, runners, recorder, tell)
    assert UPDATES > WARM_UP + 2
    reads = toy.columns(cls.oracle)
    loader = Loader(*toy.domains(), reads=reads, batch_size=4, seed=0, device=device, oracle=cls.oracle)
    try:
        for update in range(UPDATES):
            reseed(device, update)
            for number, runner in enumerate(runners.values()):
                runner.update(loader.draw(update * len(runners) + number, update / UPDATES))
    finally:
        loader.close()
    for phase, why in problems.items():
        require(False, f"phase {phase!r} is not replayed: {why}")
