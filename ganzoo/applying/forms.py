"""The forms of an input in Python, numpy or torch, and the conversion of results to the same form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument
from ganzoo.errors import UsageError
from ganzoo.pixels import to_uint8, to_unit_range

HINT = "`ganzoo refine --resizer` and `ganzoo data prepare` resize images"


@dataclass(frozen=True)
class Form:
    """The form of an input, which is also that of the result."""

    like: Tensor | None = None  # torch: the device of this, and its type if it holds floats
    channels_last: bool = False  # numpy: [N, H, W, C] even if there is one channel

    def back(self, made: Tensor, column: Column) -> np.ndarray | Tensor:
        """Rows of a column [N, ...] on the CPU, in this form."""
        floats = self.like is not None and self.like.is_floating_point() and self.like.dim() == 4
        if column.kind == "image":
            rows = made if floats else to_uint8(made)
        else:
            rows = made > 0.5 if column.kind == "mask" else made.float()
        if self.like is not None:
            return rows.to(self.like) if column.kind == "image" and floats else rows.to(self.like.device)
        array: np.ndarray = rows.numpy()
        if column.kind == "vector" or array.ndim != 4:
            return array
        return array.transpose(0, 2, 3, 1) if self.channels_last or array.shape[1] > 1 else array[:, 0]


@dataclass(frozen=True)
class Value:
    """An input given in Python: rows of its column on the CPU."""

    rows: Tensor  # images uint8 or float in [-1, 1], everything else float
    column: Column
    form: Form

    def part(self, rows: slice, device: torch.device) -> Tensor:
        """Some of the rows as the method takes them."""
        part = self.rows[rows].to(device)
        if part.dtype == torch.uint8:
            return to_unit_range(part)
        part = part.float()
        if self.column.kind == "image" and part.numel() and not float(part.abs().max()) <= 1 + 1e-3:  # NaN, too
            raise UsageError("images given as floats must lie in [-1, 1]: x / 127.5 - 1 of pixels from 0 to 255")
        return part


def value_of(given: Any, argument: Argument, column: Column, run: object) -> Value:
    """An argument of a call. `run` is named in the error for another size.

    Raises UsageError, in one sentence, if form or shape differ from those of the column.
    """
    if isinstance(given, Tensor):
        if given.layout != torch.strided or given.is_quantized or given.is_meta or given.is_nested:
            raise UsageError(f"{argument.name} must be an ordinary tensor: dense, not quantized and with values")
        form, rows = Form(like=given), given.detach()
    elif isinstance(given, np.ndarray) and given.dtype.kind in "fiub":
        form = Form(channels_last=given.ndim == 4)
        rows = torch.from_numpy(np.array(given, order="C", subok=False))  # torch takes no negative strides
    else:
        kind = given.dtype if isinstance(given, np.ndarray) else type(given).__name__
        raise UsageError(_wanted(argument, column) + f", not {kind}")
    if column.kind == "vector":
        return Value(_vectors(rows, argument, column), column, form)
    if column.kind == "image":
        _check_type(given, argument, column)
    rows = _channels_first(rows, form, argument, column, run)
    if column.kind == "mask":
        if not bool(((rows == 0) | (rows == 1)).all()):
            raise UsageError(f"{argument.name} must hold only masks: bool, or 0 and 1")
        rows = rows.float()
    return Value(rows, column, form)


def _check_type(given: np.ndarray | Tensor, argument: Argument, column: Column) -> None:
    if isinstance(given, Tensor):
        if given.dtype != torch.uint8 and not given.is_floating_point():
            raise UsageError(f"images must be a tensor of uint8, or of floats in [-1, 1], not {given.dtype}")
    elif given.dtype != np.uint8:
        raise UsageError(_wanted(argument, column) + f", not {given.dtype}")


def _wanted(argument: Argument, column: Column) -> str:
    if column.kind == "image":
        return f"{argument.meaning}: images must be a numpy array of uint8 [N, H, W, C] or a torch tensor"
    if column.kind == "mask":
        return f"{argument.name} must be a numpy array [N, H, W] or a torch tensor [N, C, H, W] of bool, or of 0 and 1"
    return f"{argument.name} must be numbers {_shape(column)}, a numpy array or a torch tensor"


def _channels_first(rows: Tensor, form: Form, argument: Argument, column: Column, run: object) -> Tensor:
    """Images or masks as [N, C, H, W]."""
    channels, height, width = column.shape
    torch_form = form.like is not None
    found, form_word = rows, "[N, C, H, W]" if torch_form else "[N, H, W, C]"
    if rows.dim() == 3 and channels == 1 and (not torch_form or column.kind == "mask"):
        found, form_word = rows[:, None], "[N, H, W]"
    elif rows.dim() == 4 and not torch_form:
        found = rows.permute(0, 3, 1, 2)
    if tuple(found.shape[1:]) == column.shape:
        return found
    what = "images" if column.kind == "image" else argument.name
    hint = f"; {HINT}" if column.kind == "image" else ""
    raise UsageError(
        f"{what} {form_word} of {height} x {width} pixels and {channels} channels are what {run} was trained on, and "
        f"these are {list(rows.shape)}{hint}"
    )


def _vectors(rows: Tensor, argument: Argument, column: Column) -> Tensor:
    if rows.dim() == 1 and column.shape == (1,):
        rows = rows[:, None]
    if tuple(rows.shape[1:]) != column.shape:
        raise UsageError(f"{argument.name} must be numbers {_shape(column)}, but these are {list(rows.shape)}")
    if not bool(rows.isfinite().all()):
        raise UsageError(f"{argument.name} must be finite numbers")
    return rows.float().cpu()


def _shape(column: Column) -> str:
    return f"[N, {', '.join(map(str, column.shape))}]"
