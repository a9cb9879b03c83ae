"""A classifier of the digits that `modes` reads from the channels of stacked ones."""

from __future__ import annotations

import numpy as np

from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method
from ganzoo.metric import Evaluation
from ganzoo.nn.predictor import PredictorConfig
from ganzoo.task import ClassTask
from ganzoo_scores.label_of_generated import LabelReader, predicted

DIGITS = 10
STEPS, BATCH = 1_000, 64


def digit_network(data: Evaluation, stacked: Domain, seed: int) -> Method:
    """The MNIST network of Ganin et al. 2016 (figure 4a), trained on each channel of stacked digits.

    Their domain has the column `digits` [N, channels].
    """
    height, width = stacked.images.shape[2:]
    task = ClassTask(classes=DIGITS)
    spec = DataSpec({"source": Column((1, height, width)), "source_label": Column((1,), "vector")}, task)
    single = Domain(
        f"{stacked.name} digits",
        np.ascontiguousarray(stacked.images.reshape(-1, 1, height, width)),
        stacked.extra["digits"].reshape(-1, 1),
    )
    config = PredictorConfig(network="mnist", augment=False)
    return data.fit(LabelReader(config, spec), single, steps=STEPS, batch_size=BATCH, seed=seed)


def read_digits(data: Evaluation, network: Method, images: np.ndarray) -> np.ndarray:
    """The digit that each channel of uint8 images [N, channels, H, W] shows: int [N, channels]."""
    single = images.reshape(-1, 1, *images.shape[2:])
    return predicted(data, network, single).round().long().numpy().reshape(len(images), -1)
