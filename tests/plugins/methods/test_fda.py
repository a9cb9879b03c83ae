"""FDA takes low amplitudes from the target, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_translation.fda import FDA, FDAConfig

from ganzoo.batch import image_spec
from ganzoo.dataset import Domain
from ganzoo.task import GazeTask

HEIGHT, WIDTH = 12, 17
SPEC = image_spec(1, HEIGHT, WIDTH, GazeTask())


def images(count, seed):
    """Smooth images of middle grey, so that no mixture leaves the range."""
    noise = np.random.default_rng(seed).uniform(108, 148, (count, 1, HEIGHT, WIDTH))
    return np.round(noise).astype(np.uint8)


def fda(target, **settings):
    method = FDA(FDAConfig(**settings), SPEC)
    method.finish(Domain("source", images(2, 0)), Domain("target", target))
    return method


def as_float(pixels):
    return torch.from_numpy(pixels).float() / 127.5 - 1


def spectrum(batch):
    return torch.fft.fft2((batch + 1) / 2)


def test_an_image_that_is_the_target_stays_as_it_is():
    own = images(1, 1)
    assert torch.allclose(fda(own, band=0.3).refine(as_float(own)), as_float(own), atol=1e-5)


def test_with_the_whole_band_all_amplitudes_are_those_of_the_target():
    target, source = images(1, 1), as_float(images(3, 2))
    made = spectrum(fda(target, band=1.0).refine(source)).abs()
    assert torch.allclose(made, spectrum(as_float(target)).abs().expand_as(made), atol=2e-4)


def test_high_frequencies_and_all_phases_stay():
    target, source = images(1, 1), as_float(images(3, 2))
    before, after = spectrum(source), spectrum(fda(target, band=0.25).refine(source))
    radius = 3  # a quarter of 12
    rows, columns = (np.abs(np.fft.fftfreq(size, 1 / size)) for size in (HEIGHT, WIDTH))
    low = torch.from_numpy((rows[:, None] <= radius) & (columns[None] <= radius))
    assert int(low.sum()) == (2 * radius + 1) ** 2
    assert torch.allclose(before[..., ~low], after[..., ~low], atol=2e-4)
    wanted = spectrum(as_float(target)).abs().expand_as(after)
    assert torch.allclose(after.abs()[..., low], wanted[..., low], atol=2e-4)
    assert torch.allclose(torch.cos(before.angle() - after.angle()), torch.ones(1), atol=1e-3)


def test_each_image_has_a_target_image_of_its_own_in_any_batch():
    method, source = fda(images(50, 1), references=50), as_float(images(40, 2))
    made = method.refine(source)
    assert torch.allclose(made[7:9], method.refine(source[7:9]), atol=1e-6)
    means = {round(float(mean), 5) for mean in made.mean((1, 2, 3))}
    targets = {round(float(mean), 5) for mean in as_float(images(50, 1)).mean((1, 2, 3))}
    assert len(means) > 10
    nearest = [min(abs(mean - each) for each in targets) for mean in means]
    assert max(nearest) < 1e-4  # the mean is frequency 0, which comes from one target image


def test_fewer_target_images_than_references_are_used_several_times():
    target = images(3, 1)
    method = fda(target, references=7)
    assert torch.equal(method.amplitudes[0], method.amplitudes[3])
    assert torch.equal(method.amplitudes[0], method.amplitudes[6])


def test_a_band_below_one_cycle_is_declined():
    assert "--band 0.05" in FDA.declines(FDAConfig(band=0.05), SPEC)
    assert FDA.declines(FDAConfig(band=0.09), SPEC) == ""
    with pytest.raises(ValueError, match="greater than 0"):
        FDAConfig(band=0)
