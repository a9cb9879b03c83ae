"""Facts of Larsen et al. 2016: which loss reaches which network."""

from __future__ import annotations

import pytest
import torch
from ganzoo_autoencoders.vae_gan import VAEGAN, VAEGANConfig
from pydantic import ValidationError

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
IMAGES = image_spec(1, 9, 14, NoTask())
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())
NETWORKS = ("encoder", "decoder", "discriminator")


def method(spec=IMAGES, **settings):
    sizes = {"maps": 4, "levels": 2, "latent": 4, "width": 16}
    return build_method(VAEGAN, VAEGANConfig(**{**sizes, **settings}), spec, seed=0, device=CPU)


def batch(spec=IMAGES, rows=8):
    values = torch.rand(rows, *spec.sample.shape, generator=torch.Generator().manual_seed(1))
    return Batch({"target": values * 2 - 1}, torch.tensor(0.0))


def reaches(vae_gan, term, network):
    """Whether a loss term has a gradient in any weight of a network, if all networks are free to move."""
    weights = list(getattr(vae_gan, network).parameters())
    found = torch.autograd.grad(term, weights, allow_unused=True, retain_graph=True)
    return any(grad is not None and bool(grad.any()) for grad in found)


@pytest.mark.parametrize("spec", [IMAGES, PLANE], ids=["images", "points"])
@pytest.mark.parametrize(
    ("phase", "term", "network"),
    [
        ("decoder", "reconstructed", "encoder"),  # L_GAN never reaches the encoder
        ("decoder", "generated", "encoder"),
        ("discriminator", "reconstructed", "encoder"),
        ("discriminator", "reconstructed", "decoder"),
        ("discriminator", "generated", "decoder"),
        ("encoder", "divergence", "decoder"),  # the prior never reaches the decoder
        ("encoder", "divergence", "discriminator"),
    ],
)
def test_a_loss_does_not_reach_a_network_that_it_must_not_move(spec, phase, term, network):
    vae_gan = method(spec).requires_grad_(True)
    terms = vae_gan.phases()[phase].loss(batch(spec))
    assert not reaches(vae_gan, terms[term], network)


@pytest.mark.parametrize("spec", [IMAGES, PLANE], ids=["images", "points"])
@pytest.mark.parametrize(
    ("phase", "term", "network"),
    [
        ("encoder", "divergence", "encoder"),
        ("encoder", "features", "encoder"),
        ("decoder", "features", "decoder"),
        ("decoder", "reconstructed", "decoder"),
        ("decoder", "generated", "decoder"),
        ("discriminator", "real", "discriminator"),
        ("discriminator", "reconstructed", "discriminator"),
        ("discriminator", "generated", "discriminator"),
    ],
)
def test_a_loss_reaches_the_network_that_it_is_for(spec, phase, term, network):
    vae_gan = method(spec).requires_grad_(True)
    assert reaches(vae_gan, vae_gan.phases()[phase].loss(batch(spec))[term], network)


@pytest.mark.parametrize("phase", NETWORKS)
def test_an_update_moves_its_network_and_leaves_the_others_untouched_to_the_bit(phase):
    """So the feature error, which is computed through the discriminator, does not move it."""
    vae_gan = method()
    before = {name: value.clone() for name, value in vae_gan.state_dict().items()}
    phase_runners(vae_gan)[phase].update(batch())
    after = vae_gan.state_dict()
    moved = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {phase}
    others = [weight for name in NETWORKS if name != phase for weight in getattr(vae_gan, name).parameters()]
    assert all(weight.grad is None for weight in others)


def test_features_and_scores_are_those_of_one_network():
    vae_gan, images = method(), batch().target
    scores = vae_gan.discriminator[-1](vae_gan.features(images))
    assert torch.equal(scores, vae_gan.discriminator(images))


def test_the_feature_error_is_half_the_mean_square_times_gamma_and_gamma_0_is_a_plain_generator():
    images = batch()
    torch.manual_seed(0)
    heavy = method(gamma=3.0).decoder_loss(images)
    torch.manual_seed(0)
    light = method(gamma=1.0).decoder_loss(images)
    torch.manual_seed(0)
    nothing = method(gamma=0.0).decoder_loss(images)
    assert heavy["features"].item() == pytest.approx(3 * light["features"].item())
    assert nothing["features"].item() == 0
    assert nothing["generated"] == light["generated"]
    torch.manual_seed(0)
    vae_gan = method()
    made = vae_gan.generate_from(vae_gan.code(images.target))
    expected = (vae_gan.features(made) - vae_gan.features(images.target)).square().mean() / 2
    assert light["features"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_each_sample_is_normalised_by_itself():
    vae_gan, images = method(), batch().target
    assert torch.allclose(vae_gan.features(images)[:1], vae_gan.features(images[:1]), atol=1e-6)
    assert not VAEGAN.couples_batch


def test_three_phases_share_one_batch():
    assert method().schedule(5) == (("discriminator", "encoder", "decoder"),)


def test_a_large_gamma_draws_reconstructions_to_their_originals_in_the_features_of_a_fixed_discriminator():
    vae_gan, points = method(PLANE, gamma=1e3, lr=5e-3, deviation=0.05), batch(PLANE, 128)
    runners = phase_runners(vae_gan)
    first = runners["decoder"].update(points)["features"]
    for _ in range(60):
        runners["encoder"].update(points)
        last = runners["decoder"].update(points)["features"]
    assert last < 0.6 * first


def test_bad_settings_are_refused():
    for settings in ({"gamma": -1.0}, {"levels": 0}, {"deviation": 0.0}):
        with pytest.raises(ValidationError):
            VAEGANConfig(**settings)
