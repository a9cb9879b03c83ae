"""`ganzoo.load`: a finished run in three lines of Python."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import ROOT, TOY
from toy_plugin import discs

import ganzoo as package
from ganzoo.cli import main
from ganzoo.errors import CheckpointError, ConfigError, UnknownNameError, UsageError
from ganzoo.pixels import to_uint8, to_unit_range

TRAINING = ("--plugin", str(TOY), "--dataset", "toy", "--batch-size", "4", "--metrics", "none")


def train(folder, method, *options):
    arguments = ["run", method, *TRAINING, *options, "--out", str(folder)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return package.load(folder, device="cpu", plugins=[TOY])


@pytest.fixture(scope="module")
def refiner(tmp_path_factory, toys):
    return train(tmp_path_factory.mktemp("refiner") / "run", "shift", "--steps", "4")


@pytest.fixture(scope="module")
def generator(tmp_path_factory, toys):
    options = ("--steps", "2", "--width", "4", "--levels", "2")
    return train(tmp_path_factory.mktemp("generator") / "run", "dcgan", *options)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory, toys):
    return train(tmp_path_factory.mktemp("predictor") / "run", "constant")


@pytest.fixture(scope="module")
def pixels():
    return discs(9, 5, 200)[0]  # uint8 [N, 1, 24, 40]


def test_refined_images_come_back_in_the_form_in_which_they_were_given(refiner, pixels):
    grey = refiner.refine(pixels[:, 0])
    assert (grey.shape, grey.dtype) == ((9, 24, 40), np.uint8)
    last = refiner.refine(pixels.transpose(0, 2, 3, 1))
    tensor = refiner.refine(torch.from_numpy(pixels))
    assert isinstance(tensor, torch.Tensor)
    assert tensor.dtype == torch.uint8
    assert (last[..., 0] == grey).all()
    assert (tensor[:, 0].numpy() == grey).all()
    floats = refiner.refine(to_unit_range(torch.from_numpy(pixels)))
    assert floats.dtype == torch.float32
    assert (to_uint8(floats)[:, 0].numpy() == grey).all()
    assert not (grey == pixels[:, 0]).all()
    assert refiner.refine(pixels[:0, 0]).shape == (0, 24, 40)


def test_a_batch_more_or_less_changes_nothing(refiner, pixels):
    assert (refiner.refine(pixels[:, 0], batch_size=2) == refiner.refine(pixels[:, 0])).all()


def test_it_refines_as_the_command_does(refiner, pixels, tmp_path):
    np.savez(tmp_path / "in.npz", image=pixels[:, 0])
    arguments = ["refine", refiner.folder.path, "--plugin", TOY, "--input", tmp_path / "in.npz"]
    result = CliRunner().invoke(main, [str(each) for each in (*arguments, "--output", tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (np.load(tmp_path / "out" / "in.npz")["image"] == refiner.refine(pixels[:, 0])).all()


def test_predictions_are_labels_of_the_task(predictor, pixels):
    found = predictor.predict(pixels[:, 0])
    assert (found.shape, found.dtype) == ((9, 2), np.float32)
    assert (predictor.predict(torch.from_numpy(pixels)).numpy() == found).all()
    assert (predictor.predict(to_unit_range(torch.from_numpy(pixels))).numpy() == found).all()


def test_generated_images_are_the_same_for_the_same_seed(generator):
    made = generator.generate(5)
    assert (made.shape, made.dtype) == ((5, 24, 40), np.uint8)
    assert (made == generator.generate(5)).all()
    assert not (made == generator.generate(5, seed=1)).all()


def test_the_callers_random_state_and_gradients_stay_as_they_are(refiner, generator, pixels):
    state = torch.get_rng_state()
    generator.generate(3)
    floats = to_unit_range(torch.from_numpy(pixels)).requires_grad_()
    assert not refiner.refine(floats).requires_grad
    refiner.refine(pixels[:, 0])
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 24, 40)), "must be a numpy array of uint8 [N, H, W, C] or a torch tensor, not float64"),
        (np.zeros((2, 30, 40), np.uint8), "24 x 40 pixels and 1 channels are what"),
        (np.zeros((2, 24, 40, 3), np.uint8), "and these are [2, 24, 40, 3]"),
        (np.zeros((24, 40), np.uint8), "and these are [24, 40]"),
        (torch.zeros(2, 3, 24, 40), "and these are [2, 3, 24, 40]"),
        (torch.zeros(2, 1, 24, 40, dtype=torch.int64), "must be a tensor of uint8, or of floats in [-1, 1]"),
        (torch.full((2, 1, 24, 40), 200.0), "images given as floats must lie in [-1, 1]"),
        ([[1, 2]], "not list"),
    ],
)
def test_images_of_another_form_are_refused_in_one_sentence(refiner, images, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        refiner.refine(images)


def test_what_a_method_cannot_do_is_said_with_what_it_can(refiner, predictor, pixels):
    with pytest.raises(UsageError, match="method constant does not refine; it has predict"):
        predictor.refine(pixels[:, 0])
    with pytest.raises(UsageError, match="method shift does not predict; it has refine"):
        refiner.predict(pixels[:, 0])
    with pytest.raises(UsageError, match="method shift does not generate; it has refine"):
        refiner.generate(3)


def test_a_folder_that_is_no_run_and_a_run_that_is_not_finished_are_refused(toys, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere holds no run: there is no run\.toml in it"):
        package.load(tmp_path / "nowhere")
    train(tmp_path / "run", "shift", "--steps", "4", "--save-every", "2")
    last = tmp_path / "run" / "checkpoints" / "step-00000004"
    (last / "manifest.json").unlink()
    with pytest.warns(UserWarning, match="is damaged"), pytest.raises(CheckpointError, match="is at step 2 of 4"):
        package.load(tmp_path / "run")
    for checkpoint in (tmp_path / "run" / "checkpoints").iterdir():
        checkpoint.rename(tmp_path / checkpoint.name)
    with pytest.raises(CheckpointError, match="has no whole checkpoint yet"):
        package.load(tmp_path / "run")


def test_a_run_of_a_method_that_is_not_installed_is_refused(tmp_path, toys, refiner):
    (tmp_path / "run.toml").write_text(
        (refiner.folder.path / "run.toml").read_text().replace('"shift"', '"shfit"')  # as without the plugin
    )
    with pytest.raises(UnknownNameError, match="there is no method 'shfit'"):
        package.load(tmp_path)


def test_importing_ganzoo_does_not_import_torch():
    said = "import sys, ganzoo; ganzoo.load; print('torch' in sys.modules, 'click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True).stdout == "False False\n"


def test_the_example_in_the_documentation_runs_as_it_stands(refiner, predictor, generator, pixels, tmp_path):
    text = (ROOT / "docs" / "use-results.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 2
    np.savez(tmp_path / "eyes.npz", image=pixels[:, 0])
    runs = {"my-run": refiner, "my-predictor": predictor, "my-generator": generator}
    for example in examples:
        code = example.replace("eyes.npz", str(tmp_path / "eyes.npz"))
        for name, trained in runs.items():
            code = code.replace(f'"{name}"', repr(str(trained.folder.path)))
        names: dict = {}
        exec(compile(code, "docs/use-results.md", "exec"), names)
        assert Path(refiner.folder.path).is_dir()
        if "refined" in names:
            assert names["refined"].shape == (9, 24, 40)
