"""Light on the sub-pixels of a batch, and the soft shapes that cover them."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo_eyes.scene import Lighting

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # of linear light, ITU-R BT.709


def ramp(x: Tensor, width: Tensor | float) -> Tensor:
    """A soft step: 0 below -width/2, 1 above width/2."""
    return (x / width).add_(0.5).clamp_(0, 1)


def bell(x: Tensor, width: Tensor | float) -> Tensor:
    """A Gaussian of height 1."""
    x = x / width
    return (x * x).mul_(-0.5).exp_()


class Canvas:
    """Linear light in one plane [N, h, w] per channel, painted from back to front under an ambient and a main light."""

    def __init__(self, light: Lighting, channels: int, shape: torch.Size) -> None:
        self.light = light
        self.planes = [torch.zeros(shape, device=light.azimuth.device) for _ in range(channels)]

    def paint(self, colour: Tensor, ambient: Tensor | float, key: Tensor | float, cover: Tensor | float) -> None:
        """Lays a matt layer of reflectance `colour` [N, 3] where `cover` is; `ambient` and `key` say how it is lit."""
        in_ambient, in_key = self._seen(colour * self.light.ambient), self._seen(colour * self.light.key)
        for plane, a, k in zip(self.planes, in_ambient, in_key, strict=True):
            plane.add_((a * ambient + k * key - plane).mul_(cover))

    def glow(self, light: Tensor, cover: Tensor) -> None:
        """Adds a reflection of a light source of colour `light` [N, 3]."""
        for plane, seen in zip(self.planes, self._seen(light), strict=True):
            plane.add_(seen * cover)

    def _seen(self, colour: Tensor) -> list[Tensor]:
        """What each channel sees of a colour: [N, 1, 1]."""
        values = [colour[:, c, None, None] for c in range(3)]
        if len(self.planes) == 3:
            return values
        return [sum(weight * value for weight, value in zip(_LUMINANCE, values, strict=True))]  # type: ignore[list-item]
