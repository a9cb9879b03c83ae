"""Each check of datasets passes an honest one and catches a liar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from honest_dataset import Honest
from kit_liars import Liars

from ganzoo.batch import Column
from ganzoo.dataset import Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, NoTask
from ganzoo.testing import CheckSkipped, configured, parametrize_with_checks

LIARS = Liars(Honest)
lie = LIARS.lie


def changed(part, **change):
    """The honest part with other columns, each a function of the honest domain."""

    def answer(self):
        domain = getattr(Honest, part)(self)
        return replace(domain, **{name: value(domain) for name, value in change.items()})

    return answer


def raises(error):
    def answer(self):
        raise error

    return answer


lie("dataset_declares_itself", "is not lower-case", name="Honest")
lie("dataset_declares_itself", "it has no license", license=None)
lie("dataset_declares_itself", "license is empty", license=" ")
lie("dataset_declares_itself", "is not a sentence", summary="noise")
lie("absent_data_is_said", "raised FileNotFoundError", source=lambda self: np.load("no/such/file.npy"))
lie("absent_data_is_said", "neither a command nor an option", target=raises(DatasetError("there are no data")))


class Undescribed(Settings):
    count: int = 12


lie("config_is_frozen_and_described", "the description of 'count'", Config=Undescribed)
lie("config_is_frozen_and_described", "is not a subclass of Settings", Config=None)
form = "domains_have_the_form"
lie(form, "source has no labels", source=changed("source", labels=lambda domain: None))
lie(form, "target_test has no labels", target_test=changed("target_test", labels=lambda domain: None))
lie(form, "not float32", source=changed("source", labels=lambda domain: domain.labels.astype(np.float64)))
lie(form, "not float32 [12, 2]", source=changed("source", labels=lambda domain: domain.labels[:, :1]))
lie(form, "not degrees", target=changed("target", labels=lambda domain: np.rad2deg(domain.labels)))
lie(form, "from 0 to 2", task=ClassTask(3), part=lambda self, name, number: with_classes(self, name, number))
lie(form, "not int64", target=changed("target", groups=lambda domain: domain.groups.astype(np.int32)))
lie(
    form,
    "images of target_test are",
    target_test=changed("target_test", samples=lambda domain: domain.samples[..., 1:]),
)
lie(form, "all labels of the source are equal", source=changed("source", labels=lambda domain: domain.labels * 0))
lie(form, "not a Domain", source_test=lambda self: Honest.source_test(self).images)
lie(form, "neither a source nor a target", source=lambda self: None, target=lambda self: None)
lie(form, "source has labels, but the dataset has no task", task=NoTask())


def with_holes(domain):
    return np.where(domain.samples.reshape(len(domain), -1) > 250, np.nan, 1).astype(np.float32)


lie(form, "samples of target are not finite", target=changed("target", samples=with_holes))
agrees = "spec_agrees_with_the_domains"


def spec_with(change):
    return lambda self: change(Honest.spec(self))


lie(agrees, "says of source: images of 9 x 9", spec=spec_with(
    lambda spec: replace(spec, columns={**spec.columns, "source": Column((1, 9, 9))})))  # fmt: skip
lie(agrees, "says of source_shape: vectors of 3", spec=spec_with(
    lambda spec: replace(spec, columns={**spec.columns, "source_shape": Column((3,), "vector")})))  # fmt: skip
lie(agrees, "the task of the spec", spec=spec_with(lambda spec: replace(spec, task=NoTask())))
lie(agrees, "disagree about paired rows", spec=spec_with(lambda spec: replace(spec, paired=True)))
further = "further_columns_have_names"
lie(further, "is called 'label'", target=changed("target", extra=lambda domain: {"label": domain.labels}))
lie(
    further, "is observed, but holds the labels",
    target=lambda self: replace(Honest.target(self), extra={"pupil": Honest.target(self).labels}, observed=("pupil",)),
)  # fmt: skip
lie("pairs_have_one_length", "source has 12 rows and target 11", paired=True,
    target=lambda self: Honest.target(self).take(slice(11)))  # fmt: skip


def with_classes(self, name, number):
    """Classes counted from 1."""
    domain = Honest.part(self, name, number)
    return replace(domain, labels=(np.arange(len(domain)) % 3 + 1).astype(np.float32)[:, None])


lie("tests_are_held_out", "12 samples of source_test", source_test=Honest.source)
lie(
    "tests_are_held_out",
    "the persons [6, 7, 8]",
    target_test=changed("target_test", groups=lambda domain: domain.groups - 3),
)
DRAWN = np.random.default_rng(0)
again = "same_domains_every_time"
lie(again, "labels of target differ", target=changed("target", labels=lambda d: d.labels + DRAWN.uniform(0, 0.1)))
lie(again, "global state", target=changed("target", labels=lambda d: d.labels + np.random.uniform(0, 0.1)))


class Clinging(Domain):
    def unlabelled(self):
        return self


class Whispering(Domain):
    pass


lie("target_labels_come_off", "is a Clinging", target=lambda self: Clinging(**vars(Honest.target(self))))
lie("target_labels_come_off", "is a Whispering", target=lambda self: Whispering(**vars(Honest.target(self))))
lie("card_is_plain", "cannot be written as JSON", card=lambda self: {"where": Path("/data")})
lie("card_is_plain", "not a mapping", card=lambda self: [1])


@parametrize_with_checks([Honest])
def test_an_honest_dataset_passes(plugin, check):
    check(plugin)


@LIARS.cases()
def test_a_lie_is_caught_in_words(name, what, cls):
    LIARS.caught(name, what, cls)


def test_every_check_has_a_liar():
    assert LIARS.names | {"imports_only_the_contract"} == set(LIARS.checks)


def test_a_dataset_without_tests_and_groups_passes():
    bare = {"source_test": lambda self: None, "target_test": lambda self: None}
    bare["target"] = lambda self: Honest.target(self).unlabelled()
    for check in LIARS.rules():
        check(type("Bare", (Honest,), bare))


def test_a_dataset_whose_files_are_absent_is_skipped_with_its_own_words():
    absent = type("Absent", (Honest,), {"source": raises(DatasetError("get it, then: ganzoo data prepare honest"))})
    LIARS.checks["absent_data_is_said"](absent)
    with pytest.raises(CheckSkipped, match="ganzoo data prepare honest"):
        LIARS.checks["domains_have_the_form"](absent)


def test_a_dataset_is_checked_at_another_size():
    smaller = configured(Honest, count="5")
    assert len(smaller(smaller.Config()).source()) == 5
    assert len(Honest(Honest.Config()).source()) == 12
    for check in LIARS.rules():
        check(smaller)
    with pytest.raises(ConfigError, match="no setting 'cuont'; did you mean 'count'"):
        configured(Honest, cuont=5)
    with pytest.raises(ConfigError, match="--count = 1"):
        configured(Honest, count=1)


EYES = {"source_size": 64, "source_test_size": 32, "target_size": 48, "target_test_size": 32}
INSTALLED = [configured(c, **EYES) if n == "eyes" else c for n, c in registry().found["datasets"].items()]


@parametrize_with_checks([cls for cls in INSTALLED if cls.__module__.startswith("ganzoo")])
def test_every_installed_dataset_keeps_the_contract(plugin, check):
    if check.name == "absent_data_is_said" and plugin.name == "eyes":
        pytest.skip("it is drawn, and never absent")
    check(plugin)
