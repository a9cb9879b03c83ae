"""The extractor `inception`: pytorch-fid's own network with its standard weights."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganzoo.metric import Extraction, Extractor
from ganzoo_fid.colour import GREY, in_colour
from ganzoo_fid.weights import INCEPTION


def build_inception(weights: Mapping[str, Tensor]) -> nn.Module:
    """pytorch-fid's InceptionV3 with these weights, in eval mode; maps [N, 3, H, W] in [0, 1] to a list of one tensor.

    Each BatchNorm is folded, in float64, into the convolution before it: features change by rounding only.
    """
    from pytorch_fid import inception  # here, because it imports torchvision, which takes a second
    from torchvision.models.inception import BasicConv2d

    # Its constructor downloads the weights and accepts no others, so ours replace the download.
    with mock.patch.object(inception, "load_state_dict_from_url", return_value=weights):
        network: nn.Module = inception.InceptionV3().eval()
    for module in network.modules():
        if isinstance(module, BasicConv2d):
            module.conv = fuse_conv_bn_eval(module.conv.double(), module.bn.double()).float()
            module.bn = nn.Identity()
    return network.to(memory_format=torch.channels_last).requires_grad_(False)


class Inception(Extractor):
    name = "inception"
    summary = "pool3 features of pytorch-fid's InceptionV3: what published FIDs are measured on."

    def __init__(self, data: Extraction) -> None:
        file, self._digest = INCEPTION.find()
        self.network = build_inception(torch.load(file, map_location="cpu", weights_only=True)).to(data.device)

    @classmethod
    def status(cls) -> str:
        return INCEPTION.status()

    @property
    def card(self) -> Mapping[str, Any]:
        return {
            "weights_sha256": self._digest,
            "layer": "pool3",
            "feature_size": 2048,
            "resizer": "torch bilinear to 299 x 299, align_corners=False, antialias=False (as in pytorch-fid)",
            "grey_images": GREY,
            "versions": {package: version(package) for package in ("pytorch-fid", "torchvision")},
        }

    def features(self, images: Tensor) -> Tensor:
        """Features [N, 2048] of uint8 images [N, 1 or 3, H, W]."""
        return in_colour(self._pool3, images)

    def _pool3(self, colour: Tensor) -> Tensor:
        return self.network((colour / 255).contiguous(memory_format=torch.channels_last))[0].flatten(1)
