"""`ganzoo.run` and `ganzoo.evaluate`: the commands from Python."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import TOY

import ganzoo as package
from ganzoo.cli.calls import options_of
from ganzoo.errors import ConfigError, GanzooError, UsageError

SHORT = {"dataset": "toy", "plugin": TOY, "steps": 6, "batch_size": 4, "metrics": "none", "device": "cpu"}


def test_keywords_are_options():
    given = {
        "lr": 0.1, "augment": False, "save_every": 3, "resume": True, "from_": Path("a/b"), "metrics": ["fid", "kid"],
        "plugin": ["a.py", "b.py"], "source_range": (-20, 1.5, -18, 18), "out": None,
    }  # fmt: skip
    assert options_of(given) == [
        "--lr=0.1", "--no-augment", "--save-every=3", "--resume", "--from=a/b", "--metrics=fid,kid", "--plugin=a.py",
        "--plugin=b.py", "--source-range=-20,1.5,-18,18",
    ]  # fmt: skip


def test_a_run_from_python_is_that_of_the_command(ganzoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = package.run("shift", **SHORT, out="python")
    command = ganzoo(
        "run", "shift", "--dataset", "toy", "--plugin", TOY, "--steps", 6, "--batch-size", 4, "--metrics", "none",
        "--device", "cpu", "--out", "command",
    )  # fmt: skip
    assert command.exit_code == 0, command.output
    weights = "checkpoints/step-00000006/parameters.safetensors"
    assert (tmp_path / "python" / weights).read_bytes() == (tmp_path / "command" / weights).read_bytes()
    images = np.zeros((2, 24, 40), np.uint8)
    np.testing.assert_array_equal(trained.refine(images), package.load("command", plugins=[TOY]).refine(images))


def test_the_same_call_again_resumes_and_other_settings_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    package.run("shift", **SHORT, out="run")
    package.run("shift", **SHORT, out="run")
    assert "is complete" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"holds a run with other settings \(train.batch_size: 4 -> 2\)"):
        package.run("shift", **{**SHORT, "batch_size": 2}, out="run")


def test_scores_are_returned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package.run("shift", **{**SHORT, "metrics": "fid", "fid_extractors": "pixels"}, out="run")
    scores = package.evaluate("run", plugin=TOY)
    assert {score.name for score in scores} == {"fid[pixels]"}
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", image=rng.integers(0, 256, (40, 16, 24), dtype=np.uint8))
    found = package.evaluate(real="a.npz", fake="b.npz", extractors="pixels", plugin=TOY, metrics=["fid"])
    assert [score.name for score in found if score.value is not None]


@pytest.mark.parametrize(
    ("settings", "words"), [({"stepps": 3}, "stepps"), ({"steps": "many"}, "--steps = many"), ({"steps": -1}, "-1")]
)
def test_a_wrong_keyword_is_one_sentence_and_no_exit(tmp_path, monkeypatch, settings, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        package.run("shift", **{**SHORT, **settings})
    assert not list(tmp_path.iterdir())


def test_an_unknown_method_is_named():
    with pytest.raises(GanzooError, match="simgna"):
        package.run("simgna")


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (TOY.parent.parent / "docs" / "use-results.md").read_text(encoding="utf-8")
    (code,) = [each for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "ganzoo.run" in each]
    images = np.random.default_rng(0).integers(0, 256, (40, 24, 40), dtype=np.uint8)
    for name in ("real.npz", "refined.npz"):
        np.savez(tmp_path / name, image=images)
    for old, new in {
        '"simgan", dataset="pair", source="rendered/", target="real.npz", steps=5_000':
            f'"shift", dataset="toy", plugin={str(TOY)!r}, metrics="none", steps=2, batch_size=4',
        'fake="refined/"': f'fake="refined.npz", extractors="pixels", plugin={str(TOY)!r}',
    }.items():  # fmt: skip
        assert old in code
        code = code.replace(old, new)
    names = {"images": images}
    exec(compile(code, "docs/use-results.md", "exec"), names)
    assert names["refined"].shape == images.shape
    assert [score.name for score in names["scores"]] == ["fid[pixels]"]
