"""The files that `ganzoo plugin new` writes."""

import re
import tomllib
from pathlib import Path

import pytest

from ganzoo.errors import UsageError
from ganzoo.scaffold.names import LONGEST, Names, names_of
from ganzoo.scaffold.package import KINDS, LICENSES, write_package


def test_all_names_follow_from_one():
    assert names_of("wgan-gp2") == Names("wgan-gp2", "ganzoo-wgan-gp2", "ganzoo_wgan_gp2", "WganGp2")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My-Method", "in lower case, with hyphens"),
        ("my_method", "in lower case, with hyphens"),
        ("2gan", "in lower case"),
        ("my--method", "in lower case"),
        ("my-", "in lower case"),
        ("", "in lower case"),
        ("../evil", "in lower case"),
        ("straße", "in lower case"),
        ("m" * (LONGEST + 1), f"at most {LONGEST} letters"),
        ("class", "a reserved word of Python"),
        ("none", "a reserved word of Python"),
        ("ganzoo-mine", "leave ganzoo out"),
    ],
)
def test_a_bad_name_is_refused_with_the_rule(name, words):
    with pytest.raises(UsageError, match=words):
        names_of(name)


def test_a_class_name_that_the_module_needs_itself_is_refused(tmp_path):
    with pytest.raises(UsageError, match="the class would be called Method, which the module uses"):
        write_package(tmp_path / "new", names_of("method"), "refiner", license="none", author="")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="mine exists; name another folder with --out"):
        write_package(tmp_path / "mine", names_of("mine"), "refiner", license="none", author="")
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.parametrize("license", LICENSES)
def test_the_licence_stands_in_the_package_as_it_was_chosen(tmp_path, license):
    files = write_package(tmp_path / "new", names_of("mine"), "metric", license=license, author="Ada Lovelace")
    project = tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]
    assert project.get("license", "") == LICENSES[license]
    assert ("LICENSE" in files) == (license != "none")
    if license in ("mit", "bsd-3-clause"):
        assert "Ada Lovelace" in (tmp_path / "new" / "LICENSE").read_text()
    readme = (tmp_path / "new" / "README.md").read_text()
    assert LICENSES[license] in readme
    assert ("There is no licence yet" in readme) == (license == "none")


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_names_no_address_and_no_index(tmp_path, kind):
    files = write_package(tmp_path / "new", names_of("mine"), kind, license="mit", author="")
    text = "\n".join((tmp_path / "new" / file).read_text() for file in files)
    assert set(re.findall(r"https?://[^\s\"'),]+", text)) <= {"https://..."}
    assert "index-url" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_its_contract_and_where_to_change_it(tmp_path, kind):
    write_package(tmp_path / "new", names_of("mine"), kind, license="none", author="")
    module = (tmp_path / "new" / "ganzoo_mine.py").read_text()
    assert "\nganzoo_contract = 2" in module
    assert module.count("CHANGE") >= 3
    assert "$" not in module
    assert tomllib.loads((tmp_path / "new" / "pyproject.toml").read_text())["project"]["entry-points"] == {
        "ganzoo": {"mine": "ganzoo_mine"}
    }


def test_the_licence_text_of_apache_is_that_of_ganzoo():
    root = Path(__file__).parents[2]
    shipped = root / "ganzoo" / "scaffold" / "templates" / "licenses" / "apache-2.0.in"
    assert shipped.read_text() == (root / "LICENSE").read_text()
