"""Facts of Tzeng et al. 2014 (DDC), Sun and Saenko 2016 (Deep CORAL) and Nejjar et al. 2023 (DARE-GRAM)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ganzoo_adaptation.alignment import diagnose
from ganzoo_adaptation.dare_gram import DareGram, angle_and_scale
from ganzoo_adaptation.ddc import DDC
from ganzoo_adaptation.deep_coral import DeepCoral, coral, covariance

from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
METHODS = (DDC, DeepCoral, DareGram)


def method(cls, **settings):
    return build_method(cls, cls.Config(**settings), toy.SPEC, seed=0, device=CPU)


def features(count=12, width=5, shift=0.0, seed=0):
    torch.manual_seed(seed)
    return torch.randn(count, width, dtype=torch.float64) + shift


def moved(cls, progress, **settings):
    """The weights after one update, and its terms."""
    built = method(cls, **settings)
    batch = replace(toy.batch(built, 8), progress=torch.tensor(progress))
    torch.manual_seed(0)
    terms = phase_runners(built)["predictor"].update(batch)
    return {name: value.clone() for name, value in built.aligned.predictor.state_dict().items()}, terms


@pytest.mark.parametrize("cls", METHODS)
def test_without_weight_the_distance_is_logged_and_changes_nothing(cls):
    off, terms = moved(cls, 0.5, alignment=0.0)
    fixed, _ = moved(cls, 0.5, alignment=0.0, balance="fixed")
    assert float(terms["distance"]) > 0
    assert all(torch.equal(off[name], fixed[name]) for name in off)
    on, _ = moved(cls, 0.5)
    assert not all(torch.equal(off[name], on[name]) for name in off)


@pytest.mark.parametrize("cls", METHODS)
def test_the_weight_rises_from_zero_and_scales_the_gradients_to_each_other(cls):
    _, start = moved(cls, 0.0)
    assert float(start["weight"]) == 0
    _, end = moved(cls, 0.9999)
    built = method(cls)
    batch = toy.batch(built, 8)
    torch.manual_seed(0)
    built.requires_grad_(True)
    predictor = built.aligned.predictor
    images = predictor.training_images(torch.cat([batch.source, batch.target]))
    both = predictor.features(images)
    task = predictor.loss_of_features(both[:8], batch.source_label)
    between = built.distance(both[:8], both[8:]) if cls is not DeepCoral else coral(both[:8], both[8:])
    length, other = (torch.autograd.grad(each, both, retain_graph=True)[0].norm() for each in (task, between))
    share = built.config.alignment * 0.9999
    torch.testing.assert_close(end["weight"], share * length / other, rtol=1e-3, atol=0)


@pytest.mark.parametrize("cls", METHODS)
def test_the_distance_falls_on_one_batch_when_it_is_all_that_counts(cls):
    built = method(cls, alignment=10.0, lr=1e-3, augment=False)
    batch = replace(toy.batch(built, 16), progress=torch.tensor(0.99))
    runner = phase_runners(built)["predictor"]
    first = runner.update(batch)["distance"]
    for _ in range(30):
        last = runner.update(batch)["distance"]
    assert float(last) < 0.8 * float(first)


def test_the_papers_discrepancy_compares_means():
    """Equation 2 with the features themselves as the map: a shift by (3, 4) has the square 25."""
    a = features(width=2).float()
    ddc = method(DDC, kernel="linear")
    assert float(ddc.distance(a, a + torch.tensor([3.0, 4.0]))) == pytest.approx(25, rel=1e-5)
    stretched = a.mean(0) + 5 * (a - a.mean(0))
    assert float(ddc.distance(a, stretched)) == pytest.approx(0, abs=1e-9)
    assert float(method(DDC).distance(a, stretched)) > 0.1, "the gaussian kernel sees the spread"


def test_a_gaussian_discrepancy_is_zero_for_equal_sets_in_any_order():
    a = features().float()
    assert float(method(DDC).distance(a, a.flip(0))) == pytest.approx(0, abs=1e-6)


def test_a_covariance_is_numpys():
    a = features()
    np.testing.assert_allclose(covariance(a).numpy(), np.cov(a.numpy(), rowvar=False))
    assert not covariance(features(count=1)).any()


def test_coral_ignores_a_shift_and_knows_a_scale_in_closed_form():
    a = features()
    assert float(coral(a, a)) == 0
    assert float(coral(a, a + 3)) == pytest.approx(0, abs=1e-12)
    wanted = (2.0**2 - 1) ** 2 * covariance(a).square().sum() / (4 * 5**2)
    torch.testing.assert_close(coral(a, 2 * a), wanted)


def reference(source, target, kept):
    """The definition with numpy's singular values and pseudo-inverse, and Gram matrices that are means."""
    grams = [np.concatenate([np.ones((len(f), 1)), f], 1) for f in (source.numpy(), target.numpy())]
    grams = [rows.T @ rows / len(rows) for rows in grams]
    spectra = [np.linalg.svd(gram, compute_uv=False) for gram in grams]
    count = 0
    for spectrum in spectra:
        shares = spectrum.cumsum() / spectrum.sum()
        count = max(count, np.flatnonzero(shares <= max(kept, shares[1]))[-1])
    inverses = [
        np.linalg.pinv(gram, rcond=(s[count] * s[count - 1]) ** 0.5 / s[0], hermitian=True)
        for gram, s in zip(grams, spectra, strict=True)
    ]
    a, b = inverses
    cosine = (a * b).sum(0) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0))
    scale = np.linalg.norm(spectra[0][:count] - spectra[1][:count]) / count
    return np.abs(1 - cosine).mean(), scale


@pytest.mark.parametrize(("count", "width"), [(40, 6), (10, 20)])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_angle_and_scale_are_those_of_the_definition(count, width, kept):
    source, target = features(count, width).relu(), features(count, width, 0.4, seed=1).relu()
    found = angle_and_scale(source, target, kept)
    assert [float(each) for each in found] == pytest.approx(reference(source, target, kept), rel=1e-5)


def test_equal_features_have_no_angle_and_no_scale():
    a = features()
    angle, scale = angle_and_scale(a, a.flip(0), 0.9)
    assert float(angle) == pytest.approx(0, abs=1e-9)
    assert float(scale) == pytest.approx(0, abs=1e-6)


def test_the_size_of_a_batch_does_not_scale_the_distance():
    source, target = features(), features(seed=1)
    once, twice = angle_and_scale(source, target, 0.9), angle_and_scale(source.repeat(2, 1), target.repeat(2, 1), 0.9)
    torch.testing.assert_close(once, twice)


def test_gradients_of_a_small_batch_are_finite_and_that_of_the_scale_is_a_finite_difference():
    """The spectrum of a batch smaller than the features ends in equal zeros, whose eigenvectors are arbitrary. The
    angle's gradient treats the truncated matrix as if its rank were constant, as the authors' code does."""
    source, target = features(6, 10).requires_grad_(), features(6, 10, seed=1)
    angle, scale = angle_and_scale(source, target, 0.6)
    (of_angle,) = torch.autograd.grad(angle, source, retain_graph=True)
    assert torch.isfinite(of_angle).all()
    assert float(of_angle.abs().max()) > 0
    (of_scale,) = torch.autograd.grad(scale, source)
    for row, column in ((0, 0), (3, 7)):
        change = torch.zeros_like(source)
        change[row, column] = 1e-6
        up, down = (angle_and_scale(source.detach() + sign * change, target, 0.6)[1] for sign in (1, -1))
        torch.testing.assert_close(of_scale[row, column], (up - down) / 2e-6, rtol=1e-4, atol=1e-8)


def test_features_that_no_sample_activates_do_not_matter():
    source, target = features(20, 4).relu(), features(20, 4, seed=1).relu()
    dead = torch.zeros(20, 3, dtype=torch.float64)
    angle, scale = angle_and_scale(source, target, 0.9)
    wider = angle_and_scale(torch.cat([source, dead], 1), torch.cat([target, dead], 1), 0.9)
    assert float(wider[0]) == pytest.approx(float(angle) * 5 / 8, rel=1e-6), "they add zeros to the mean"
    assert float(wider[1]) == pytest.approx(float(scale), rel=1e-6)


def test_features_that_are_not_finite_give_a_loss_that_is_not_finite_and_no_error():
    """The loop reports a loss that is not finite; an error of the decomposition would be a traceback."""
    bad = torch.full((4, 3), float("nan"))
    assert not torch.isfinite(torch.stack(angle_and_scale(bad, bad, 0.9))).all()


def test_predictions_that_do_not_vary_cause_a_warning():
    assert "Mode collapse" in diagnose({"predictor/diversity": 0.01})[0]
    assert not diagnose({"predictor/diversity": 0.9})
