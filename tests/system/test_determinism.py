"""`--deterministic`, as far as a CPU can tell."""

from __future__ import annotations

import os

import pytest
import torch

from ganzoo.discovery.registry import registry
from ganzoo.errors import GanzooError
from ganzoo.system.determinism import WORKSPACE, deterministic
from ganzoo.testing import toy

BUILT_IN = sorted(
    name for plugin in registry().plugins if plugin.package == "ganzoo" for name in plugin.adds.get("methods", ())
)


@pytest.mark.parametrize("name", BUILT_IN)
def test_on_a_cpu_it_changes_no_bit_of_any_method(name):
    cls = registry().get("methods", name)
    plain, asked = toy.hurried(cls), toy.hurried(cls)
    assert toy.train(plain, steps=3) == toy.train(asked, steps=3, deterministic=True)
    assert not toy.differences(toy.state(plain), toy.state(asked))


def test_an_operation_without_such_a_kernel_is_named_and_torch_is_left_as_it_was(monkeypatch):
    monkeypatch.delenv(WORKSPACE, raising=False)
    with pytest.raises(GanzooError, match=r"--deterministic: put_ .*leave it out"):
        put_deterministically()
    assert not torch.are_deterministic_algorithms_enabled()
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()


def put_deterministically():
    with deterministic(True):
        assert os.environ[WORKSPACE] == ":4096:8"
        torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1.0]))
