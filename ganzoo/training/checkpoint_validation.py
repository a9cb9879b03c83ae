"""What a checkpoint must hold to fit a run. It is checked before anything of the run is replaced.

A checksum detects damage, but not manipulation: an attacker can forge it.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import CheckpointError

LARGEST = 2**53  # a float holds every integer up to this one


def restore_optimizer(name: str, optimizer: torch.optim.Optimizer, state: Any) -> None:
    """Load an optimizer's state of each weight; its settings stay those of the run, whatever was saved.

    Raises CheckpointError if the state does not fit the weights of the run, or the kind of optimizer.
    """
    current = optimizer.state_dict()
    remembered = state.get("state") if isinstance(state, dict) else None
    fits = isinstance(remembered, dict) and "param_groups" in state and _fits(optimizer, remembered)
    if not fits or _counts(state["param_groups"]) != _counts(current["param_groups"]):
        raise CheckpointError(f"the state of its optimizer {name!r} does not fit the weights of this run")
    optimizer.load_state_dict({"state": remembered, "param_groups": current["param_groups"]})


def meter_state(document: Any) -> dict[str, tuple[float, int]]:
    """Sums and counts of loss terms, as `Meter.state` returns them. Raises ValueError for anything else."""
    if not isinstance(document, dict):
        raise ValueError("its means are not a table")
    for value in document.values():
        pair = (
            isinstance(value, list)
            and len(value) == 2
            and all(type(part) is float or (type(part) is int and abs(part) < LARGEST) for part in value)
        )
        # a sum may be infinite: the next line of the log says so, and ends the run
        if not pair or type(value[1]) is not int or not 0 < value[1] < LARGEST:
            raise ValueError("its means are not pairs of a sum and a count")
    return {key: (float(total), count) for key, (total, count) in document.items()}


def warnings_state(document: Any) -> dict[str, Any]:
    """What `PersistentWarnings.state` returns. Raises ValueError for anything else."""
    if not isinstance(document, dict):
        raise ValueError("its warnings are not a table")
    for value in document.values():
        if not (isinstance(value, list) and [type(part) for part in value] == [int, int, str]):
            raise ValueError("its warnings are not a step, a number of lines and a sentence each")
    return document


def _fits(optimizer: torch.optim.Optimizer, remembered: dict[Any, Any]) -> bool:
    if isinstance(optimizer, torch.optim.LBFGS):  # keeps lists that grow, and flat vectors of all weights
        size = sum(weight.numel() for group in optimizer.param_groups for weight in group["params"])
        return set(remembered) <= {0} and all(_of_lbfgs(value, size) for value in remembered.values())
    expected = _after_a_step(optimizer)
    return all(
        type(key) is int and key in expected and _alike(value, expected[key]) for key, value in remembered.items()
    )


def _of_lbfgs(value: Any, size: int) -> bool:
    """Whether a value consists of numbers, and of vectors with one number for each weight or a single one."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _of_lbfgs(part, size) for key, part in value.items())
    if isinstance(value, list):
        return all(_of_lbfgs(part, size) for part in value)
    if isinstance(value, Tensor):
        return value.dtype == torch.float32 and value.numel() in (1, size) and value.dim() <= 1
    return value is None or type(value) in (int, float)


def _after_a_step(optimizer: torch.optim.Optimizer) -> dict[int, Any]:
    """The state that an optimizer of this kind keeps of each weight, from one step of a twin with zero gradients.

    The twin's weights are on the meta device, where they take no memory. The plain update, without fused kernels,
    keeps tensors of the same shapes and types.
    """
    twin = copy.copy(optimizer)  # with a state and groups of its own
    twin.state = defaultdict(dict)
    twin.param_groups = [{**group, **_plain(group), "params": [_on_meta(each) for each in group["params"]]}
                         for group in optimizer.param_groups]  # fmt: skip
    try:
        twin.step()
    except Exception:  # an optimizer that reads the values of its weights needs real ones
        twin = copy.deepcopy(optimizer)
        for weight in (each for group in twin.param_groups for each in group["params"]):
            weight.grad = torch.zeros_like(weight)
        twin.step()
    return dict(twin.state_dict()["state"])


def _plain(group: dict[str, Any]) -> dict[str, bool]:
    """Settings of a group that ask for kernels which the meta device does not have."""
    return {name: False for name in ("fused", "foreach", "capturable") if name in group}


def _on_meta(weight: Tensor) -> Tensor:
    twin = torch.empty_like(weight, device="meta", requires_grad=True)
    twin.grad = torch.empty_like(twin)
    return twin


def _alike(value: Any, expected: Any) -> bool:
    """Whether two values have the same form: keys, types, and of tensors shape and dtype."""
    if isinstance(expected, dict):
        alike = isinstance(value, dict) and value.keys() == expected.keys()
        return alike and all(_alike(value[key], part) for key, part in expected.items())
    if isinstance(expected, Tensor):
        plain = isinstance(value, Tensor) and value.layout == expected.layout
        return plain and value.shape == expected.shape and value.dtype == expected.dtype
    return type(value) is type(expected)


def _counts(groups: Any) -> Any:
    """How many weights each group has."""
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        return None
    return [len(group["params"]) if isinstance(group.get("params"), list) else None for group in groups]
