"""SimGAN, plainly: the discriminator's loss goes back through the refiner, and the history lies in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from ganzoo_translation.simgan import build_discriminator, build_refiner
from torch import Tensor, nn
from torch.optim import Adam

from reference.loop import PlainLoop


class SimGANLoop(PlainLoop):
    def build(self) -> None:
        config = self.config
        self.refiner = build_refiner(self.spec.channels, config.width, config.blocks).to(self.device)
        self.discriminator = build_discriminator(self.spec, local=True).to(self.device)
        self.l1, self.cross_entropy = nn.L1Loss(), nn.CrossEntropyLoss()
        self.refiner_optimizer = Adam(self.refiner.parameters(), lr=config.lr, betas=(0.5, 0.999))
        self.discriminator_optimizer = Adam(self.discriminator.parameters(), lr=config.lr, betas=(0.5, 0.999))
        self.history = np.zeros((0, *self.spec.image_shape), np.float32)

    def parts(self) -> Mapping[str, Callable[[], None]]:
        return {"refiner": self.update_refiner, "discriminator": self.update_discriminator}

    def cycle(self) -> None:
        self.update_refiner()
        self.update_discriminator()

    def update_refiner(self) -> None:
        self.refiner_optimizer.zero_grad()
        synthetic = self.source_images()
        refined = self.refiner(synthetic)
        scores = self.discriminator(refined)
        adversarial = self.cross_entropy(scores, self._labels(scores, 1))
        self_regularization = self.config.self_regularization * self.l1(refined, synthetic)
        (adversarial + self_regularization).backward()  # the discriminator's gradients are computed, and not used
        self.refiner_optimizer.step()
        self.losses["adversarial"] = adversarial.item()
        self.losses["self_regularization"] = self_regularization.item()

    def update_discriminator(self) -> None:
        self.discriminator_optimizer.zero_grad()
        real, synthetic = self.target_images(), self.source_images()
        refined = self.refiner(synthetic)
        half = len(refined) // 2
        kept = refined.detach().cpu().numpy()[:half]
        if len(self.history) >= half:
            rows = np.random.permutation(len(self.history))[:half]
            past = torch.from_numpy(self.history[rows]).to(self.device)
            refined = torch.cat([past, refined[half:]])
        if len(self.history) < self.config.history:
            self.history = np.concatenate([self.history, kept])[: self.config.history]
        else:
            self.history[np.random.permutation(len(self.history))[:half]] = kept
        on_real, on_refined = self.discriminator(real), self.discriminator(refined)
        loss_real = self.cross_entropy(on_real, self._labels(on_real, 1))
        loss_refined = self.cross_entropy(on_refined, self._labels(on_refined, 0))
        (loss_real + loss_refined).backward()  # through the refiner too
        self.discriminator_optimizer.step()
        right = (on_real.argmax(1) == 1).float().mean() + (on_refined.argmax(1) == 0).float().mean()
        self.losses.update(real=loss_real.item(), refined=loss_refined.item(), accuracy=right.item() / 2)

    def _labels(self, scores: Tensor, which: int) -> Tensor:
        return torch.full((len(scores), *scores.shape[2:]), which, dtype=torch.long, device=self.device)
