"""Facts of Chen et al. 2016."""

from __future__ import annotations

import math

import pytest
import torch
from ganzoo_generative.infogan import InfoGAN, InfoGANConfig
from pydantic import ValidationError

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
IMAGES = image_spec(1, 9, 14, NoTask())
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())
JUDGES = {"trunk", "head", "recognition"}


def method(spec=PLANE, **settings):
    sizes = {"maps": 4, "width": 32, "latent": 4}
    return build_method(InfoGAN, InfoGANConfig(**{**sizes, **settings}), spec, seed=0, device=CPU)


def batch(spec=PLANE, rows=16):
    values = torch.rand(rows, *spec.sample.shape, generator=torch.Generator().manual_seed(1))
    return Batch({"target": values * 2 - 1}, torch.tensor(0.0))


def test_a_latent_vector_is_a_category_two_codes_and_62_numbers_of_noise():
    """The authors' sizes for MNIST: 74 numbers."""
    torch.manual_seed(0)
    latent = method(latent=62).draw_latent(20_000)
    assert latent.shape == (20_000, 74)
    assert torch.equal(latent[:, :10].sum(1), torch.ones(20_000))
    assert (latent[:, :10].mean(0) - 0.1).abs().max() < 0.01
    assert latent[:, 10:].abs().max() <= 1
    assert latent[:, 10:].var().item() == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("spec", [IMAGES, PLANE], ids=["images", "points"])
@pytest.mark.parametrize(("phase", "moved"), [("discriminator", JUDGES), ("generator", {"generator"})])
def test_trunk_and_q_move_with_the_discriminator_and_the_other_player_stays_to_the_bit(spec, phase, moved):
    infogan = method(spec)
    before = {name: value.clone() for name, value in infogan.state_dict().items()}
    phase_runners(infogan)[phase].update(batch(spec))
    after = infogan.state_dict()
    assert {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])} == moved


@pytest.mark.parametrize(
    ("phase", "term", "reached"),
    [
        ("discriminator", "category", {"trunk", "recognition"}),
        ("discriminator", "continuous", {"trunk", "recognition"}),
        ("discriminator", "real", {"trunk", "head"}),
        ("discriminator", "generated", {"trunk", "head"}),
        ("generator", "category", {"generator", "trunk", "recognition"}),
        ("generator", "adversarial", {"generator", "trunk", "head"}),
    ],
)
def test_the_information_reaches_q_the_shared_trunk_and_the_generator(phase, term, reached):
    infogan = method().requires_grad_(True)
    loss = infogan.phases()[phase].loss(batch())[term]
    names, weights = zip(*infogan.named_parameters(), strict=True)
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    moved = {name.split(".")[0] for name, grad in zip(names, grads, strict=True) if grad is not None and grad.any()}
    assert moved == reached


class Knows(torch.nn.Module):
    """A Q that reads the codes from where the test puts them."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, features):
        return self.answer


def test_the_information_is_at_most_ln_k_which_a_perfect_q_reaches_and_zero_for_one_that_guesses():
    infogan = method()
    latent = infogan.draw_latent(64)
    perfect = torch.cat([latent[:, :10] * 100, latent[:, 10:12]], 1)
    infogan.recognition = Knows(perfect)
    assert infogan.information_terms(torch.zeros(64, 1), latent)["information"].item() == pytest.approx(math.log(10))
    infogan.recognition = Knows(torch.zeros(64, 12))
    assert infogan.information_terms(torch.zeros(64, 1), latent)["information"].item() == pytest.approx(0, abs=1e-5)
    for seed in range(5):
        torch.manual_seed(seed)
        infogan.recognition = Knows(torch.randn(64, 12) * 5)
        assert infogan.information_terms(torch.zeros(64, 1), latent)["information"] <= math.log(10)


def test_continuous_codes_have_the_error_of_a_normal_distribution_with_deviation_1():
    infogan = method(categories=0, continuous=1)
    latent = infogan.draw_latent(32)
    infogan.recognition = Knows(latent[:, :1] + 2.0)
    error = infogan.information_terms(torch.zeros(32, 1), latent)
    assert set(error) == {"continuous"}
    assert error["continuous"].item() == pytest.approx(2.0 + 0.9189, abs=1e-4)


def test_an_untrained_network_holds_almost_no_information_and_training_brings_it():
    torch.manual_seed(0)
    runners = phase_runners(method(categories=4, continuous=0, discriminator_lr=1e-3))
    found = []
    for _ in range(120):
        runners["discriminator"].update(batch(rows=64))
        found.append(float(runners["generator"].update(batch(rows=64))["information"]))
    assert found[0] < 0.1
    assert found[-1] > 0.7 * math.log(4)


def test_a_code_is_a_category_and_the_continuous_numbers_within_their_ranges():
    infogan = method()
    assert infogan.code_low.tolist() == [0, -1, -1]
    assert infogan.code_high.tolist() == [9, 1, 1]
    assert method(categories=0).code_low.tolist() == [-1, -1]
    assert method(continuous=0).code_high.tolist() == [9]


def test_codes_are_put_where_q_reads_them_and_a_category_is_rounded():
    infogan, seen = method(), []
    infogan.generate_from = lambda latent: seen.append(latent) or torch.zeros(len(latent), 2)
    infogan.generate_from_codes(torch.tensor([[3.0, 0.5, -0.25], [8.6, -1.0, 1.0], [0.4, 0.0, 0.0]]))
    latent = seen[0]
    assert latent[:, :10].argmax(1).tolist() == [3, 9, 0]
    assert torch.equal(latent[:, :10].sum(1), torch.ones(3))
    assert torch.equal(latent[:, 10:12], torch.tensor([[0.5, -0.25], [-1.0, 1.0], [0.0, 0.0]]))
    assert not torch.equal(latent[0, 12:], latent[1, 12:]), "all else is noise"


def test_category_and_codes_change_the_sample_and_their_noise_alone_is_the_rest():
    infogan = method(latent=1).eval()
    codes = torch.tensor([[2.0, 0.1, 0.2]])
    for other in ([[5.0, 0.1, 0.2]], [[2.0, 0.9, 0.2]]):
        torch.manual_seed(0)
        one = infogan.generate_from_codes(codes)
        torch.manual_seed(0)
        assert not torch.equal(one, infogan.generate_from_codes(torch.tensor(other)))
        torch.manual_seed(0)
        assert torch.equal(one, infogan.generate_from_codes(codes))


def test_little_information_is_said():
    assert "of at most 2.30" in method().diagnose({"generator/information": 0.1})[0]
    assert not method().diagnose({"generator/information": 2.2, "generator/diversity": 0.8})


def test_bad_settings_are_refused():
    with pytest.raises(ValidationError, match="there are no codes"):
        InfoGANConfig(categories=0, continuous=0)
    with pytest.raises(ValidationError, match="2 categories or more"):
        InfoGANConfig(categories=1)
