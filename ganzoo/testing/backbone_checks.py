"""The declaration of a backbone, and whether its networks do what a predictor requires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.nn.backbones import Backbone
from ganzoo.testing.checks import check, require, skip
from ganzoo.testing.declaration import words_are_given

SHAPES: dict[str, Sequence[tuple[int, ...]]] = {
    "image": ((1, 35, 55), (3, 32, 32), (1, 28, 28), (1, 7, 9)),
    "vector": ((2,), (17,)),
}
ROWS = 6


@check(
    Backbone,
    why="`--network` lists it by these words, and a predictor selects it by the kind of its samples.",
    fix='Write name, summary, and kinds = ("image",), ("vector",) or both.',
)
def backbone_declares_itself(cls: type[Backbone]) -> None:
    """It has a name, a summary, and the kinds of samples that it takes, with at least one shape of each."""
    words_are_given(cls)
    kinds = getattr(cls, "kinds", None)
    good = isinstance(kinds, tuple) and kinds and {*kinds} <= {*SHAPES}
    require(good, f"kinds is {kinds!r}, not a tuple of {', '.join(SHAPES)}")
    for shape in _shapes(cls, declined=True):
        said = cls.declines(shape)
        require(isinstance(said, str), f"declines returns {said!r} for samples of {shape}, not text")
    for kind in cls.kinds:
        if not any(cls.declines(shape) == "" for shape in SHAPES[kind]):
            require(False, f"it takes {kind}s, but declines each of {', '.join(map(str, SHAPES[kind]))}")


@check(
    Backbone,
    why="Methods that align features need their number in advance, and a head must fit it.",
    fix="Return the network and the number of its features; build the head for that number, and decline, in words, "
    "shapes that the network cannot take.",
)
def features_have_their_size(cls: type[Backbone]) -> None:
    """Samples of each shape become finite features [N, size], and these become outputs [N, outputs]."""
    for shape in _shapes(cls):
        network, size = _features(cls, shape)
        made = network.eval()(_samples(shape))
        require(made.shape == (ROWS, size), f"{ROWS} samples of {shape} give {tuple(made.shape)}, not {(ROWS, size)}")
        require(bool(torch.isfinite(made).all()), f"features of samples of {shape} are not finite")
        outputs = cls.head(size, 5)(made)
        require(outputs.shape == (ROWS, 5), f"the head for 5 outputs gives {tuple(outputs.shape)}")


@check(
    Backbone,
    why="Adaptive batch normalisation changes these layers' statistics, and methods that compare single samples need "
    "networks without them.",
    fix="Use batch normalisation if batch_norm is true, and nothing that mixes samples if it is false.",
)
def batch_norm_is_a_choice(cls: type[Backbone]) -> None:
    """There is batch normalisation exactly if it is requested; without it, samples do not affect each other."""
    for shape in _shapes(cls):
        for asked in (True, False):
            network, _ = _features(cls, shape, asked)
            there = any(isinstance(module, _BatchNorm) for module in network.modules())
            require(there == asked, f"batch_norm={asked} gives a network {'with' if there else 'without'} it")
        torch.manual_seed(3)
        alone = cls.features(shape, False)[0].eval()
        samples = _samples(shape)
        whole, single = alone(samples)[:1], alone(samples[:1])
        require(torch.allclose(whole, single, atol=1e-4), "without it, the features of a sample depend on its batch")


@check(
    Backbone,
    why="A layer without a gradient silently stays at its initial weights.",
    fix="Use each layer in forward, and detach no parameter from the loss.",
)
def every_layer_is_trained(cls: type[Backbone]) -> None:
    """Each parameter of features and head has a gradient."""
    for shape in _shapes(cls):
        network, size = _features(cls, shape)
        whole = nn.Sequential(network, cls.head(size, 3))
        whole(_samples(shape)).square().sum().backward()
        still = [name for name, each in whole.named_parameters() if each.grad is None or not each.grad.any()]
        require(not still, f"for samples of {shape} there is no gradient for {', '.join(still)}")


@check(
    Backbone,
    why="A run is repeatable only if its initial weights are.",
    fix="Draw initial weights from torch's generator alone.",
)
def starting_weights_follow_the_seed(cls: type[Backbone]) -> None:
    """The same seed gives the same initial weights."""
    for shape in _shapes(cls):
        first, second = (list(_features(cls, shape)[0].parameters()) for _ in range(2))
        same = len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        require(same, "the same seed gives other initial weights")


def _shapes(cls: type[Backbone], declined: bool = False) -> Iterator[tuple[int, ...]]:
    shapes = [shape for kind in cls.kinds for shape in SHAPES.get(kind, ())]
    chosen = [shape for shape in shapes if declined or not cls.declines(shape)]
    if not chosen:
        skip("it declines every shape of the kit")
    yield from chosen


def _features(cls: type[Backbone], shape: tuple[int, ...], batch_norm: bool = False) -> tuple[nn.Module, int]:
    torch.manual_seed(3)
    return cls.features(shape, batch_norm)


def _samples(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.rand(ROWS, *shape, generator=torch.Generator().manual_seed(4)) * 2 - 1
