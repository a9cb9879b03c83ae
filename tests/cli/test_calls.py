"""`ganzoo.run`, `ganzoo.bench` and `ganzoo.evaluate`: the commands from Python."""

from __future__ import annotations

import csv
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


def test_flags_that_have_no_opposite_are_left_out_and_two_values_stay_two():
    assert options_of({"dry_run": False, "cancel": True, "merge": ("a", Path("b"))}) == [
        "--cancel",
        "--merge",
        "a",
        "b",
    ]


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


SUITE = """
images = 40
seeds = 2
train = { batch_size = 4 }
evaluate = { metrics = ["fid"] }

[metric.fid]
extractors = ["pixels"]

[datasets.toy]
settings = { count = 16 }

[methods.shift]

[methods.breaks]
method = "shift"
settings = { explode_at = 3 }
"""


@pytest.fixture
def suite(toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("toy.toml").write_text(SUITE)
    return Path("toy.toml")


def test_a_bench_from_python_is_that_of_the_command_and_is_resumed_by_it(ganzoo, suite, capsys):
    found = package.bench(suite, plugin=TOY, methods=["shift"], out="python", detach=False)
    command = ganzoo("bench", suite, "--plugin", TOY, "--methods", "shift", "--out", "command")
    assert command.exit_code == 0, command.output
    with open("command/table.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in found.rows] == lines
    (row,) = [row for row in found.rows if (row["row"], row["score"]) == ("shift", "fid[pixels]")]
    assert row["seeds"] == 2
    assert row["seed_half_width"] > 0
    assert (found.folder, found.failed, found.unfinished) == (Path("python"), {}, "")
    assert "shift" in str(found)
    assert found._repr_markdown_() == Path("python/table.md").read_text()
    assert "(2/2) shift on toy" in capsys.readouterr().err
    again = ganzoo("bench", suite, "--plugin", TOY, "--methods", "shift", "--out", "python")
    assert "2 cells, 2 of them finished before" in again.output


def test_cells_that_fail_are_in_the_result(suite, capsys):
    found = package.bench(suite, plugin=TOY, methods=["breaks"], out="out", seeds=1)
    assert [reason.startswith("shift diverged") for reason in found.failed.values()] == [True]
    assert "1 of 1 cells failed; run the same command again to retry them." in capsys.readouterr().err
    assert "1 failed" in repr(found)
    assert found.unfinished == "0 of 1 cells"


def test_a_dry_run_of_a_bench_starts_nothing_and_is_empty(suite, capsys):
    found = package.bench(suite, plugin=TOY, dry_run=True)
    assert "4 cells; to do" in capsys.readouterr().out
    assert (found.rows, found.tables, Path("bench-runs").exists()) == ([], (), False)
    assert str(found) == "ganzoo bench toy: no cell has a result yet."


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"methods": "simgam"}, "there is no method 'simgam'; did you mean 'simgan'?"),
        ({"steps": 3, "seconds": 3}, "--steps and --seconds: a bench has one budget; give one of them"),
        ({"seeds": 0}, "0 is not in the range"),
        ({"merge": ("a", "b")}, "--merge A B needs --out"),
        ({"detach": True, "methods": "shift", "plugin": TOY}, "--detach: the engine local ends with this command"),
    ],
)
def test_a_bench_is_refused_in_the_words_of_the_command(ganzoo, suite, settings, words):
    with pytest.raises(UsageError) as error:
        package.bench(suite, **settings)
    assert words in str(error.value)
    said = ganzoo("bench", suite, *options_of(settings))
    assert said.exit_code == 2
    assert words in " ".join(said.output.split())
    assert [each.name for each in suite.parent.iterdir()] == ["toy.toml"]


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
