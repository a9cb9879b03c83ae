"""Facts of Donahue et al. 2017 and Dumoulin et al. 2017."""

from __future__ import annotations

import math

import pytest
import torch
from ganzoo_generative.bigan import BiGAN, BiGANConfig
from pydantic import ValidationError

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.nn.adversarial import non_saturating
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
IMAGES = image_spec(1, 6, 6, NoTask())
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())
ENCODERS = ("deterministic", "stochastic")


def method(spec=IMAGES, **settings):
    sizes = {"width": 32, "discriminator_width": 32, "latent": 4}
    return build_method(BiGAN, BiGANConfig(**{**sizes, **settings}), spec, seed=0, device=CPU)


def batch(rows=8):
    values = torch.rand(rows, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return Batch({"target": values * 2 - 1}, torch.tensor(0.0))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    ("phase", "moved"), [("discriminator", {"discriminator"}), ("generator", {"generator", "encoder"})]
)
def test_generator_and_encoder_move_in_one_update_and_the_other_player_stays_to_the_bit(encoder, phase, moved):
    bigan = method(encoder=encoder)
    before = {name: value.clone() for name, value in bigan.named_parameters()}
    phase_runners(bigan)[phase].update(batch())
    after = dict(bigan.named_parameters())
    assert {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])} == moved


def test_the_discriminators_labels_are_flipped_for_generator_and_encoder():
    bigan, images = method().eval().requires_grad_(False), batch()
    torch.manual_seed(2)
    judged = bigan.discriminator_loss(images)
    torch.manual_seed(2)
    flipped = bigan.generator_loss(images)
    torch.manual_seed(2)
    latent = bigan.draw_latent(8)
    real = bigan.discriminator(images.target, bigan.encode(images.target))
    made = bigan.discriminator(bigan.generate_from(latent), latent)
    assert judged["real"] == non_saturating(real, real=True)
    assert judged["generated"] == non_saturating(made, real=False)
    assert flipped["encoder"] == non_saturating(real, real=False)
    assert flipped["generator"] == non_saturating(made, real=True)


def test_at_the_start_the_discriminator_knows_nothing():
    """The authors' log starts with .6932, which is ln 2."""
    terms = method().discriminator_loss(batch(64))
    assert terms["real"].item() == pytest.approx(math.log(2), abs=0.05)
    assert terms["generated"].item() == pytest.approx(math.log(2), abs=0.05)


@pytest.mark.parametrize(("term", "reached", "other"), [("encoder", "encoder", "generator"),
                                                        ("generator", "generator", "encoder")])  # fmt: skip
def test_each_term_reaches_one_network(term, reached, other):
    bigan = method().requires_grad_(True)
    loss = bigan.generator_loss(batch())[term]

    def found(network):
        weights = list(getattr(bigan, network).parameters())
        return torch.autograd.grad(loss, weights, allow_unused=True, retain_graph=True)

    assert any(grad.any() for grad in found(reached))
    assert all(grad is None for grad in found(other))


def test_the_discriminator_judges_pairs():
    """It tells a sample with its own code from one with another's after a few updates."""
    torch.manual_seed(0)
    bigan = method(PLANE, latent=2)
    judge, points = bigan.discriminator.requires_grad_(True), torch.randn(256, 2)
    optimizer = torch.optim.Adam(judge.parameters(), lr=5e-3)
    for _ in range(150):
        matched, shuffled = judge(points, points), judge(points, points.roll(1, 0))
        loss = non_saturating(matched, real=True) + non_saturating(shuffled, real=False)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.cat([matched > 0, shuffled < 0]).float().mean() > 0.8


def test_a_stochastic_encoder_draws_codes_around_those_that_it_encodes():
    bigan, images = method(encoder="stochastic").eval(), batch(1).target
    torch.manual_seed(0)
    with torch.no_grad():
        draws = bigan.code(images.expand(20_000, -1, -1, -1))
        mean, log_variance = bigan.encoder(images).chunk(2, 1)
    assert torch.equal(bigan.encode(images), mean)
    assert torch.allclose(draws.mean(0), mean[0], atol=0.03)
    assert torch.allclose(draws.std(0), (log_variance[0] / 2).exp(), rtol=0.03)
    plain = method().eval()
    assert torch.equal(plain.code(images), plain.encode(images))


def test_the_distance_is_1_for_unrelated_reconstructions_and_0_for_perfect_ones():
    bigan = method(PLANE, latent=2)
    points = torch.randn(512, 2)
    bigan.generate_from = lambda codes: codes
    assert bigan.relative_distance(points, points) == 0
    assert bigan.relative_distance(points, torch.randn(512, 2)).item() == pytest.approx(1, abs=0.1)


def test_the_learning_rate_falls_to_a_hundredth_over_the_second_half():
    decay = method(decay="exponential").decay
    assert decay(0.0) == decay(0.5) == 1
    assert decay(0.75) == pytest.approx(0.1)
    assert decay(1.0) == pytest.approx(0.01)
    assert method().decay(1.0) == 1


def test_reconstructions_come_nearer_to_their_originals_without_any_reconstruction_loss():
    torch.manual_seed(0)
    bigan, scale = method(PLANE, latent=8, lr=1e-3), torch.tensor([1.0, 0.3])
    runners = phase_runners(bigan)
    for _ in range(250):
        points = Batch({"target": torch.randn(128, 2) * scale}, torch.tensor(0.0))
        runners["discriminator"].update(points)
        runners["generator"].update(points)
    fresh = torch.randn(512, 2) * scale
    bigan.eval()
    with torch.no_grad():
        assert bigan.relative_distance(fresh, bigan.encode(fresh)) < 0.8


def test_bad_settings_are_refused():
    for settings in ({"encoder": "random"}, {"latent": 0}, {"decay": "linear"}):
        with pytest.raises(ValidationError):
            BiGANConfig(**settings)
