"""Facts of Makhzani et al. 2015."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_autoencoders.aae import AAE, GAP, MODES, AAEConfig
from pydantic import ValidationError

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.dataset import Domain
from ganzoo.task import ClassTask, GazeTask, NoTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
IMAGES = image_spec(1, 6, 6, NoTask())


def method(spec=IMAGES, **settings):
    return build_method(AAE, AAEConfig(**{"width": 32, **settings}), spec, seed=0, device=CPU)


def batch(rows=8):
    return Batch({"target": torch.rand(rows, 1, 6, 6) * 2 - 1}, torch.tensor(0.0))


def test_three_phases_share_one_batch():
    assert method().schedule(3) == (("reconstruction", "discriminator", "encoder"),)


@pytest.mark.parametrize(
    ("phase", "moved"),
    [
        ("reconstruction", {"encoder", "decoder"}),
        ("discriminator", {"discriminator"}),
        ("encoder", {"encoder"}),
    ],
)
def test_each_phase_moves_its_networks_and_no_other(phase, moved):
    aae = method()
    before = {name: parameter.clone() for name, parameter in aae.named_parameters()}
    phase_runners(aae)[phase].update(batch())
    changed = {
        name.split(".")[0] for name, parameter in aae.named_parameters() if not torch.equal(parameter, before[name])
    }
    assert changed == moved


@pytest.mark.parametrize(("prior", "deviation"), [("normal", 1.0), ("normal", 5.0), ("uniform", 2.0)])
def test_priors_have_the_deviation_that_was_asked_for(prior, deviation):
    torch.manual_seed(0)
    codes = method(prior=prior, prior_deviation=deviation).draw_latent(20_000)
    assert codes.mean(0).abs().max() < 0.05 * deviation
    assert codes.std(0).mean().item() == pytest.approx(deviation, rel=0.02)
    assert prior == "normal" or codes.abs().max() <= deviation * 3**0.5


def test_the_mixture_has_ten_equal_modes_on_a_circle():
    torch.manual_seed(0)
    codes = method(prior="mixture", latent=3).draw_latent(20_000)
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    modes = torch.stack([angles.cos(), angles.sin()], 1) * GAP
    nearest = torch.cdist(codes[:, :2], modes).min(1)
    assert (nearest.indices.bincount(minlength=MODES) / len(codes) - 1 / MODES).abs().max() < 0.01
    assert codes[:, 2].std().item() == pytest.approx(1, rel=0.02), "further numbers are plainly normal"


def test_encoding_and_decoding_is_reconstructing():
    aae, images = method().eval(), batch().target
    assert torch.equal(aae.reconstruct(images), aae.generate_from(aae.encode(images)))
    assert aae.encode(images).shape == (8, aae.code_size)


def lines(count):
    """Images of one bright row each, at a place between rows: one number says all of them."""
    place = np.random.default_rng(0).uniform(0, 5, count)
    row = np.exp(-((np.arange(6)[None] - place[:, None]) ** 2))
    return Domain("lines", (row[:, None, :, None].repeat(6, 3) * 255).astype(np.uint8))


def trained(**settings):
    aae = method(latent=2, **settings)
    train(aae, None, lines(512), TrainConfig(steps=600, batch_size=64, precision="fp32", device="cpu"))
    images = torch.from_numpy(lines(512).images).float() / 127.5 - 1
    with torch.no_grad():
        codes = aae.encode(images)
        error = (aae.reconstruct(images) - images).square().mean().item()
    return codes, error


def discriminability(codes, prior):
    """The share of codes and prior samples whose nearest neighbour is of their own kind: .5 if they are alike."""
    both = torch.cat([codes, prior])
    distance = torch.cdist(both, both).fill_diagonal_(float("inf"))
    of_codes = torch.arange(len(both)) < len(codes)
    return float((of_codes[distance.argmin(1)] == of_codes).float().mean())


def test_the_adversary_draws_codes_to_the_prior_and_reconstruction_pays_little():
    drawn, error = trained(adversarial=0.3)
    free, plain_error = trained(adversarial=0.0)
    distance = [abs(float(codes.std(0).mean()) - 1) + float(codes.mean(0).norm()) for codes in (drawn, free)]
    assert distance[0] < 0.6
    assert distance[0] < distance[1], "an autoencoder without an adversary puts its codes anywhere"
    assert error < 1.5 * plain_error + 0.01
    torch.manual_seed(0)
    alike, apart = (discriminability(codes, torch.randn_like(codes)) for codes in (drawn, free))
    assert alike < apart, "codes under an adversary are harder to tell from the prior"


def test_points_can_be_encoded_too():
    spec = DataSpec({"target": Column((2,), "vector")}, NoTask())
    aae = method(spec)
    assert aae.reconstruct(torch.zeros(3, 2)).shape == (3, 2)


def test_learning_rates_fall_to_a_tenth_at_each_drop():
    decay = method(drops=(0.025, 0.5)).decay
    assert [decay(at) for at in (0.0, 0.02, 0.03, 0.6)] == pytest.approx([1, 1, 0.1, 0.01])
    assert method().decay(0.99) == 1


CLASSES = DataSpec(
    {"source": Column((2,), "vector"), "source_label": Column((1,), "vector"), "target": Column((2,), "vector")},
    ClassTask(3),
)


def classes(rows, seed):
    """Three clusters of points, with their class."""
    random = torch.Generator().manual_seed(seed)
    label = torch.randint(3, (rows,), generator=random)
    middle = torch.tensor([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])[label]
    points = middle + 0.2 * torch.randn(rows, 2, generator=random)
    return Batch({"source": points, "source_label": label[:, None].float()}, torch.tensor(0.0))


def test_with_labels_each_class_goes_to_its_own_mode():
    torch.manual_seed(0)
    rates = {"adversarial": 1.0, "lr": 2e-3, "adversarial_lr": 2e-3}
    aae = method(CLASSES, prior="mixture", domain="source", labelled=True, latent=2, **rates)
    runners = phase_runners(aae)
    for step in range(300):
        for name in aae.schedule(step)[0]:
            runners[name].update(classes(64, step))
    fresh = classes(512, 10_000)
    angles = torch.arange(3) * (2 * math.pi / 3)
    modes = torch.stack([angles.cos(), angles.sin()], 1) * GAP
    with torch.no_grad():
        nearest = torch.cdist(aae.encode(fresh["source"]), modes).argmin(1)
        distance = torch.cdist(aae.draw_latent(500), modes).min(1).values
    assert (nearest == fresh.source_label[:, 0]).float().mean() > 0.9
    assert distance.max() < 5, "as many modes are drawn as there are classes"


def test_only_a_labelled_mixture_reads_labels_and_those_must_be_of_few_classes():
    labelled = AAEConfig(prior="mixture", domain="source", labelled=True)
    assert AAE.columns(labelled) == ("source", "source_label")
    assert AAE.columns(AAEConfig(prior="mixture")) == ("target",)
    assert not AAE.declines(labelled, CLASSES)
    assert "10 classes" in AAE.declines(labelled, image_spec(1, 6, 6, GazeTask()))
    assert "10 classes" in AAE.declines(labelled, image_spec(1, 6, 6, ClassTask(11)))


def test_bad_settings_are_refused():
    with pytest.raises(ValidationError, match="--prior mixture and --domain source"):
        AAEConfig(labelled=True, prior="mixture")
    with pytest.raises(ValidationError, match="between 0 and 1"):
        AAEConfig(drops=(1.5,))
