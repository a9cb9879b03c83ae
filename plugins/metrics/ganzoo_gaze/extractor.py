"""The extractor `gaze`: it needs no download, because ganzoo trains it on the dataset's own source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganzoo.metric import Extraction, Extractor
from ganzoo.pixels import to_unit_range
from ganzoo_gaze.network import HIDDEN, GazeNetwork
from ganzoo_gaze.training import GazeTraining, require_gaze, train, training_card


class GazeFeatures(Extractor):
    name = "gaze"
    summary = "The 1,000 hidden units of the paper's gaze network, trained on the dataset's source with a fixed seed."

    def __init__(self, data: Extraction) -> None:
        require_gaze(data, "the extractor gaze")
        source = data.domain("source")
        asked = GazeTraining()
        steps = asked.steps if data.most_fit_steps is None else min(asked.steps, data.most_fit_steps)
        self._settings, self._source = asked.model_copy(update={"steps": steps}), source.fingerprint()
        network = train(data, source, self._settings)
        assert isinstance(network, GazeNetwork)
        self.network = network

    @property
    def card(self) -> Mapping[str, Any]:
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return {
            **training_card(self._settings),
            "weights_sha256": digest.hexdigest(),
            "trained_on": self._source,
            "layer": "hidden units after ReLU",
            "feature_size": HIDDEN,
            "resizer": "none",
        }

    def features(self, images: Tensor) -> Tensor:
        """Features [N, 1000] of uint8 images [N, C, H, W]."""
        with torch.no_grad():
            return self.network.features(to_unit_range(images))
