"""Each check of capabilities passes an honest one and catches a liar."""

from __future__ import annotations

from typing import Protocol

import pytest
import torch
from conftest import ROOT
from honest_capability import Honest, Toy
from kit_liars import Liars
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities import Argument
from ganzoo.capabilities.base import Exportable
from ganzoo.discovery.registry import Registry, registry
from ganzoo.errors import DatasetError, UsageError
from ganzoo.testing import CheckSkipped, generate_checks, parametrize_with_checks

LIARS = Liars(Honest)
lie = LIARS.lie


def without_runtime():
    class Unchecked(Protocol):
        def shade(self, images: Tensor, by: Tensor) -> Tensor: ...

    return Unchecked


def toy(**members):
    return type("OtherToy", (Toy,), members)


declares = "capability_declares_itself"
lie(declares, "is not valid for a function", name="shade-it")
lie(declares, "is not valid for a function", name="lambda")
lie(declares, "is not a sentence", summary="shades")
lie(declares, "not a Protocol marked", protocol=without_runtime())
lie(declares, "has no function darken", name="darken")
lie(declares, "not a tuple of Argument", arguments=("images", "by"))
lie(declares, "but arguments are ['images']", arguments=Honest.arguments[:1])
lie(declares, "side of by is 'real'", arguments=(Honest.arguments[0], Argument("by", "amount", "real", "amounts")))
lie(declares, "has no meaning", arguments=(Honest.arguments[0], Argument("by", "amount", "target", " ")))
lie(declares, "makes is 'images'", makes="images")
lie(declares, "it must be an integer", realism="high")
has = "toy_has_the_capability"
lie(has, "not a class", toy=None)
lie(has, "does not have the capability", toy=type("Empty", (), {}))
lie(has, "lacks something that Shades requires", toy=type("Bare", (), {"shade": Toy.shade}))
lie(has, "a method that can do nothing has the capability", has=lambda self, method: True)
inputs = "toy_inputs_fit"
lie(inputs, "differs when it is created again", toy_input=lambda self, method, argument, column, count: (
    torch.rand(count, 1) if argument.column else column))  # fmt: skip
lie(inputs, "the toy input by is (5, 1), not (5, 2)", input=lambda self, method, argument: (
    Column((2,), "vector") if argument.column else method.spec.sample))  # fmt: skip
lie(inputs, "for the toy inputs, which are valid", problem=lambda self, method, inputs: "the amounts are odd")
agrees = "output_agrees_with_the_toy"
lie(agrees, "gives (5, 1, 16, 24), not (5, 2)", output=lambda self, method: Column((2,), "vector"))
lie(agrees, "leaves [-1, 1]", toy=toy(shade=lambda self, images, by: images * 9))
lie(agrees, "gives torch.float64", toy=toy(shade=lambda self, images, by: images.double()))
lie(agrees, "not finite", toy=toy(shade=lambda self, images, by: images * float("nan")))
lie(agrees, "its toy is pale", violations=lambda self, method, inputs, made: iter(["is pale"]))
lie("rows_can_be_drawn", "has 0 rows", rows=lambda self, method, inputs, made: [])
lie("rows_can_be_drawn", "a row is (5, 1)", rows=lambda self, method, inputs, made: [inputs[1], made])
lie(
    "rows_can_be_drawn", "it makes codes, but has 1 rows", makes="codes", rows=lambda self, method, inputs, made: [made]
)
goal = "goal_is_a_number"
lie(goal, "its goal is tensor", goal=lambda self, method, truth, made: made.mean())
lie(goal, "its goal is nan", goal=lambda self, method, truth, made: float("nan"))
lie(goal, "when computed again", goal=lambda self, method, truth, made: float(torch.rand(())))
lie(goal, "its baseline is None", baseline=lambda self, method, truth: None)
exports = "export_names_a_function"
lie(exports, "not an Exportable", export=lambda self, method: "shade")
lie(exports, "'darken', which is not a function", export=lambda self, method: Exportable("darken", ()))
lie(exports, "raised TypeError", export=lambda self, method: Exportable("shade", ()))


def refuses(self, method):
    raise UsageError("")


lie(exports, "without a reason", export=refuses)


@parametrize_with_checks([Honest])
def test_an_honest_capability_passes(plugin, check):
    check(plugin)


@LIARS.cases()
def test_a_lie_is_caught_in_words(name, what, cls):
    LIARS.caught(name, what, cls)


def test_every_check_has_a_liar():
    assert LIARS.names | {"imports_only_the_contract"} == set(LIARS.checks)


def test_a_capability_of_images_alone_is_checked_on_images():
    def input(self, method, argument):
        if len(method.spec.sample.shape) != 3:
            raise DatasetError("images are needed")
        return Honest.input(self, method, argument)

    for check in LIARS.rules():
        check(type("Images", (Honest,), {"input": input}))


def test_a_capability_of_no_data_of_the_kit_is_skipped():
    def output(self, method):
        raise DatasetError("sounds are needed")

    with pytest.raises(CheckSkipped, match="cannot be applied to any data"):
        LIARS.checks[agrees](type("Sounds", (Honest,), {"output": output}))


@parametrize_with_checks(registry().found["capabilities"].values())
def test_every_installed_capability_keeps_the_contract(plugin, check):
    check(plugin)


def test_the_plugin_of_a_third_party_keeps_the_contract_in_all_that_it_adds():
    known = Registry()
    known.add_file(ROOT / "tests" / "inpaint_plugin.py")
    inpaint = known.get("capabilities", "inpaint")
    for subject, check in generate_checks([inpaint]):
        check(subject)
