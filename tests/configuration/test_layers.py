from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from ganzoo.cli.setting_options import setting_options
from ganzoo.configuration.layers import build_config, did_you_mean
from ganzoo.configuration.toml import as_table, read_toml, write_toml
from ganzoo.errors import ConfigError
from ganzoo.settings import Settings


class Example(Settings):
    lr: float = Field(0.1, gt=0, le=1, description="Learning rate.")
    steps: int = Field(5, ge=1, description="Steps.")
    loss: Literal["l1", "l2"] = Field("l1", description="Loss.")
    norm: bool = Field(False, description="Normalise.")
    folder: Path | None = Field(None, description="A folder.")
    limits: tuple[float, float] | None = Field(None, description="Two numbers.")
    names: tuple[str, ...] = Field(("a",), description="Names.")


def test_later_layers_win_and_none_means_unset():
    made = build_config(Example, {"preset": {"lr": 0.2, "steps": 7}, "options": {"lr": "0.3", "steps": None}})
    assert (made.lr, made.steps) == (0.3, 7)


def test_typed_text_becomes_the_type_of_the_setting():
    made = build_config(Example, {"options": {"limits": "-1.5,2", "names": "x, y", "norm": True, "folder": "here"}})
    assert made.limits == (-1.5, 2.0)
    assert made.names == ("x", "y")
    assert made.folder == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("layer", "values", "words"),
    [
        ("options", {"lr": "2"}, "--lr = 2: input should be less than or equal to 1"),
        ("options", {"steps": "many"}, "--steps = many: input should be a valid integer"),
        ("options", {"limits": "1,2,3"}, "--limits = 1,2,3: "),
        ("file.toml [method]", {"lr": 0}, r"file.toml \[method\]: lr = 0: input should be greater than 0"),
        ("file.toml [method]", {"learning_rate": 1}, "no setting 'learning_rate'"),
        ("file.toml [method]", {"step": 1}, "did you mean 'steps'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(layer, values, words):
    with pytest.raises(ConfigError, match=words):
        build_config(Example, {layer: values})


def test_settings_survive_toml(tmp_path):
    made = build_config(Example, {"options": {"limits": "1,2", "folder": "x"}})
    file = tmp_path / "settings.toml"
    file.write_text(write_toml({"method": as_table(made)}))
    assert build_config(Example, {"file": read_toml(file)["method"]}) == made


@pytest.mark.parametrize("content", [b"a = = 1", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_named(tmp_path, content):
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml is not valid TOML"):
        read_toml(file)


def test_every_setting_is_an_option_with_help_range_and_default():
    made = {option.flag: option for option in setting_options(Example, "method", Example(), set())}
    assert set(made) == {"--lr", "--steps", "--loss", "--norm", "--folder", "--limits", "--names"}
    assert made["--lr"].help == "Learning rate.  [> 0, <= 1; default: 0.1]"


def test_a_flag_that_is_taken_gets_the_table_in_front():
    made = setting_options(Example, "dataset", Example(), {"--lr"})
    assert "--dataset-lr" in {option.flag for option in made}


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Example().lr = 1


def test_a_near_name_is_suggested():
    assert did_you_mean("simgna", ["simgan", "dann"]) == "; did you mean 'simgan'?"
    assert did_you_mean("qqq", ["simgan", "dann"]) == "; there are: simgan, dann"
