"""Sample sheets: what a method makes, beside what it starts from and what it should look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch.nn import functional as F

from ganzoo.dataset import Domain
from ganzoo.errors import PluginError
from ganzoo.files.output import writing
from ganzoo.loader import reseed, to_uint8, to_unit_range
from ganzoo.loop import device_of
from ganzoo.method import Generates, Method, Refines

COLUMNS = 12
ENLARGED = 2  # eyes are small; a sheet is looked at
FRAME = 3  # white pixels between images


def sample_sheet(method: Method, source: Domain, target: Domain, file: Path, *, seed: int) -> bool:
    """Write a PNG with the source above the refined above the real (or the generated above the real).

    The same images on every call. Returns False for a method that makes no images. Raises GanzooError where the file
    cannot be written.
    """
    device = device_of(method)
    first = _show(source, device)
    real = _show(target, device)
    training = method.training
    method.eval()
    reseed(device, seed, "sheet")
    with torch.no_grad():
        if isinstance(method, Refines):
            rows = [first, method.refine(first), real]
        elif isinstance(method, Generates):
            rows = [method.generate(len(real)), real]
        else:
            rows = []
    method.train(training)
    if not rows:
        return False
    if odd := [list(row.shape) for row in rows if row.shape != real.shape]:
        raise PluginError(f"method {method.name} made images {odd[0]}, not {list(real.shape)}; the shape must stay")
    images = to_uint8(torch.cat([row.float().cpu() for row in rows]))
    images = images.repeat_interleave(ENLARGED, -1).repeat_interleave(ENLARGED, -2)
    framed = F.pad(images, (0, FRAME, 0, FRAME), value=255)
    grid = rearrange(framed, "(row column) c h w -> c (row h) (column w)", column=COLUMNS)
    pixels = F.pad(grid, (FRAME, 0, FRAME, 0), value=255).permute(1, 2, 0).numpy()
    aside = file.with_suffix(".partial.png")
    with writing(file):
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(aside)
        aside.replace(file)
    return True


def _show(domain: Domain, device: torch.device) -> torch.Tensor:
    picked = domain.spread(COLUMNS)
    rows = np.resize(np.arange(len(picked)), COLUMNS)  # a tiny domain fills its row by repetition
    return to_unit_range(torch.from_numpy(np.ascontiguousarray(picked.images[rows])).to(device))
