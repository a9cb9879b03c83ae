"""`ganzoo export`: what the file computes in its own runtime, its card, and what cannot be exported."""

import json
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import TOY
from extras import needs
from safetensors import safe_open

import ganzoo as package
from ganzoo.cli import main
from ganzoo.export.export import export
from ganzoo.export.formats import CARD
from ganzoo.pixels import to_unit_range

LIARS = Path(__file__).parents[1] / "exported_plugin.py"
PLUGINS = ("--plugin", TOY, "--plugin", LIARS)
TRAINING = ("--dataset", "toy", "--batch-size", "4", "--metrics", "none")
SMALL = {
    "shift": ("--steps", "4"),
    "simgan": ("--steps", "2", "--width", "4", "--blocks", "1"),
    "constant": (),
    "dcgan": ("--steps", "2", "--width", "4", "--levels", "2"),
    "noisy": ("--steps", "1"),
    "counting": ("--steps", "1"),
    "closed": ("--steps", "1"),
    "twofold": ("--steps", "1"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, toys):
    """A function that gives the folder of a finished run of a method."""
    folder = tmp_path_factory.mktemp("runs")

    def of(method):
        if not (folder / method).exists():
            arguments = ["run", method, *PLUGINS, *TRAINING, *SMALL[method], "--out", folder / method]
            result = CliRunner().invoke(main, [str(each) for each in arguments])
            assert result.exit_code == 0, result.output
        return folder / method

    return of


def test_a_torchscript_refiner_runs_without_ganzoo_on_any_number_of_images(runs, tmp_path):
    trained = package.load(runs("simgan"), device="cpu")
    made = export(trained, "torchscript", tmp_path / "refiner.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside = {CARD: ""}
        module = torch.jit.load(made.file, _extra_files=inside)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 24, 40), dtype=np.uint8)
    refined = module(to_unit_range(torch.from_numpy(pixels[:, None])))
    assert np.abs(((refined[:, 0] + 1) * 127.5).numpy() - trained.refine(pixels)).max() < 0.51  # rounding
    assert json.loads(inside[CARD])["method"]["name"] == "simgan"
    assert not any("discriminator" in name or "history" in name for name, _ in module.named_buffers())
    assert not any("discriminator" in name for name, _ in module.named_parameters())


@pytest.mark.parametrize("method", ["shift", "constant", "dcgan"])
def test_an_onnx_file_computes_in_onnxruntime_what_the_method_does(runs, tmp_path, method):
    needs("onnx")
    import onnx
    import onnxruntime

    trained = package.load(runs(method), device="cpu")
    made = export(trained, "onnx", tmp_path / "method.onnx")
    session = onnxruntime.InferenceSession(str(made.file))
    (given,), (out,) = session.get_inputs(), session.get_outputs()
    assert given.shape[1:] == made.card["input"]["shape"][1:]
    assert isinstance(given.shape[0], str)  # any number
    values = torch.rand(4, *given.shape[1:]) * 2 - 1
    (found,) = session.run([out.name], {given.name: values.numpy()})
    call = {"shift": "refine", "constant": "predict", "dcgan": "generate_from"}[method]
    with torch.no_grad():
        assert np.allclose(found, getattr(trained.method, call)(values).numpy(), atol=1e-5)
    inside = {prop.key: prop.value for prop in onnx.load(made.file).metadata_props}
    assert json.loads(inside[CARD])["output"] == made.card["output"]


def test_a_safetensors_file_has_what_the_function_uses_and_no_image_of_a_history(runs, tmp_path):
    trained = package.load(runs("simgan"), device="cpu")
    made = export(trained, "safetensors", tmp_path / "refiner.safetensors")
    with safe_open(made.file, framework="pt") as opened:
        names = set(opened.keys())
        card = json.loads(opened.metadata()[CARD])
    expected = {name for name in trained.method.state_dict() if name.startswith("refiner.")}
    assert names == expected
    assert card["method"]["settings"]["width"] == 4
    assert made.file.stat().st_mode & 0o044 == made.card_file.stat().st_mode & 0o044  # others may read it, too


def test_the_card_beside_the_file_says_what_it_is_what_it_learnt_from_and_how_to_use_it(ganzoo, runs, tmp_path):
    folder = runs("shift")
    scores = {**json.loads((folder / "metrics.json").read_text())}
    score = {"name": "fid[pixels]", "value": 1.5, "subject": "method", "unit": "", "better": "lower", "low": 1.0}
    blank = {"high": 2.0, "reason": "", "warning": "", "headline": True, "card": {"resizer": "none"}, "profiles": {}}
    (folder / "metrics.json").write_text(json.dumps({**scores, "scores": [{**score, **blank}]}))
    result = ganzoo("export", folder, *PLUGINS, "--format", "torchscript")
    assert result.exit_code == 0, result.output
    assert "is written and checked with torch.jit.load" in result.output
    card = json.loads((folder / "export" / "shift-refine.pt.json").read_text())
    assert (folder / "export" / "shift-refine.pt").is_file()
    assert card["function"] == "refine"
    assert card["input"]["shape"] == ["batch", 1, 24, 40]
    assert card["data"]["license"] == "none"
    assert card["data"]["images"]["task"] == {"name": "gaze"}
    assert card["method"]["settings"]["lr"] == 0.02
    assert (card["training"]["step"], card["training"]["seed"]) == (4, 0)
    assert card["scores"][0]["value"] == 1.5
    assert card["scores"][0]["card"] == {"resizer": "none"}
    assert {"torch", "ganzoo"} <= set(card["exported_with"])
    assert card["checked"]["largest_difference"] <= card["checked"]["tolerance"]
    assert len(card["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("noisy", (), "method noisy cannot be exported: its refine draws noise inside"),
        ("closed", (), "method closed cannot be exported: its generate draws noise inside; it needs draw_latent"),
        ("twofold", (), "its generate makes other samples than generate_from(draw_latent(n))"),
        ("constant", ("--function", "refine"), "method constant does not refine; it has predict"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_sentence(ganzoo, runs, tmp_path, method, options, words):
    result = ganzoo("export", runs(method), *PLUGINS, "--format", "torchscript", "--out", "f.pt", *options)
    assert result.exit_code == 2
    assert words in result.output
    assert not list(tmp_path.iterdir())


def test_a_file_that_computes_something_else_is_not_left_behind(ganzoo, runs, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ganzoo("export", runs("counting"), *PLUGINS, "--format", "torchscript", "--out", "f.pt")
    assert result.exit_code == 1
    assert "its output differs by 0.02 from the method's, more than 0.0001" in result.output
    assert not list(tmp_path.iterdir())


def test_an_operation_that_onnx_does_not_have_is_named(ganzoo, tmp_path, toys):
    needs("onnx")
    ganzoo("run", "histogram-matching", *PLUGINS, *TRAINING, "--out", "out")
    result = ganzoo("export", "out", *PLUGINS, "--format", "onnx")
    assert result.exit_code == 2
    assert "histogram-matching cannot be exported to onnx: its refine does what that format cannot" in result.output
    assert "searchsorted" in result.output
    assert not list((tmp_path / "out" / "export").iterdir())


def test_a_file_that_is_there_stays(ganzoo, runs, tmp_path):
    (tmp_path / "f.pt").write_text("precious")
    result = ganzoo("export", runs("shift"), *PLUGINS, "--format", "torchscript", "--out", "f.pt")
    assert result.exit_code == 2
    assert "f.pt exists; delete it, or give another file with --out" in result.output
    assert (tmp_path / "f.pt").read_text() == "precious"


def test_missing_libraries_are_said_with_the_command_that_installs_them(ganzoo, runs, monkeypatch):
    monkeypatch.setattr(
        "ganzoo.export.formats.find_spec", lambda name: None if name == "onnxscript" else find_spec(name)
    )
    result = ganzoo("export", runs("shift"), *PLUGINS, "--format", "onnx")
    assert result.exit_code == 2
    assert "onnxscript" in result.output
    assert "pip install 'ganzoo[onnx]'" in result.output


def test_a_folder_that_holds_no_run_is_said(ganzoo, tmp_path):
    result = ganzoo("export", "nowhere", "--format", "safetensors")
    assert result.exit_code == 2
    assert "nowhere holds no run: there is no run.toml in it" in result.output
