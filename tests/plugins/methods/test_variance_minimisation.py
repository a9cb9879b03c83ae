"""Facts of Cai et al. 2023."""

from __future__ import annotations

import torch
from ganzoo_adaptation.variance_minimisation import VarianceMinimisation, VarianceMinimisationConfig

from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners
from ganzoo.training.timeline import Timeline

CPU = torch.device("cpu")


def method(**settings):
    config = VarianceMinimisationConfig(**{"members": 3, **settings})
    return build_method(VarianceMinimisation, config, toy.SPEC, seed=0, device=CPU)


def test_members_begin_with_different_weights_and_equal_ones_have_no_spread():
    ensemble = method()
    first, second, third = ensemble.members
    assert not torch.equal(first.head[0].weight, second.head[0].weight)
    batch = toy.batch(ensemble, 8)
    assert float(ensemble.eval().agreement_loss(batch)["spread"]) > 1e-2
    for member in (second, third):
        member.load_state_dict(first.state_dict())
    assert float(ensemble.agreement_loss(batch)["spread"]) < 1e-3


def test_a_member_learns_the_source_as_it_would_alone():
    """The sum of losses gives each member the gradient of its own."""
    ensemble = method(augment=False).requires_grad_(True)
    batch = toy.batch(ensemble, 8)
    ensemble.source_loss(batch)["task"].backward()
    for member in ensemble.members:
        (alone,) = torch.autograd.grad(member.loss(batch.source, batch.source_label), [member.head[0].weight])
        torch.testing.assert_close(member.head[0].weight.grad, alone)


def test_agreement_falls_on_one_batch_and_the_source_is_kept():
    ensemble = method(augment=False, adaptation_lr=1e-3, variance=5.0)
    ensemble.members.eval()
    runner, batch = phase_runners(ensemble)["agreement"], toy.batch(ensemble, 16)
    first = runner.update(batch)
    for _ in range(25):
        last = runner.update(batch)
    assert float(last["spread"]) < 0.7 * float(first["spread"])
    assert float(last["task"]) < float(first["task"])


def test_the_second_stage_is_a_share_of_the_first_and_rests_the_batch_norm():
    timeline = Timeline(method(), 1_650)
    assert timeline.ends == [1_500, 1_650]
    assert method().stages()[1].resting


def test_the_prediction_is_that_of_the_mean_output():
    ensemble = method().eval()
    images = toy.batch(ensemble, 5).target
    outputs = torch.stack([member.head(member.features(images)) for member in ensemble.members])
    torch.testing.assert_close(ensemble.predict(images), toy.SPEC.task.decode(outputs.mean(0)))
