"""Sample sheets: what a method makes, beside what it starts from and what it should look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torchvision.utils import make_grid, save_image

from ganzoo.dataset import Domain
from ganzoo.loader import reseed, to_unit_range
from ganzoo.loop import device_of
from ganzoo.method import Generates, Method, Refines

COLUMNS = 12
ENLARGED = 2  # eyes are small; a sheet is looked at


def sample_sheet(method: Method, source: Domain, target: Domain, file: Path, *, seed: int) -> bool:
    """Write a PNG with the source above the refined above the real (or the generated above the real).

    The same images on every call. Returns False for a method that makes no images.
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
    images = torch.cat([row.float().cpu() for row in rows])
    images = images.repeat_interleave(ENLARGED, -1).repeat_interleave(ENLARGED, -2)
    grid = make_grid(images, nrow=COLUMNS, padding=3, normalize=True, value_range=(-1, 1), pad_value=1.0)
    aside = file.with_suffix(".partial.png")
    save_image(grid, aside)
    aside.replace(file)
    return True


def _show(domain: Domain, device: torch.device) -> torch.Tensor:
    picked = domain.spread(COLUMNS)
    rows = np.resize(np.arange(len(picked)), COLUMNS)  # a tiny domain fills its row by repetition
    return to_unit_range(torch.from_numpy(np.ascontiguousarray(picked.images[rows])).to(device))
