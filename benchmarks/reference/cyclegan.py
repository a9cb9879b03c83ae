"""CycleGAN, plainly: four passes of the generators and two of identity one after the other, pools of past images."""

from __future__ import annotations

from ganzoo_translation.cyclegan import build_discriminator, build_generator
from torch import Tensor, nn
from torch.optim import Adam

from ganzoo.nn.init import normal_init
from reference.loop import ImagePool, PlainLoop, set_requires_grad


class CycleGANLoop(PlainLoop):
    def build(self) -> None:
        config, spec = self.config, self.spec
        self.to_target, self.to_source = (build_generator(spec, config.width, config.blocks) for _ in range(2))
        self.judge_target, self.judge_source = (
            build_discriminator(spec, config.discriminator_width, config.discriminator_layers) for _ in range(2)
        )
        self.generators = nn.ModuleList([self.to_target, self.to_source]).to(self.device)
        self.discriminators = nn.ModuleList([self.judge_target, self.judge_source]).to(self.device)
        normal_init(self.generators)
        normal_init(self.discriminators)
        self.square, self.l1 = nn.MSELoss(), nn.L1Loss()
        self.generator_optimizer = Adam(self.generators.parameters(), lr=config.lr, betas=(0.5, 0.999))
        self.discriminator_optimizer = Adam(self.discriminators.parameters(), lr=config.lr, betas=(0.5, 0.999))
        self.target_pool, self.source_pool = ImagePool(config.history), ImagePool(config.history)

    def cycle(self) -> None:
        config, real_source, real_target = self.config, self.source_images(), self.target_images()
        made_target = self.to_target(real_source)
        cycled_source = self.to_source(made_target)
        made_source = self.to_source(real_target)
        cycled_target = self.to_target(made_source)

        set_requires_grad([self.discriminators], False)
        self.generator_optimizer.zero_grad()
        identity = self.l1(self.to_target(real_target), real_target) + self.l1(self.to_source(real_source), real_source)
        adversarial = self._wants(self.judge_target(made_target), 1) + self._wants(self.judge_source(made_source), 1)
        cycled = self.l1(cycled_source, real_source) + self.l1(cycled_target, real_target)
        (adversarial + config.cycle * cycled + config.identity * identity).backward()
        self.generator_optimizer.step()

        set_requires_grad([self.discriminators], True)
        self.discriminator_optimizer.zero_grad()
        on_target = self._judged(self.judge_target, real_target, self.target_pool.query(made_target))
        on_source = self._judged(self.judge_source, real_source, self.source_pool.query(made_source))
        self.discriminator_optimizer.step()
        self.losses = {
            "identity": identity.item(),
            "adversarial": adversarial.item(),
            "cycle": cycled.item(),
            "target": on_target,
            "source": on_source,
        }

    def _judged(self, discriminator: nn.Module, real: Tensor, made: Tensor) -> float:
        loss = (self._wants(discriminator(real), 1) + self._wants(discriminator(made.detach()), 0)) * 0.5
        loss.backward()
        return float(loss.item())

    def _wants(self, scores: Tensor, value: int) -> Tensor:
        return self.square(scores, scores.new_full(scores.shape, value))
