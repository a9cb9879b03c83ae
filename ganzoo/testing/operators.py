"""A CUDA graph emulated on a CPU: the operators of one update, recorded with their tensors and numbers and replayed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class OperatorRecorder:
    """A `ganzoo.training.cuda_graphs.Recorder` for a CPU.

    Like a graph it repeats operators at fixed addresses, so that host values of a loss stay as recorded; like a graph
    it executes nothing while it records, and refuses to read a value. It saves no time.
    """

    def aside(self) -> nullcontext[None]:
        return nullcontext()

    def record(self, work: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor], Callable[[], None]]:
        noise, operators = torch.get_rng_state(), _Operators()
        try:
            with operators:
                results = work()
        finally:
            operators.undo()
            torch.set_rng_state(noise)
        return results, operators.run_again


class _Operators(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor]]] = []
        self.made: dict[int, torch.UntypedStorage] = {}  # by address; kept, so that no address is used twice
        self.before: dict[int, tuple[Tensor, Tensor]] = {}  # all other memory that was used, and its content

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a value is read on the host, which a recording does not allow")
        given = {_address(tensor): tensor for tensor in _tensors((args, kwargs))}
        for address, tensor in given.items():
            if address not in self.made and address not in self.before:
                whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
                self.before[address] = whole, whole.clone()
        result = func(*args, **kwargs)
        outputs = _tensors(result)
        self.made.update({_address(each): each.untyped_storage() for each in outputs if _address(each) not in given})
        self.calls.append((func, args, kwargs, outputs))
        return result

    def undo(self) -> None:
        for tensor, value in self.before.values():
            tensor.copy_(value)

    @torch.no_grad()
    def run_again(self) -> None:
        for func, args, kwargs, outputs in self.calls:
            for tensor, value in zip(outputs, _tensors(func(*args, **kwargs)), strict=True):
                if tensor.data_ptr() != value.data_ptr():
                    tensor.copy_(value)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
