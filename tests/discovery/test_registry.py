import subprocess
import sys

import pytest

from ganzoo.discovery.registry import Registry
from ganzoo.errors import PluginError, UnknownNameError

GOOD = """
from ganzoo import hookimpl
from ganzoo.dataset import Dataset
class Mine(Dataset):
    name, summary = "mine", "Mine."
@hookimpl
def ganzoo_datasets():
    return [Mine]
"""


def plugin(tmp_path, text, name="mine_plugin"):
    file = tmp_path / f"{name}.py"
    file.write_text(text)
    return file


def test_a_file_adds_its_classes_once(tmp_path):
    registry, file = Registry(), plugin(tmp_path, GOOD)
    registry.add_file(file)
    registry.add_file(file)
    assert registry.get("datasets", "mine").summary == "Mine."
    assert [p.name for p in registry.plugins].count("mine_plugin") == 1


@pytest.mark.parametrize("name", ["./mine_plugin.py", "sub/../mine_plugin.py", "~/mine_plugin.py"])
def test_a_file_is_one_plugin_by_whatever_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sub").mkdir()
    registry, file = Registry(), plugin(tmp_path, GOOD)
    assert registry.add_file(name) is registry.add_file(file)


def test_the_built_in_plugins_work_and_come_through_entry_points():
    registry = Registry()
    assert not [(p.name, p.error) for p in registry.plugins if p.package == "ganzoo" and p.error]
    assert {"simgan"} <= set(registry.found["methods"])
    assert {"eyes", "pair"} <= set(registry.found["datasets"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError.*a_package_that_is_not_there"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(", "SyntaxError"),
        ("x = 1", "adds nothing"),
        (GOOD.replace("ganzoo_datasets", "ganzoo_data_sets"), "a hook that ganzoo does not have"),
        (GOOD.replace("return [Mine]", "raise OSError('disk')"), "OSError: disk"),
        (GOOD.replace("return [Mine]", "return [3]"), "not a subclass of Dataset"),
        (GOOD.replace("return [Mine]", "return 3"), "TypeError"),
        (GOOD.replace('name, summary = "mine", "Mine."', "pass"), "no name and no summary"),
        (
            GOOD.replace('"mine"', '"eyes"'),
            "the dataset name 'eyes' is taken by ganzoo_eyes, of ganzoo .*; rename it here, or disable that plugin: "
            "GANZOO_DISABLE_PLUGINS=eyes",
        ),
        (GOOD.replace("return [Mine]", "return [Mine, type('Other', (Mine,), {})]"), "the dataset name 'mine' twice"),
        (GOOD + "ganzoo_contract = 3", "written for contract 3, but this ganzoo has contract 2; update ganzoo"),
        (
            GOOD + "ganzoo_contract = 1",
            "written for contract 1, but this ganzoo has contract 2; update the plugin: write ganzoo_contract = 2, "
            "import capabilities such as Refines from ganzoo.capabilities, name the columns that a method reads in "
            "`reads`, build a DataSpec of columns .ganzoo.batch.image_spec. and a Domain of samples; see docs/contract",
        ),
        (GOOD + "ganzoo_contract = '1'", "ganzoo_contract is '1'; it must be an integer"),
        (
            "ganzoo_contract = 3\nfrom ganzoo.method import NotYetThere",
            "ImportError: .*NotYetThere.*; it was written for contract 3",
        ),
        (
            "ganzoo_contract = 1\nfrom ganzoo.method import Refines",
            "ImportError: .*Refines.*; it was written for contract 1, .*: write ganzoo_contract = 2, import capab",
        ),
    ],
)
def test_a_broken_plugin_is_named_and_hurts_nobody_else(tmp_path, text, words):
    registry = Registry()
    before = {kind: dict(found) for kind, found in registry.found.items()}
    with pytest.raises(PluginError, match=words):
        registry.add_file(plugin(tmp_path, text))
    assert registry.found == before
    assert registry.plugins[-1].error


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(PluginError, match="no such file"):
        Registry().add_file(tmp_path / "absent.py")


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="there is no method 'simgam'; did you mean 'simgan'"):
        Registry().get("methods", "simgam")


def test_the_name_of_a_broken_plugin_gives_its_error(tmp_path):
    registry = Registry()
    with pytest.raises(PluginError):
        registry.add_file(plugin(tmp_path, "1 / 0", "brokengan"))
    with pytest.raises(UnknownNameError, match="broken: ZeroDivisionError"):
        registry.get("methods", "brokengan")


def test_the_contract_that_a_plugin_names_is_kept(tmp_path):
    registry = Registry()
    registry.add_file(plugin(tmp_path, GOOD + "ganzoo_contract = 2"))
    assert registry.plugins[-1].contract == 2
    assert registry.plugins[-1].state == "ok"


def test_loading_all_plugins_imports_no_library_that_takes_as_long_as_torch():
    """Every command and every cell of a bench loads them."""
    slow = ["torchvision", "torch._dynamo", "scipy.stats"]
    code = (
        f"from ganzoo.discovery.registry import registry; registry(); import sys; print(set({slow}) & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
