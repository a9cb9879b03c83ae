"""The slow checks of methods, on methods that are fast."""

from __future__ import annotations

from pathlib import Path

import honest_method
import pytest
import torch
from honest_method import Honest, liar

from ganzoo.discovery.registry import Registry
from ganzoo.testing import CheckFailed, CheckSkipped, configured, generate_checks

BY_NAME = {check.name: check for _, check in generate_checks([Honest], slow=True) if check.slow}
ONLY = {"refine": None, "generate": None}  # of what it can, leave predicting


def test_a_method_that_learns_passes():
    BY_NAME["learns_the_toy_domain"](configured(liar(**ONLY), width=32, lr=0.003))


@pytest.mark.parametrize(
    ("lies", "what"),
    [
        (
            {"predict": lambda self, images: self.spec.task.decode(-self.head(self.body(images)))},
            "predict: ",
        ),
        ({"refine": lambda self, source: source, "generate": None, "predict": None}, "refine: "),
        (
            {"generate": lambda self, n: torch.zeros(n, 1, 16, 24), "refine": None, "predict": None},
            "generate: ",
        ),
    ],
)
def test_a_method_that_learns_nothing_is_caught(lies, what, monkeypatch):
    monkeypatch.setattr("ganzoo.testing.method_slow.STEPS", 60)
    with pytest.raises(CheckFailed, match=f"has not learned .*{what}"):
        BY_NAME["learns_the_toy_domain"](liar(**{**ONLY, **lies}))


def test_a_method_without_phases_need_not_learn():
    with pytest.raises(CheckSkipped, match="no phases"):
        BY_NAME["learns_the_toy_domain"](liar(phases=lambda self: {}, schedule=lambda self, step: ()))


FORGETFUL = """
    def predict_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        label = self.spec.task.loss(self.head(self.body(batch.source)).float(), batch.source_label)
        return {"label": label * (1 + hash("a text") % 97), "progress": batch.progress}
"""


def in_a_file(tmp_path: Path, text: str) -> type:
    """The honest method in a plugin file of its own, as another process finds it."""
    hook = "\n\n@hookimpl\ndef ganzoo_methods():\n    return [Honest]\n"
    file = tmp_path / "honest_plugin.py"
    file.write_text(text.replace("from ganzoo.batch", "from ganzoo import hookimpl\nfrom ganzoo.batch") + hook)
    registry = Registry()
    registry.add_file(file)
    return registry.get("methods", "honest")


def test_a_method_survives_a_kill(tmp_path):
    BY_NAME["survives_a_kill"](in_a_file(tmp_path, Path(honest_method.__file__).read_text()))


def test_a_method_that_depends_on_its_process_is_caught(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    text = Path(honest_method.__file__).read_text()
    honest = text.index("    def predict_loss")
    with pytest.raises(CheckFailed, match="differ after a kill"):
        BY_NAME["survives_a_kill"](
            in_a_file(tmp_path, text[:honest] + FORGETFUL.lstrip("\n") + text[text.index("    def refine_loss") - 1 :])
        )


def test_a_class_that_no_other_process_can_import_is_skipped():
    with pytest.raises(CheckSkipped, match="cannot be imported"):
        BY_NAME["survives_a_kill"](liar())


def test_slow_checks_are_made_only_where_they_are_asked_for():
    usual = [check.name for _, check in generate_checks([Honest])]
    assert not set(usual) & set(BY_NAME)
    assert set(BY_NAME) == {"learns_the_toy_domain", "survives_a_kill"}
