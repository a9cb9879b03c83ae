"""Initial weights."""

from __future__ import annotations

from torch import nn


def normal_init(network: nn.Module, std: float = 0.02) -> None:
    """Convolutions and linear layers from N(0, std), scales of normalisations from N(1, std), biases zero.

    The initialisation of DCGAN (Radford et al. 2016, section 4) and CycleGAN (Zhu et al. 2017, appendix 7.1).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
