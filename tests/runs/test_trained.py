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
from ganzoo.errors import (
    CheckpointError,
    ConfigError,
    GanzooError,
    NotEnoughMemoryError,
    PluginError,
    UnknownNameError,
    UsageError,
)
from ganzoo.method import Method
from ganzoo.pixels import to_uint8, to_unit_range
from ganzoo.runs.trained import Trained

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


def test_nor_does_it_to_the_noise_of_a_method_that_draws_some(refiner, pixels, monkeypatch):
    plain = refiner.refine(pixels[:, 0])
    monkeypatch.setattr(type(refiner.method), "refine", lambda self, source: source + 0.1 * torch.randn_like(source))
    noisy = refiner.refine(pixels[:, 0])
    assert (refiner.refine(pixels[:, 0], batch_size=2) == noisy).all()
    assert (refiner.refine(pixels[:3, 0]) == noisy[:3]).all()
    assert not (noisy == plain).all()


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


@pytest.mark.parametrize("batch_size", [1, 3, 8, 1000])
def test_generated_images_do_not_depend_on_the_batch_size(generator, batch_size):
    assert (generator.generate(8, seed=1, batch_size=batch_size) == generator.generate(8, seed=1)).all()


def test_a_generated_image_depends_on_the_seed_and_its_number_alone(generator):
    assert (generator.generate(300, seed=1)[:8] == generator.generate(8, seed=1)).all()


class Closed(Method):
    """Generates, and keeps its noise to itself."""

    name = "closed"

    def phases(self):
        return {}

    def generate(self, count):
        return torch.rand(count, *self.spec.image_shape) * 2 - 1


def test_a_method_that_draws_its_noise_inside_does_not_depend_on_the_batch_size_either(generator):
    closed = Trained(generator.folder, generator.plan, Closed(None, generator.spec), 1, generator.device)
    made = closed.generate(8, seed=1)
    assert (closed.generate(8, seed=1, batch_size=3) == made).all()
    assert len(np.unique(made, axis=0)) == 8


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


VIEWS = {
    "backwards": lambda grey: grey[::-1],
    "mirrored": lambda grey: grey[:, :, ::-1],
    "every second": lambda grey: np.repeat(grey, 2, axis=0)[::2],
    "in Fortran's order": np.asfortranarray,
    "transposed": lambda grey: np.ascontiguousarray(grey.transpose(2, 1, 0)).transpose(2, 1, 0),
    "repeated by a stride of nothing": lambda grey: np.broadcast_to(grey[:1], grey.shape),
    "not to be written": lambda grey: np.frombuffer(grey.tobytes(), np.uint8).reshape(grey.shape),
    "masked": np.ma.masked_array,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_an_array_counts_by_its_values_and_not_by_its_order_in_memory(refiner, predictor, pixels, view):
    given = view(pixels[:, 0])
    plain = np.array(given)
    assert (refiner.refine(given) == refiner.refine(plain)).all()
    assert (refiner.refine(given[..., None])[..., 0] == refiner.refine(plain)).all()
    assert (predictor.predict(given) == predictor.predict(plain)).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_floats_of_any_precision_are_taken_and_given_back(refiner, pixels, dtype):
    given = to_unit_range(torch.from_numpy(pixels)).to(dtype)
    assert refiner.refine(given).dtype == dtype


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "many", None, True])
def test_an_impossible_batch_size_is_said(refiner, predictor, generator, pixels, batch_size):
    for call in (refiner.refine, predictor.predict):
        with pytest.raises(UsageError, match=r"batch_size is .*; it must be a whole number, 1 or more"):
            call(pixels[:, 0], batch_size=batch_size)
    with pytest.raises(UsageError, match=r"batch_size is .*; it must be a whole number, 1 or more"):
        generator.generate(2, batch_size=batch_size)


@pytest.mark.parametrize(
    ("count", "seed", "words"),
    [
        (0, 0, "count is 0; it must be a whole number, 1 or more"),
        (2.0, 0, "count is 2.0"),
        ("two", 0, "count is 'two'"),
        (2, -1, "seed is -1; it must be a whole number, 0 or more"),
        (2, "one", "seed is 'one'"),
        (2, None, "seed is None"),
    ],
)
def test_an_impossible_count_or_seed_is_said(generator, count, seed, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        generator.generate(count, seed=seed)


def test_numbers_of_numpy_are_numbers(generator):
    assert (generator.generate(np.int64(2), seed=np.uint8(3)) == generator.generate(2, seed=3)).all()


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 1, 24, 40).to_sparse(),
        torch.zeros(2, 1, 24, 40, device="meta"),
        torch.zeros(2, 1, 24, 40, dtype=torch.uint8, device="meta"),
        torch.zeros(2, 1, 24, 40, dtype=torch.complex64),
        np.zeros((2, 24, 40), object),
        np.zeros((2, 24, 40), bool),
        np.zeros((2, 24, 40), "U1"),
        np.zeros((), np.uint8),
        None,
        "eyes.npz",
    ],
)
def test_what_is_no_image_is_refused_by_an_error_of_ganzoo(refiner, predictor, images):
    for call in (refiner.refine, predictor.predict):
        with pytest.raises(UsageError):
            call(images)


def test_what_a_method_raises_is_an_error_of_ganzoo(refiner, pixels, monkeypatch):
    monkeypatch.setattr(type(refiner.method), "refine", lambda self, source: source[7, 7, 7, 7, 7])
    for images in (pixels[:, 0], to_unit_range(torch.from_numpy(pixels))):
        with pytest.raises(PluginError, match="method shift, refine: it raised IndexError"):
            refiner.refine(images)


def test_memory_that_is_refused_is_an_error_of_ganzoo(refiner, pixels, monkeypatch):
    def refuse(self, source):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(type(refiner.method), "refine", refuse)
    with pytest.raises(NotEnoughMemoryError, match="a smaller batch_size"):
        refiner.refine(pixels[:, 0])


@pytest.mark.parametrize(
    "given",
    [{"run": None}, {"run": 3}, {"run": "a\0b"}, {"device": "gpu"}, {"device": None}, {"device": 3.5},
     {"device": "cuda:-1"}, {"plugins": [3]}, {"plugins": 3}, {"plugins": "absent.py"}],
)  # fmt: skip
def test_what_cannot_be_loaded_is_an_error_of_ganzoo(refiner, given):
    with pytest.raises(GanzooError):
        package.load(**{"run": refiner.folder.path, **given})


def test_a_device_may_be_one_of_torch(refiner):
    assert package.load(refiner.folder.path, device=torch.device("cpu")).device.type == "cpu"


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
    examples = [each for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "ganzoo.load" in each]
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
