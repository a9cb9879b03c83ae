"""Domain-Adversarial Training of Neural Networks (Ganin et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.adversarial import cross_entropy
from ganzoo.nn.diversity import diversity
from ganzoo.nn.predictor import LAPTOP, PAPER, PAPER_TRAINING, Predictor, recipe
from ganzoo.nn.reversal import reverse_gradient
from ganzoo_adaptation.label_matching import LabelMatching, LabelMatchingConfig, declines

ganzoo_contract = 2


class DANNConfig(LabelMatchingConfig):
    """Settings of DANN. The defaults fit eyes on a laptop; the preset `paper` is the paper's MNIST experiment."""

    batch_norm: bool = Field(
        True, description="BatchNorm after each convolution, over source and target together; the paper has none."
    )
    reversal: float = Field(
        0.1,
        ge=0,
        description="Final strength (lambda) of the reversed gradient; 0: features are not adapted. The paper's 1 "
        "is for classification; a gaze loss is about a tenth of a cross-entropy.",
    )
    domain_width: int = Field(1024, ge=1, description="Units in a hidden layer of the domain classifier.")
    domain_layers: int = Field(2, ge=0, description="Hidden layers of the domain classifier.")


# The paper's domain classifier is 1024-1024-2, and 100-2 for MNIST (section 5.2.2).
MNIST: dict[str, Any] = {**PAPER, "batch_norm": False, "reversal": 1.0, "domain_width": 100, "domain_layers": 1}


class DANN(Method):
    name = "dann"
    summary = "Predicts labels from features in which a domain classifier cannot tell the source from the target."
    paper = "https://arxiv.org/abs/1505.07818"
    Config = DANNConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "no-reversal": {"method": {"reversal": 0.0}, "train": LAPTOP},
        "matched": {"method": {"match_labels": 2}, "train": LAPTOP},
        "paper": {"method": MNIST, "train": PAPER_TRAINING},
    }

    def __init__(self, config: DANNConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)
        widths = [self.predictor.feature_size, *[config.domain_width] * config.domain_layers]
        hidden = [layer for sizes in pairwise(widths) for layer in (nn.Linear(*sizes), nn.ReLU())]
        self.domain_classifier = nn.Sequential(*hidden, nn.Linear(widths[-1], 2))
        self.matching = LabelMatching(config.match_labels, spec)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        networks = [self.predictor, self.domain_classifier]
        averages = self.matching.averages("matching")
        return {"predictor": Phase(networks, self.loss, *recipe(self.config), averages=averages)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Section 4.2: the features are trained against the domain classifier, which learns at full strength."""
        count = len(batch)
        rows, label = self.matching.draw(batch)
        images = self.predictor.training_images(torch.cat([rows, batch.target]))
        features = self.predictor.features(images)
        reversal = self.config.reversal * self.matching.ramp(batch.progress)
        domains = self.domain_classifier(reverse_gradient(features, reversal))
        source, target = domains[:count], domains[count:]
        right = torch.cat([source[:, 0] > source[:, 1], target[:, 1] > target[:, 0]])
        output = self.predictor.head(features[:count]).float()
        terms = {
            "task": self.predictor.task.loss(output, label),
            "source_domain": cross_entropy(source, real=False),
            "target_domain": cross_entropy(target, real=True),
            "domain_accuracy": right.float().mean(),
            "reversal": reversal,
        }
        if count > 1:
            terms["diversity"] = diversity(self.predictor.task.decode(output.detach()), label)
        if self.config.match_labels:
            self.matching.observe(self.predictor.head(features[count:].detach()))
        return terms

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        accuracy, reversal = means.get("predictor/domain_accuracy"), means.get("predictor/reversal")
        diversity = means.get("predictor/diversity")
        warnings = []
        if accuracy is not None and reversal is not None and accuracy >= 0.99 and reversal > self.config.reversal / 2:
            warnings.append(
                f"The features are not adapted: the domain classifier is right on {accuracy:.1%} of images although "
                f"the reversal is at {reversal:.2f}; raise --reversal, or lower --lr."
            )
        if diversity is not None and diversity < 0.05:
            warnings.append(
                f"Mode collapse: predictions for source images differ from each other {diversity:.2f} times as much "
                "as their labels do; lower --reversal or --lr."
            )
        return warnings


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [DANN]
