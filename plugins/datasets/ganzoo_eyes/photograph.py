"""From light to grey levels: a plain conversion for the simulator, a webcam and the normalisation for the target."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo_eyes.counter import Draws
from ganzoo_eyes.scene import Photography
from ganzoo_eyes.view import OVERSAMPLING

# Annex K of the JPEG standard (ITU-T T.81): luminance quantisation.
_JPEG_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_SHARPENING_RADIUS = 0.9  # camera pixels
_GREY = (0.299, 0.587, 0.114)  # of coded grey levels, ITU-R BT.601


def develop(light: Tensor) -> Tensor:
    """The simulator's picture: linear light [N, C, 2h, 2w] as levels 0 to 255 [N, C, h, w], exposed for white eyes."""
    return _coded(_pooled(light) * 1.1) * 255


def photograph(light: Tensor, photo: Photography, draws: Draws) -> Tensor:
    """The webcam's picture, warped into the normalised image: levels 0 to 255, float [N, C, h, w]."""
    p = photo.for_pixels()
    image = _pooled(light)
    image = _blurred(image, p.blur_x[:, None], p.blur_y[:, None])
    image = _coded(_exposed(image, p))
    image = p.contrast[:, None] * (image - 0.45) + 0.45
    around = torch.full_like(p.sharpen, _SHARPENING_RADIUS)[:, None]
    image = image + p.sharpen[:, None] * (image - _blurred(image, around, around))
    # Shot noise grows with the square root of the light, so after the coding it changes little over the range.
    noise = draws.noise("pixels", *image.shape[1:]) * p.noise[:, None] * (0.6 + 0.8 * (1 - image.clamp(0, 1)))
    levels = torch.floor((image * 255 + noise).clamp(0, 255) + 0.5)
    return _normalised(jpeg(levels, photo.quality), photo)


def _pooled(light: Tensor) -> Tensor:
    """Each pixel is the mean of its sub-pixels; summed in a fixed order."""
    assert OVERSAMPLING == 2
    rows = light[:, :, 0::2] + light[:, :, 1::2]
    return (rows[..., 0::2] + rows[..., 1::2]) * 0.25


def _coded(light: Tensor) -> Tensor:
    """Linear light in [0, 1] as coded levels in [0, 1], with a power of 1 / 2.2."""
    return torch.exp(torch.log(light.clamp(1e-5, 1).contiguous()) / 2.2)


def _exposed(image: Tensor, p: Photography) -> Tensor:
    """Automatic exposure on the middle of the face, with its errors; white clips. Haze lifts the black."""
    n, _, height, width = image.shape
    # A mean over few fixed points, in a fixed order.
    points = image[:, :, 3 :: max(1, height // 6), 3 :: max(1, width // 6)].double().flatten(1)
    mean = points[:, 0].clone()
    for k in range(1, points.shape[1]):
        mean = mean + points[:, k]
    mean = (mean / points.shape[1]).float().view(n, 1, 1, 1)
    aim = torch.exp(2.2 * torch.log(p.exposure[:, None] / 255))
    return image * (aim / mean.clamp(min=1e-4)) + p.haze[:, None] * aim


def _blurred(image: Tensor, sigma_x: Tensor, sigma_y: Tensor) -> Tensor:
    """A Gaussian of its own width for each image [N, C, h, w]; taps are added in a fixed order."""
    for dim, sigma in ((3, sigma_x), (2, sigma_y)):
        reach = 3
        pad = (reach, reach, 0, 0) if dim == 3 else (0, 0, reach, reach)
        padded = F.pad(image, pad, mode="replicate")
        size = image.shape[dim]
        weights = [torch.exp(-0.5 * (k / sigma) ** 2) for k in range(reach + 1)]
        total = weights[0] + 2 * (weights[1] + weights[2] + weights[3])
        blurred = weights[0] * padded.narrow(dim, reach, size)
        for k in range(1, reach + 1):
            blurred = blurred + weights[k] * (padded.narrow(dim, reach - k, size) + padded.narrow(dim, reach + k, size))
        image = blurred / total
    return image


def jpeg(levels: Tensor, quality: Tensor) -> Tensor:
    """Levels [N, C, h, w] after JPEG at `quality` [N]: blocks of 8x8, the standard's table, no chroma subsampling."""
    n, _, height, width = levels.shape
    padded = F.pad(levels, (0, -width % 8, 0, -height % 8), mode="replicate").double() - 128
    blocks = padded.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)  # [N, C, rows, columns, 8, 8]
    k = torch.arange(8, dtype=torch.float64, device=levels.device)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * torch.pi / 16) * 0.5
    basis[0] = 8**-0.5
    quality = quality.double()
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(n, 1, 1, 1, 1, 1)  # as in libjpeg
    table = torch.tensor(_JPEG_LUMINANCE, dtype=torch.float64, device=levels.device)
    table = torch.floor((table * scale + 50) / 100).clamp(1, 255)
    # The small bias decides ties the same way whatever the order of summation in the products.
    coded = torch.floor(basis @ blocks @ basis.T / table + 0.5 + 1e-7) * table
    decoded = (basis.T @ coded @ basis).transpose(3, 4).flatten(4, 5).flatten(2, 3)[:, :, :height, :width]
    return torch.floor((decoded + 128.5 + 1e-7).clamp(0, 255)).float()


def _normalised(image: Tensor, photo: Photography) -> Tensor:
    """The camera's picture resampled at the pixels of the normalised image, bilinearly."""
    for dim, phase in ((2, photo.phase_y), (3, photo.phase_x)):
        size = image.shape[dim]
        middle = (size - 1) / 2
        at = (torch.arange(size, device=image.device) - middle)[None] * photo.scale[:, None] + middle - phase[:, None]
        at = at.clamp(0, size - 1)
        low = at.floor().clamp(max=size - 2)
        part = at - low
        shape = (-1, 1, size, 1) if dim == 2 else (-1, 1, 1, size)
        rows, weight = low.long().view(shape).expand_as(image), part.view(shape)
        image = image.gather(dim, rows) * (1 - weight) + image.gather(dim, rows + 1) * weight
    return image


def equalized(levels: Tensor) -> Tensor:
    """Histogram equalisation as cv2.equalizeHist does it, which MPIIGaze used: uint8 [N, C, h, w].

    Colour pictures are equalised in their luminance, and keep their ratios of colours as far as levels allow.
    """
    image = torch.floor(levels.clamp(0, 255) + 0.5)
    if image.shape[1] == 1:
        return _equalized_grey(image.long()).to(torch.uint8)
    grey = sum(weight * image[:, c : c + 1] for c, weight in enumerate(_GREY))
    assert isinstance(grey, Tensor)
    gain = _equalized_grey(torch.floor(grey + 0.5).long()) / grey.clamp(min=1)
    return torch.floor((image * gain).clamp(0, 255) + 0.5).to(torch.uint8)


def _equalized_grey(image: Tensor) -> Tensor:
    flat = image.flatten(1)
    count = torch.zeros(len(flat), 256, dtype=torch.int64, device=flat.device)
    count.scatter_add_(1, flat, torch.ones_like(flat))
    reached = count.cumsum(1)
    lowest = count.gather(1, flat.min(1, keepdim=True).values)
    scale = 255.0 / (flat.shape[1] - lowest).clamp(min=1).double()
    table = torch.floor(((reached - lowest).clamp(min=0) * scale + 0.5).clamp(0, 255))
    return table.gather(1, flat).view_as(image).float()


def rounded(levels: Tensor) -> Tensor:
    """Levels as uint8."""
    return torch.floor(levels.clamp(0, 255) + 0.5).to(torch.uint8)
