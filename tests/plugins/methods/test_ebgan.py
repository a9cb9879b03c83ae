"""Facts of Zhao et al. 2017."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.ebgan import EBGAN, EBGANConfig, pulling_away
from pydantic import ValidationError
from torch.nn import functional as F

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
IMAGES = image_spec(1, 6, 6, NoTask())
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())


def method(spec=IMAGES, **settings):
    sizes = {"width": 32, "discriminator_width": 32, "code": 4}
    return build_method(EBGAN, EBGANConfig(**{**sizes, **settings}), spec, seed=0, device=CPU)


def batch(rows=8):
    values = torch.rand(rows, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return Batch({"target": values * 2 - 1}, torch.tensor(0.0))


ROW = torch.tensor([1.0, -2.0, 0.5])


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (ROW.repeat(4, 1), 1.0),  # identical
        (torch.stack([ROW, -ROW]), 1.0),  # antipodal: an unsquared version gives -1
        (torch.eye(3) * 7, 0.0),  # orthogonal, of any length
        (torch.tensor([[1.0, 0.0], [1.0, 1.0]]), 0.5),  # at 45 degrees
        (torch.stack([ROW, 3 * ROW]), 1.0),  # lengths do not count
        (ROW[None], 0.0),  # a single code has no pairs
    ],
)
def test_the_pulling_away_term_is_the_mean_squared_cosine_of_pairs(codes, expected):
    assert pulling_away(codes).item() == pytest.approx(expected, abs=1e-6)


def test_the_pulling_away_term_is_equation_4():
    torch.manual_seed(0)
    codes, count = torch.randn(6, 4), 6
    pairs = [F.cosine_similarity(codes[i], codes[j], dim=0) ** 2 for i in range(count) for j in range(count) if i != j]
    assert pulling_away(codes).item() == pytest.approx((sum(pairs) / (count * (count - 1))).item(), rel=1e-5)


def test_a_step_down_its_gradient_drives_codes_apart():
    torch.manual_seed(0)
    codes = (torch.ones(8, 4) + 0.1 * torch.randn(8, 4)).requires_grad_()
    before = pulling_away(codes)
    before.backward()
    assert pulling_away(codes - 0.5 * codes.grad) < before


def test_the_energy_is_the_mean_squared_error_of_a_number_so_that_a_margin_fits_any_size():
    ebgan, images = method(), batch().target
    energy = ebgan.energy(images)[0]
    made = ebgan.decoder(ebgan.encoder(images)).view(8, 1, 6, 6).tanh()
    assert torch.allclose(energy, (made - images).square().mean((1, 2, 3)))


@pytest.mark.parametrize(("margin", "pushed"), [(1e-4, False), (50.0, True)])
def test_beyond_the_margin_generated_samples_have_no_gradient(margin, pushed):
    ebgan = method(margin=margin)
    ebgan.generate = lambda count: torch.ones(count, 1, 6, 6)
    ebgan.requires_grad_(True)
    term = ebgan.discriminator_loss(batch())["generated"]
    grads = torch.autograd.grad(term, [*ebgan.encoder.parameters(), *ebgan.decoder.parameters()])
    assert any(grad.any() for grad in grads) == pushed
    assert (term > 0) == pushed


def test_the_loss_of_the_discriminator_is_the_real_energy_plus_the_hinge():
    ebgan = method(margin=0.7)
    made = torch.full((8, 1, 6, 6), 0.3)
    ebgan.generate = lambda count: made
    terms = ebgan.discriminator_loss(batch())
    energy = ebgan.energy(made)[0]
    assert terms["real"] == ebgan.energy(batch().target)[0].mean()
    assert terms["generated"].item() == pytest.approx((0.7 - energy).clamp_min(0).mean().item())
    assert not terms["generated_energy"].requires_grad


@pytest.mark.parametrize(("phase", "moved"), [("discriminator", {"encoder", "decoder"}), ("generator", {"generator"})])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, moved):
    ebgan = method()
    before = {name: value.clone() for name, value in ebgan.state_dict().items()}
    phase_runners(ebgan)[phase].update(batch())
    after = ebgan.state_dict()
    assert {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])} == moved


def test_the_pulling_away_term_is_the_same_to_the_bit_under_autocast():
    torch.manual_seed(0)
    codes = torch.randn(12, 40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = pulling_away(codes)
    assert torch.equal(seen, pulling_away(codes))


def test_the_pulling_away_term_sees_codes_of_generated_samples_and_0_turns_it_off():
    ebgan = method(pulling_away=0.1)
    torch.manual_seed(3)
    terms = ebgan.generator_loss(batch())
    torch.manual_seed(3)
    codes = ebgan.encoder(ebgan.generate(8))
    assert terms["pulling_away"].item() == pytest.approx(0.1 * pulling_away(codes).item())
    assert method(pulling_away=0.0).generator_loss(batch())["pulling_away"] == 0


def test_with_the_term_the_codes_of_generated_points_are_less_alike():
    alike = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        ebgan = method(PLANE, pulling_away=weight, lr=2e-3)
        runners = phase_runners(ebgan)
        for _ in range(60):
            points = Batch({"target": torch.randn(64, 2)}, torch.tensor(0.0))
            runners["discriminator"].update(points)
            runners["generator"].update(points)
        with torch.no_grad():
            alike[weight] = float(pulling_away(ebgan.encoder(ebgan.generate(512))))
    assert alike[1.0] < alike[0.0]


def test_a_margin_below_the_energy_of_real_samples_is_said():
    ebgan = method(margin=0.2)
    assert "raise --margin" in ebgan.diagnose({"discriminator/real": 0.3})[0]
    assert not ebgan.diagnose({"discriminator/real": 0.1, "generator/diversity": 0.8})


@pytest.mark.parametrize("margin", [0.0, -1.0])
def test_the_margin_must_be_positive(margin):
    with pytest.raises(ValidationError, match="greater than 0"):
        EBGANConfig(margin=margin)
