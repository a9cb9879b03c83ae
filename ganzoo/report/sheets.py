"""Sample sheets: a method's output, with its input and real samples."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganzoo.capabilities.base import Capability, all_of
from ganzoo.dataset import Domain
from ganzoo.evaluation.evaluate import to_device
from ganzoo.files.output import writing
from ganzoo.method import Method
from ganzoo.pixels import to_uint8
from ganzoo.report.scatter import POINTS, scatter_plots
from ganzoo.system.atomic import replacing
from ganzoo.training.devices import device_of
from ganzoo.training.loader import reseed

COLUMNS = 12
ENLARGED = 2  # eyes are small, so images are enlarged
FRAME = 3  # white pixels between images


def sample_sheet(
    method: Method,
    source: Domain | None,
    target: Domain | None,
    file: Path,
    *,
    seed: int,
    capabilities: Mapping[str, type[Capability]],
) -> bool:
    """Write a PNG of the method's output: rows of images for each capability above the real ones, such as the source
    above the refined above the real; or scatter plots of its output over the real points.

    The same samples on every call. Returns False for a method without samples, and for vectors that are not
    points of a plane. Raises GanzooError if the file cannot be written.
    """
    domains = {"source": source, "target": target}
    real = target or source
    assert real is not None  # a dataset has one of them
    flat = real.samples.dtype != np.uint8
    count = POINTS if flat else COLUMNS
    rows: list[tuple[str, list[Tensor]]] = []
    modes = {module: module.training for module in method.modules()}
    method.eval()
    reseed(device_of(method), seed, "sheet")
    with torch.no_grad():
        for able in all_of(capabilities, method).values():
            if found := _rows(able, method, domains, count):
                rows.append((able.adjective, found))
    for module, mode in modes.items():
        module.training = mode
    if not rows:
        return False
    shown = _shown(real, count, "", device_of(method))
    assert shown is not None
    if not flat:
        _grid([*chain(*(found for _, found in rows)), shown], file)
    elif shown.dim() != 2 or shown.shape[1] != 2:
        return False
    else:
        made = [(adjective, found[-1].float().cpu().numpy()) for adjective, found in rows]
        scatter_plots(made, shown.cpu().numpy(), file)
    return True


def _rows(able: Capability, method: Method, domains: Mapping[str, Domain | None], count: int) -> list[Tensor]:
    """The rows of one capability; none if the data lack an input of it."""
    if able.makes != "samples":
        return []
    inputs = []
    for argument in able.arguments:
        domain = domains[argument.side] or domains["target"] or domains["source"]
        given = None if domain is None else _shown(domain, count, argument.column, device_of(method))
        if given is None:
            return []
        inputs.append(given)
    return able.rows(method, inputs, able.run(method, count, inputs))


def _shown(domain: Domain, count: int, column: str, device: torch.device) -> Tensor | None:
    picked = domain.spread(count)
    rows = np.resize(np.arange(len(picked)), count)  # a tiny domain fills its row by repetition
    columns = picked.columns()
    return to_device(np.ascontiguousarray(columns[column][rows]), device) if column in columns else None


def _grid(rows: list[Tensor], file: Path) -> None:
    """Rows of COLUMNS images [N, C, H, W]; smaller ones are enlarged to the size of the largest."""
    size = max(row.shape[-2] for row in rows), max(row.shape[-1] for row in rows)
    same = [row if row.shape[-2:] == size else F.interpolate(row.float(), size, mode="nearest") for row in rows]
    images = to_uint8(torch.cat([row.float().cpu() for row in same]))
    images = images.repeat_interleave(ENLARGED, -1).repeat_interleave(ENLARGED, -2)
    framed = F.pad(images, (0, FRAME, 0, FRAME), value=255)
    grid = rearrange(framed, "(row column) c h w -> c (row h) (column w)", column=COLUMNS)
    pixels = F.pad(grid, (FRAME, 0, FRAME, 0), value=255).permute(1, 2, 0).numpy()
    with writing(file), replacing(file) as aside:
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(aside, format="png")
