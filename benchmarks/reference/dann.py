"""DANN, plainly: a pass over source images and one over target images, each with its domain's loss."""

from __future__ import annotations

import math

import torch
from ganzoo_adaptation.dann import DANN
from torch import nn
from torch.optim import AdamW

from ganzoo.nn.reversal import reverse_gradient
from reference.loop import PlainLoop


class DANNLoop(PlainLoop):
    def build(self) -> None:
        method = DANN(self.config, self.spec)
        self.predictor = method.predictor.to(self.device)
        self.domain_classifier = method.domain_classifier.to(self.device)
        self.cross_entropy = nn.CrossEntropyLoss()
        parameters = [*self.predictor.parameters(), *self.domain_classifier.parameters()]
        self.optimizer = AdamW(parameters, lr=self.config.lr)

    def cycle(self) -> None:
        progress = 0.5
        reversal = torch.tensor(self.config.reversal * (2 / (1 + math.exp(-10 * progress)) - 1), device=self.device)
        self.optimizer.zero_grad()

        images, labels = next(self.source)
        images, labels = images.to(self.device), labels.to(self.device)
        features = self.predictor.features(self.predictor.training_images(images))
        task = self.predictor.loss_of_features(features, labels)
        domains = self.domain_classifier(reverse_gradient(features, reversal))
        on_source = self.cross_entropy(domains, torch.zeros(len(images), dtype=torch.long, device=self.device))

        images = self.target_images()
        features = self.predictor.features(self.predictor.training_images(images))
        domains = self.domain_classifier(reverse_gradient(features, reversal))
        on_target = self.cross_entropy(domains, torch.ones(len(images), dtype=torch.long, device=self.device))

        (task + on_source + on_target).backward()
        self.optimizer.step()
        self.losses = {"task": task.item(), "source": on_source.item(), "target": on_target.item()}
