"""Whether a recording of a method's losses can be replayed."""

from __future__ import annotations

import torch

from ganzoo.method import Method
from ganzoo.testing import toy, toy_data
from ganzoo.testing.checks import check, require, skip
from ganzoo.testing.operators import OperatorRecorder
from ganzoo.training.cuda_graphs import WARM_UP, CudaGraphs, Recorder
from ganzoo.training.loader import reseed
from ganzoo.training.phases import Carry, capture, phase_runners

UPDATES = 8  # the last is a power of two, at which a replay is compared once more


@check(
    Method,
    why="On a GPU most of a small network's step is host time, which `--capture` saves for such losses.",
    fix="Read no tensor on the host, count in buffers, let shapes depend on the batch alone, and do not use the CPU.",
)
def captured_equals_eager(cls: type[Method]) -> None:
    """A recording of each loss (on a GPU a CUDA graph) reproduces its terms and handed-on tensors on other batches."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recorder: Recorder = CudaGraphs(device) if device.type == "cuda" else OperatorRecorder()
    method = toy.build(cls).to(device)
    problems: dict[str, str] = {}

    def tell(phase: str, why: str) -> None:
        if why:
            problems.setdefault(phase, why)

    toy.phases(method)
    runners, steps = phase_runners(method), toy.rounds(method)
    if closures := [name for name, runner in runners.items() if runner.phase.closure]:
        skip(f"the optimizer of {closures[0]} computes the loss several times, so --capture is refused for it")
    capture(method, runners, recorder, tell)
    assert UPDATES > WARM_UP + 2
    reads, oracle = method.columns(method.config), method.is_oracle(method.config)
    loader = toy_data.loader(method.spec, reads, oracle=oracle, batch_size=4, device=device)
    draw = 0
    try:
        for update in range(UPDATES):
            reseed(device, update)
            for step in steps:
                carry: Carry = {}
                for group in step:
                    for name in group:
                        runners[name].update(loader.draw(draw, update / UPDATES), carry)
                    draw += 1
    finally:
        loader.close()
    for phase, why in problems.items():
        require(False, f"phase {phase!r} is not replayed: {why}")
