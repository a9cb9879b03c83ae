"""Changes to what a discriminator sees and a generator starts from, which stabilise adversarial training."""

from __future__ import annotations

import torch
from torch import Tensor


def instance_noise(samples: Tensor, deviation: Tensor) -> Tensor:
    """Samples [N, ...] with normal noise of a deviation, 0-d (Soenderby et al. 2017; Arjovsky and Bottou 2017).

    It is added to real and to generated samples alike: distributions that do not overlap do so with it, and their
    divergence is no longer constant.
    """
    return samples + deviation * torch.randn_like(samples)


def pack(samples: Tensor, size: int) -> Tensor:
    """Samples [N, C, ...] in packs of `size`, which a discriminator judges together: [N / size, size C, ...].

    A pack is the concatenation of consecutive samples along their first dimension (Lin et al. 2018, section 3).
    """
    return samples.unflatten(0, (-1, size)).flatten(1, 2)


def on_sphere(latents: Tensor) -> Tensor:
    """Latent vectors [N, D] on the sphere of radius sqrt(D) (White 2016), where nearly all normal ones lie."""
    return latents * (latents.shape[1] ** 0.5 / latents.norm(dim=1, keepdim=True))
