"""The convolutional networks of DCGAN (Radford et al. 2016, section 3), for images of any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from ganzoo.batch import Column

Norm = Callable[[int], nn.Module]  # of a number of feature maps
LAYER_NORM: Norm = partial(nn.GroupNorm, 1)
"""Normalises each sample by itself, for networks whose batches mix kinds of samples."""


def convolutional_generator(
    sample: Column, *, latent: int, width: int, levels: int, norm: Norm = nn.BatchNorm2d
) -> nn.Sequential:
    """Latent vectors [N, latent] to images [N, C, H, W] in [-1, 1] (figure 1).

    They are projected to small feature maps, which double in size and halve in number at each of `levels`; the last
    level has `width` of them. The excess of a size that is not a whole number of doublings is cropped.
    """
    channels, *size = sample.shape
    rows, columns = (-(-side // 2**levels) for side in size)
    maps = [width * 2**level for level in reversed(range(levels))]
    layers: list[nn.Module] = [
        nn.Linear(latent, maps[0] * rows * columns, bias=False),
        nn.Unflatten(1, (maps[0], rows, columns)),
        norm(maps[0]),
        nn.ReLU(),
    ]
    for wide, narrow in pairwise(maps):
        layers += [_doubling(wide, narrow, bias=False), norm(narrow), nn.ReLU()]
    return nn.Sequential(*layers, _doubling(maps[-1], channels, bias=True), nn.Tanh(), Crop(*size))


def convolutional_discriminator(
    sample: Column, *, width: int, levels: int, outputs: int = 1, norm: Norm = nn.BatchNorm2d
) -> nn.Sequential:
    """Images [N, C, H, W] to [N, outputs]: strided convolutions, LeakyReLU, and `norm` except at the input.

    There is no pooling and no hidden fully connected layer: the last layer is linear in the last feature maps.
    """
    channels, *size = sample.shape
    maps = [width * 2**level for level in range(levels)]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
    for narrow, wide in pairwise(maps):
        convolution = nn.Conv2d(narrow, wide, 5, stride=2, padding=2, bias=False)
        layers += [convolution, norm(wide), nn.LeakyReLU(0.2)]
    rows, columns = (-(-side // 2**levels) for side in size)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(maps[-1] * rows * columns, outputs))


class Crop(nn.Module):
    """The top left corner of images, of a given size."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, images: Tensor) -> Tensor:
        return images[..., : self.rows, : self.columns]


def _doubling(channels: int, maps: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, maps, 5, stride=2, padding=2, output_padding=1, bias=bias)
