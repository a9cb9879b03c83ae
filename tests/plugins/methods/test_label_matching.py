"""Facts of resampling the source to the labels that are predicted for the target."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from ganzoo_adaptation.dann import DANN
from ganzoo_adaptation.ddc import DDC
from ganzoo_adaptation.label_matching import LabelMatching, systematic
from ganzoo_adaptation.mean_teacher import MeanTeacher
from ganzoo_adaptation.ramp import ramp

from ganzoo.batch import Batch, image_spec
from ganzoo.task import ClassTask, RegressionTask
from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

METHODS = (DDC, DANN, MeanTeacher)
SPEC = image_spec(1, 8, 8, RegressionTask(2, "px"))
MEAN, SPREAD = torch.tensor([26.0, -3.0]), torch.tensor([4.0, 0.5])  # of the source's labels


def batch_of(labels, progress):
    """A batch whose samples are their own labels."""
    return Batch({"source": labels, "source_label": labels, "target": labels}, torch.tensor(progress))


def labels(generator, count=256):
    return MEAN + SPREAD * torch.randn(count, 2, generator=generator)


def run(matching, predicted, steps=400, generator=None):
    """The labels drawn in the last quarter of a run in which `predicted()` are the outputs for the target."""
    generator = generator or torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    drawn = []
    for step in range(steps):
        source, label = matching.draw(batch_of(labels(generator), step / steps))
        assert torch.equal(source, label)  # rows stay together
        matching.observe(predicted())
        drawn += [label] if step >= 0.75 * steps else []
    return torch.cat(drawn)


def test_rows_are_drawn_in_proportion_and_equal_weights_draw_each_once():
    assert systematic(torch.full((7,), 0.3)).tolist() == list(range(7))
    weights = torch.tensor([1.0, 0.2, 5.0, 2.0, 0.4])
    expected = 5 * weights / weights.sum()
    torch.manual_seed(0)
    draws = torch.stack([systematic(weights).bincount(minlength=5) for _ in range(4_000)])
    assert ((draws - expected).abs() < 1).all()  # floor or ceil
    torch.testing.assert_close(draws.double().mean(0), expected.double(), atol=0.03, rtol=0)


def test_labels_drawn_have_the_mean_and_the_spread_of_the_predictions():
    generator = torch.Generator().manual_seed(1)
    wanted, spread = MEAN + torch.tensor([2.0, -0.3]), SPREAD * torch.tensor([0.8, 0.7])
    drawn = run(LabelMatching(2, SPEC), lambda: wanted + spread * torch.randn(256, 2, generator=generator))
    torch.testing.assert_close(drawn.mean(0), wanted, atol=0.25, rtol=0)  # a sixteenth of a deviation
    torch.testing.assert_close(drawn.std(0), spread, atol=0, rtol=0.15)  # the limit of a fifth leaves tails


def test_the_first_part_draws_every_row_once_and_the_rounds_keep_what_was_predicted_before_them():
    matching, generator = LabelMatching(1, SPEC), torch.Generator().manual_seed(0)
    for step in range(100):
        given = labels(generator)
        _, label = matching.draw(batch_of(given, step / 200))
        assert torch.equal(label, given)
        matching.observe(MEAN + 1 + torch.zeros(256, 2))
    for step in range(100, 200):
        matching.draw(batch_of(labels(generator), step / 200))
        matching.observe(MEAN + 9 + torch.zeros(256, 2))  # too late for this round
        torch.testing.assert_close(matching.wanted[0], MEAN + 1)
    assert float(matching.target[0, 0]) > 26 + 7


def test_a_row_counts_at_most_five_times_a_row_with_equal_densities_and_at_least_a_fifth():
    matching = LabelMatching(1, SPEC)
    for buffer, mean in ((matching.source, 0.0), (matching.target, 40.0)):
        buffer.copy_(torch.tensor([[mean, 0.0], [1.0, 1.0]]))
    matching.seen.fill_(1e6)
    drawn = torch.zeros(4)
    given = torch.tensor([[0.0, 0.0], [20.0, 0.0], [20.0, 0.0], [40.0, 0.0]])  # ratios: tiny, 1, 1, huge
    torch.manual_seed(0)
    state = {name: value.clone() for name, value in matching.state_dict().items()}
    for _ in range(4_000):
        matching.load_state_dict(state)
        matching.source[1] = 1.0
        _, label = matching.draw(batch_of(given, 0.9))
        drawn += torch.stack([(label[:, 0] == value).sum() for value in (0.0, 20.0, 20.0, 40.0)])
    shares = drawn / 16_000
    assert shares[3] / shares[0] == pytest.approx(25, rel=0.25)


@pytest.mark.parametrize("cls", METHODS)
def test_without_rounds_there_is_no_state_and_nothing_changes(cls):
    built = build_method(cls, cls.Config(), toy.SPEC, seed=0, device=torch.device("cpu"))
    assert not list(built.get_submodule("aligned.matching" if cls is DDC else "matching").buffers())
    progress = torch.linspace(0, 1, 9)
    torch.testing.assert_close(LabelMatching(0, toy.SPEC).ramp(progress), ramp(progress))


def test_adaptation_begins_with_the_first_round():
    strength = LabelMatching(2, SPEC).ramp(torch.tensor([0.0, 0.2, 1 / 3, 0.5, 1.0]))
    assert strength[:3].tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert 0.5 < strength[3] < strength[4]
    torch.testing.assert_close(strength[4], ramp(torch.tensor(1.0)))


@pytest.mark.parametrize("cls", METHODS)
def test_methods_learn_from_the_rows_drawn_and_average_their_moments_over_processes(cls):
    built = build_method(cls, cls.Config(match_labels=1), toy.SPEC, seed=0, device=torch.device("cpu"))
    (runner,) = phase_runners(built).values()
    place = "aligned.matching." if cls is DDC else "matching."
    (phase,) = built.phases().values()
    assert {f"{place}{name}" for name in ("source", "target", "wanted", "seen", "round")} <= {*phase.averages}
    batch = toy.batch(built, 16)
    for progress in (0.0, 0.4, 0.5, 0.9):
        terms = runner.update(replace(batch, progress=torch.tensor(progress)))
        assert all(torch.isfinite(value).all() for value in terms.values())
    assert float(built.get_buffer(f"{place}round")) == 1
    assert not torch.equal(built.get_buffer(f"{place}wanted")[0], torch.zeros(2))


@pytest.mark.parametrize("cls", METHODS)
def test_classes_have_no_moments_and_are_declined(cls):
    spec = image_spec(1, 28, 28, ClassTask(10))
    assert cls.declines(cls.Config(network="mnist"), spec) == ""
    assert "--match-labels" in cls.declines(cls.Config(network="mnist", match_labels=1), spec)
