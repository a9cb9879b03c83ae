"""The declaration of a dataset, and the content of its four domains."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganzoo.dataset import Dataset, Domain, spec_of
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.task import NoTask
from ganzoo.testing.checks import check, require, skip, violate
from ganzoo.testing.declaration import words_are_given
from ganzoo.testing.surroundings import environment, other_random_state, random_state

DOMAINS = ("source", "source_test", "target", "target_test")
COMPARED = 20_000  # maximum number of samples of a domain to compare with those of another


@check(
    Dataset,
    why="Lists and score cards show these words; users of a result must know whether the licence allows it.",
    fix='Write name = "lower-case", summary = "One sentence.", homepage = "https://..." and license = "...".',
)
def dataset_declares_itself(cls: type[Dataset]) -> None:
    """It has a lower-case name, a summary of one sentence, a homepage and a licence."""
    words_are_given(cls, "homepage", "license")
    require(cls.license.strip(), 'its license is empty; if the authors give none, write "none stated"')


@check(
    Dataset,
    why="Nothing is downloaded automatically, so a user without the files must be told what to type.",
    fix='Raise DatasetError("dataset NAME needs ..., which is not at ...; prepare it: ganzoo data prepare ...").',
)
def absent_data_is_said(cls: type[Dataset]) -> None:
    """Without prepared data it works, or raises DatasetError or ConfigError that says how to fix it."""
    with tempfile.TemporaryDirectory() as empty, environment(GANZOO_DATA=empty):
        try:
            dataset = cls(cls.Config())
            for name in DOMAINS:
                getattr(dataset, name)()
        except (DatasetError, ConfigError) as error:
            way = re.search(r"ganzoo \w+|--\w+|GANZOO_\w+", str(error))
            require(way, f"the error names neither a command nor an option that fixes it: {error}")


@check(
    Dataset,
    why="Methods size their networks from one shape, and labels of another form or unit are learned without an error.",
    fix="Return samples of one shape in each domain, uint8 images [N, C, H, W] or finite float32 vectors, labels as "
    "float32 [N, task.label_size] in the task's unit (gaze in radians, classes from 0), and groups as int64 [N].",
)
def domains_have_the_form(cls: type[Dataset]) -> None:
    """Samples have one shape, labels the task's form; with a task, all domains but the target are labelled."""
    dataset, domains = _made(cls)
    labelled = not isinstance(dataset.task, NoTask)
    for name, domain in domains.items():
        require(isinstance(domain, Domain), f"{name} returns {type(domain).__name__}, not a Domain")
        train = domains.get(name.removesuffix("_test"), domain)
        shape, wanted = tuple(domain.samples.shape[1:]), tuple(train.samples.shape[1:])
        what = "images" if domain.samples.dtype == np.uint8 else "samples"
        same = shape == wanted and domain.samples.dtype == train.samples.dtype
        require(same, f"{what} of {name} are {shape}, but those for training are {wanted}")
        finite = domain.samples.dtype == np.uint8 or np.isfinite(domain.spread(COMPARED).samples).all()
        require(finite, f"samples of {name} are not finite")
        if labelled and name != "target":
            require(domain.labels is not None, f"{name} has no labels")
        if domain.labels is not None:
            require(labelled, f"{name} has labels, but the dataset has no task")
            _labels_have_the_form(name, domain, dataset)
        if domain.groups is not None:
            groups = domain.groups
            require(groups.dtype == np.int64 and groups.ndim == 1,
                    f"groups of {name} are {groups.dtype} {list(groups.shape)}, not int64 [N]")  # fmt: skip
    labels = domains["source"].labels if "source" in domains else None
    require(labels is None or (labels != labels[0]).any(), "all labels of the source are equal")


@check(
    Dataset,
    why="Whether a method can work on the data is decided by their spec, before the data are read.",
    fix="Leave `spec` as it is, or return ganzoo.dataset.spec_of the training domains.",
)
def spec_agrees_with_the_domains(cls: type[Dataset]) -> None:
    """Its spec names the columns of the training domains, with their shapes and kinds, and its task."""
    dataset, domains = _made(cls, ("source", "target"))
    said = dataset.spec()
    found = spec_of(domains.get("source"), domains.get("target"), dataset.task, paired=dataset.paired)
    for name in {**said.columns, **found.columns}:
        one, other = said.columns.get(name), found.columns.get(name)
        require(one == other, f"the spec says of {name}: {one or 'absent'}; the domains hold: {other or 'nothing'}")
    require(said.task == found.task, f"the task of the spec is {said.task}, but that of the dataset is {found.task}")
    require(said.paired == found.paired, "spec and dataset disagree about paired rows")


@check(
    Dataset,
    why="A further column is read by its name, and labels under another name would reach every method.",
    fix='Give a further column a name of its own; name in `observed` only columns of `extra`, or "group", that are '
    "recorded with a sample, not annotated.",
)
def further_columns_have_names(cls: type[Dataset]) -> None:
    """Further columns do not use the names of samples, labels and groups, and an observed one is not the labels."""
    for name, domain in _made(cls)[1].items():
        taken = sorted({"", "label", "group"} & {*domain.extra})
        require(not taken, f"a further column of {name} is called {taken[0] if taken else ''!r}, which is taken")
        for column in (each for each in domain.observed if each in domain.extra):
            values = np.asarray(domain.extra[column])
            labels = domain.labels
            copied = (
                labels is not None and values.size == labels.size and bool((values.ravel() == labels.ravel()).all())
            )
            require(not copied, f"the column {column!r} of {name} is observed, but holds the labels")


@check(
    Dataset,
    why="A method receives row k of the source together with row k of the target.",
    fix="Set paired = True only if the rows of both domains show the same scenes, in the same order.",
)
def pairs_have_one_length(cls: type[Dataset]) -> None:
    """If its rows are paired, it has both domains, of equal length, also in the test parts."""
    dataset, domains = _made(cls)
    if not dataset.paired:
        skip("its rows are not paired")
    for part in ("", "_test"):
        sizes = [len(domains[side + part]) if side + part in domains else 0 for side in ("source", "target")]
        require(sizes[0] == sizes[1], f"source{part} has {sizes[0]} rows and target{part} {sizes[1]}")


@check(
    Dataset,
    why="A test on images or people of the training part measures memorisation.",
    fix="Split by people first, and by rows only within the training part; use the same person ids everywhere.",
)
def tests_are_held_out(cls: type[Dataset]) -> None:
    """No sample of a test part is in the training part, and no person of the target's test part."""
    _, domains = _made(cls)
    for train, test in (("source", "source_test"), ("target", "target_test")):
        if test not in domains or train not in domains:
            continue
        shared = _pictures(domains[train]) & _pictures(domains[test])
        require(not shared, f"{len(shared)} samples of {test} are in {train} too")
    groups = [domains[name].groups if name in domains else None for name in ("target", "target_test")]
    if groups[0] is not None and groups[1] is not None:
        both = np.intersect1d(groups[0], groups[1])
        require(not len(both), f"the persons {both[:5].tolist()} are in target and in target_test")


@check(
    Dataset,
    why="A run is a function of its settings and its seed; changing data make it a different experiment.",
    fix="Seed random numbers from the settings (numpy.random.default_rng(self.config.seed)), and sort listings.",
)
def same_domains_every_time(cls: type[Dataset]) -> None:
    """Equal settings give equal images and labels, in any order of calls, and use no global random state."""
    _, first = _made(cls)
    with other_random_state():
        before = random_state()
        again = _made(cls, reversed(DOMAINS))[1]
        require(random_state() == before, "it draws from the global state of random, numpy.random or torch")
    require(first.keys() == again.keys(), f"it has {sorted(first)} and, when called again, {sorted(again)}")
    for name, domain in first.items():
        for column, values in _columns(domain).items():
            other = _columns(again[name]).get(column)
            same = other is not None and np.array_equal(values, other, equal_nan=values.dtype.kind == "f")
            require(same, f"{column} of {name} differ when the dataset is created again")


@check(
    Dataset,
    why="The loop removes the target's labels with Domain.unlabelled before a method may see it.",
    fix="Return a ganzoo.dataset.Domain itself, with labels in `labels`, persons in `groups` and the rest in `extra`.",
)
def target_labels_come_off(cls: type[Dataset]) -> None:
    """The target without labels has only its samples, and the observed columns."""
    target = _made(cls, ("source", "target"))[1].get("target")
    if target is None:
        skip("it has no target")
    require(type(target) is Domain, f"the target is a {type(target).__name__}, not Domain itself")
    left = [name for name in target.unlabelled().columns() if name and name not in target.observed]
    require(not left, f"the target without labels still has {', '.join(left)}")


@check(
    Dataset,
    why="The card is part of every metrics.json and states on which data a result was measured.",
    fix="Return a dictionary of strings, numbers, lists and dictionaries; convert paths and arrays.",
)
def card_is_plain(cls: type[Dataset]) -> None:
    """Its card can be written as JSON."""
    card = _made(cls, ("source", "target"))[0].card()
    require(isinstance(card, Mapping), f"the card is a {type(card).__name__}, not a mapping")
    try:
        json.dumps(card)
    except (TypeError, ValueError) as error:
        violate(f"the card cannot be written as JSON: {error}")


def _made(cls: type[Dataset], names: Any = DOMAINS) -> tuple[Dataset, dict[str, Domain]]:
    """A new object, and its domains. Skips the check if the data are not here."""
    try:
        dataset = cls(cls.Config())
        found = {name: getattr(dataset, name)() for name in names}
    except (DatasetError, ConfigError) as error:
        skip(f"its data are not here, or need settings: {error}")
    if {"source", "target"} <= found.keys():
        require(any(found[side] is not None for side in ("source", "target")), "it has neither a source nor a target")
    return dataset, {name: found[name] for name in DOMAINS if found.get(name) is not None}


def _labels_have_the_form(name: str, domain: Domain, dataset: Dataset) -> None:
    labels = domain.labels
    assert labels is not None
    wanted = (len(domain), dataset.task.label_size)
    good = labels.dtype == np.float32 and labels.shape == wanted
    require(good, f"labels of {name} are {labels.dtype} {list(labels.shape)}, not float32 {list(wanted)}")
    problem = dataset.task.problem(np.asarray(labels))
    require(problem is None, f"labels of {name}: {problem}")


def _pictures(domain: Domain) -> set[bytes]:
    return {sample.tobytes() for sample in domain.spread(COMPARED).samples}


def _columns(domain: Domain) -> dict[str, np.ndarray]:
    columns = {"samples": domain.samples, "labels": domain.labels, "groups": domain.groups, **domain.extra}
    return {name: np.asarray(column) for name, column in columns.items() if column is not None}
