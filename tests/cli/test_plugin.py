"""`ganzoo plugin check` and `ganzoo plugin list`."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest
from conftest import TOY

from ganzoo.discovery.registry import Registry

FILE = """
from ganzoo import hookimpl
from ganzoo.tracker import Tracker

ganzoo_contract = {contract}

class Mine(Tracker):
    name = "{name}"
    summary = "Does nothing."
    def started(self, settings, card): return "mine"
    def log(self, step, values): {log}
    def image(self, step, name, file): pass
    def table(self, name, columns, rows): pass
    def finished(self, state): pass

@hookimpl
def ganzoo_trackers():
    return [Mine]
"""


def write(folder, file, **changes):
    path = folder / file
    path.write_text(FILE.format(**{"contract": 2, "name": path.stem.replace("_", "-"), "log": "pass", **changes}))
    return path.name


@pytest.mark.parametrize("name", ["./well_kept.py", "sub/../well_kept.py", "~/well_kept.py"])
def test_a_file_is_checked_by_whatever_path(ganzoo, tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sub").mkdir()
    write(tmp_path, "well_kept.py")
    result = ganzoo("plugin", "check", name)
    assert result.exit_code == 0, result.output
    assert "well-kept" in result.output


def test_a_plugin_that_keeps_its_contract_passes_line_by_line(ganzoo, tmp_path):
    result = ganzoo("plugin", "check", write(tmp_path, "well_kept.py"))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "well-kept (tracker)"
    assert lines[-1] == "5 ok, 0 failed, 0 skipped; --slow also runs the slow ones"
    assert [line.split()[0] for line in lines[1:-1]] == ["ok"] * 5


def test_what_failed_why_it_matters_and_how_to_fix_it_are_said(ganzoo, tmp_path):
    result = ganzoo("plugin", "check", write(tmp_path, "ill_kept.py", log="values[step]"))
    assert result.exit_code == 1
    assert "failed   a_whole_run_is_taken: it raised KeyError: 1 (ill_kept.py, line 11)" in result.output
    assert "           Why it matters: A tracker that fails is disabled" in result.output
    assert "           How to fix it: Accept any names of numbers" in result.output
    assert "2 ok, 3 failed, 0 skipped" in result.output


def test_a_check_that_cannot_be_made_says_why(ganzoo):
    result = ganzoo("plugin", "check", "unityeyes-mpiigaze", "--only", "card_is_plain")
    assert result.exit_code == 0, result.output
    assert "skipped  card_is_plain, because its data are not here" in result.output
    assert "ganzoo data prepare unityeyes" in result.output
    assert "0 ok, 0 failed, 1 skipped" in result.output


def test_a_check_of_phases_gives_up_in_words_for_a_method_without_any(ganzoo):
    result = ganzoo("plugin", "check", "identity", "--only", "halves_add_up")
    assert "skipped  halves_add_up, because it has no phases" in result.output
    assert "0 ok, 0 failed, 1 skipped" in result.output


def test_one_check_is_made_with_a_setting(ganzoo):
    result = ganzoo("plugin", "check", "dcgan", "--only", "presets_are_valid", "--set", "width=4")
    assert "1 ok, 0 failed, 0 skipped" in result.output


def test_all_that_a_plugin_adds_is_checked_under_its_name(ganzoo, toys):
    result = ganzoo("plugin", "check", "toy_plugin", "--only", "imports_only_the_contract")
    assert result.exit_code == 0, result.output
    for line in ("shift (method)", "toy (dataset)", "pixels (extractor)", "there are no checks for extractors"):
        assert line in result.output


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("simgam",), "nothing installed has the name 'simgam'; did you mean 'simgan'", 2),
        (("absent.py",), "the plugin absent.py does not work: there is no such file", 1),
        (("simgan", "--only", "halves_ad_up"), "there is no such check; did you mean 'halves_add_up'", 2),
        (("simgan", "--set", "width"), "--set width: write it as SETTING=VALUE", 2),
        (("simgan", "--set", "widht=3"), "there is no setting 'widht'", 2),
        (("broken.py",), "the plugin broken.py does not work: ZeroDivisionError", 1),
        ((str(TOY.parent),), "is not a Python file", 2),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(ganzoo, tmp_path, arguments, words, code):
    (tmp_path / "broken.py").write_text("1 / 0")
    result = ganzoo("plugin", "check", *arguments)
    assert result.exit_code == code, result.output
    assert words in " ".join(result.output.split())


def listed(tmp_path, **environment):
    """`ganzoo plugin list` in a process of its own, which reads the environment anew."""
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "plugin", "list"],
        env={**os.environ, "COLUMNS": "200", **environment}, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_a_disabled_plugin_is_listed_and_not_loaded(tmp_path):
    done = listed(tmp_path, GANZOO_DISABLE_PLUGINS="dcgan, nobody")
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert rows["dcgan"].rstrip().endswith("disabled")
    assert "methods" not in rows["dcgan"]
    assert "methods: simgan" in rows["simgan"]
    assert rows["simgan"].rstrip().endswith("ok")
    assert "GANZOO_DISABLE_PLUGINS names nobody, which is not an installed plugin" in done.stderr


def test_who_asks_for_a_disabled_method_is_told_why_it_is_not_there(monkeypatch):
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "dcgan")
    with pytest.raises(
        Exception, match="there is no method 'dcgan'; the plugin of that name is disabled by GANZOO_DIS"
    ):
        Registry().get("methods", "dcgan")
    with pytest.raises(Exception, match="the plugin dcgan is disabled"):
        Registry().classes_of("dcgan")


def test_doctor_says_the_contract_and_what_is_disabled(ganzoo, monkeypatch):
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "nobody,dcgan")
    others = Registry()
    for module in ("doctor", "listing"):
        monkeypatch.setattr(f"ganzoo.cli.{module}.registry", lambda: others)
    text = ganzoo("doctor").output
    assert ", contract 2" in text
    assert f"dcgan (ganzoo {version('ganzoo')}): disabled" in text
    assert "names nobody, which is not an installed plugin" in text
