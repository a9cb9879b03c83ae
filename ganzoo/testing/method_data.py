"""The data that a method declares to read, and whether it reads no others."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ganzoo.batch import Column, DataSpec, image_spec
from ganzoo.method import Method
from ganzoo.task import ClassTask, GazeTask, NoTask, RegressionTask
from ganzoo.testing import toy, toy_data
from ganzoo.testing.checks import check, require
from ganzoo.testing.method_outputs import able, inputs_for, quietly

KNOWN = ("label", "group")  # columns that every domain can have
KINDS = ("image", "mask", "vector")


@check(
    Method,
    why="The loop draws the columns that a method names, and refuses data that lack one of them.",
    fix='Name columns as in a batch: "source", "source_label", "target", "source_" or "target_" and the name of a '
    "further column; declare oracle = True if one of them is target_label.",
)
def columns_are_named(cls: type[Method]) -> None:
    """It reads distinct columns of the source and the target by their names, and target labels only as an oracle."""
    config = cls.Config()
    columns = cls.columns(config)
    words = isinstance(columns, tuple) and all(isinstance(name, str) for name in columns)
    require(words, f"columns are {columns!r}, not a tuple of names")
    require(columns == cls.columns(config), "columns() returns others when called again")
    require(len(set(columns)) == len(columns), f"it names a column twice: {', '.join(columns)}")
    for name in columns:
        side, _, rest = name.partition("_")
        good = side in ("source", "target") and (name == side or rest)
        require(good, f"the column {name!r} belongs to neither the source nor the target")
        near = difflib.get_close_matches(rest, KNOWN, 1, 0.75) if rest not in KNOWN else []
        require(not near, f"it reads {name!r}; did you mean {side}_{near[0] if near else ''}?")
    oracle = cls.is_oracle(config)
    require(isinstance(oracle, bool), f"is_oracle() returns {oracle!r}")
    require(oracle or "target_label" not in columns, "it reads target_label but is not an oracle")
    kinds = isinstance(cls.kinds, tuple) and cls.kinds and {*cls.kinds} <= {*KINDS}
    require(kinds, f"kinds are {cls.kinds!r}, not a tuple of {', '.join(KINDS)}")


@check(
    Method,
    why="Data may lack what a method does not read: the other domain, labels, further columns.",
    fix="Add all columns that a loss or finish uses to `reads`; take sizes of samples from spec.sample.",
)
def reads_only_its_columns(cls: type[Method]) -> None:
    """It can be trained, finished and used on data that have only the columns that it reads."""
    spec = toy_data.bare_spec(cls, toy.spec_for(cls))
    method = toy.hurried(cls, spec)
    toy.train(method)
    method.eval()
    for capability in able(method).values():
        quietly(capability, method, inputs_for(capability, method, 3), 3)


@check(
    Method,
    once=True,
    why="Lists, benches and runs show the reason before any work; an error while building networks comes too late.",
    fix='Let declines read only the config and the spec, and return "" or words such as "takes images of 16 x 16 '
    'pixels and more".',
)
def declines_in_words(cls: type[Method]) -> None:
    """It declines data based on settings and data alone, in one sentence without its subject."""
    config = cls.Config()
    before = config.model_dump()
    for spec in _specs(cls):
        said, again = cls.declines(config, spec), cls.declines(config, spec)
        require(isinstance(said, str), f"declines returns {said!r}, which is not text")
        require(said == again, f"declines returns {said!r} and, when called again, {again!r}")
        words = not said or (said[0].islower() and "\n" not in said and not said.rstrip().endswith("."))
        require(words, f"declines returns {said!r}; write a predicate in lower case without a full stop")
    require(config.model_dump() == before, "declines changes the settings")


def _specs(cls: type[Method]) -> Iterator[DataSpec]:
    """Data of many forms, which a method may decline."""
    columns = {name: Column((1, 16, 24)) for name in cls.columns(cls.Config()) if not name.endswith("_label")}
    for task in (GazeTask(), ClassTask(3), RegressionTask(2, "px"), NoTask()):
        for size in ((1, 1, 1), (1, 3, 200), (3, 16, 24), (1, 64, 64), (3, 256, 256)):
            plain = image_spec(*size, task)
            yield DataSpec({**columns, **plain.columns}, task, cls.paired)
        points = Column((2,), "vector")
        plain = image_spec(1, 1, 1, task)
        yield DataSpec({**columns, **plain.columns, "source": points, "target": points}, task, cls.paired)
