"""DCGAN, plainly: the discriminator on real and on made images, then the generator on the same made images."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Adam

from ganzoo.nn.convolutional import convolutional_discriminator, convolutional_generator
from ganzoo.nn.init import normal_init
from reference.loop import PlainLoop


class DCGANLoop(PlainLoop):
    def build(self) -> None:
        config, sample = self.config, self.spec.column("target")
        self.generator = convolutional_generator(
            sample, latent=config.latent, width=config.width, levels=config.levels
        ).to(self.device)
        self.discriminator = convolutional_discriminator(sample, width=config.width, levels=config.levels).to(
            self.device
        )
        normal_init(self.generator)
        normal_init(self.discriminator)
        self.loss = nn.BCEWithLogitsLoss()
        self.generator_optimizer = Adam(self.generator.parameters(), lr=config.lr, betas=(0.5, 0.999))
        self.discriminator_optimizer = Adam(self.discriminator.parameters(), lr=config.lr, betas=(0.5, 0.999))

    def cycle(self) -> None:
        real = self.target_images()
        ones, zeros = (torch.full((len(real), 1), value, device=self.device) for value in (1.0, 0.0))

        self.discriminator.zero_grad()
        on_real = self.discriminator(real)
        loss_real = self.loss(on_real, ones)
        loss_real.backward()
        latent = torch.rand(len(real), self.config.latent, device=self.device) * 2 - 1
        made = self.generator(latent)
        on_made = self.discriminator(made.detach())
        loss_made = self.loss(on_made, zeros)
        loss_made.backward()
        self.discriminator_optimizer.step()

        self.generator.zero_grad()
        fooled = self.discriminator(made)
        loss_generator = self.loss(fooled, ones)
        loss_generator.backward()
        self.generator_optimizer.step()
        self.losses = {
            "discriminator": (loss_real + loss_made).item(),
            "generator": loss_generator.item(),
            "on_real": on_real.mean().item(),
            "on_made": on_made.mean().item(),
            "fooled": fooled.mean().item(),
        }
