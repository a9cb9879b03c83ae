"""A capability of a third party, in one plugin file: everything that the core's own capabilities have, it has too."""

from __future__ import annotations

import json
from pathlib import Path

import inpaint_plugin
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from extras import needs
from PIL import Image

import ganzoo as package
from ganzoo.cli import main
from ganzoo.errors import UsageError
from ganzoo.export.export import export
from ganzoo.settings import Settings

PLUGIN = Path(inpaint_plugin.__file__)
TOY = PLUGIN.parent / "toy_plugin.py"
SCENES = inpaint_plugin.Scenes(Settings()).target_test()
IMAGES, MASK = SCENES.images[:5, 0], SCENES.extra["mask"][:5, 0]
HOLE = MASK[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "filler"
    arguments = ["run", "filler", "--plugin", PLUGIN, "--dataset", "scenes", "--steps", 20, "--out", folder]
    result = CliRunner().invoke(main, [str(each) for each in [*arguments, "--batch-size", 8, "--save-every", 20]])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def trained(run):
    return package.load(run, device="cpu", plugins=[PLUGIN])


@pytest.fixture
def files(tmp_path):
    """Images and masks as folders."""
    for name, arrays in (("images", IMAGES), ("masks", 255 * MASK.astype(np.uint8))):
        (tmp_path / name).mkdir()
        for number, array in enumerate(arrays):
            Image.fromarray(array).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_it_is_listed_with_the_methods_that_have_it(ganzoo, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "Fills the masked part of each target image." in ganzoo("list", "capabilities", "--plugin", PLUGIN).output
    line = next(line for line in ganzoo("list", "methods", "--plugin", PLUGIN).output.splitlines() if "filler" in line)
    assert "inpaint" in line


def test_in_python_it_fills_the_hole_and_nothing_else(trained):
    made = trained.inpaint(IMAGES, MASK)
    assert (made.shape, made.dtype) == (IMAGES.shape, np.uint8)
    assert (made[:, ~HOLE] == IMAGES[:, ~HOLE]).all()
    assert np.ptp(made[:, HOLE], axis=1).max() == 0
    assert trained.can == ("inpaint",)
    tensor = trained.inpaint(torch.from_numpy(IMAGES)[:, None], mask=torch.from_numpy(MASK)[:, None].float())
    assert (tensor[:, 0].numpy() == made).all()


def test_the_command_makes_what_python_makes(ganzoo, run, trained, files):
    made = trained.inpaint(IMAGES, MASK)
    np.savez(files / "mask.npz", mask=MASK)
    for place, masks in (("of-folder", "masks"), ("of-npz", "mask.npz")):
        result = ganzoo("apply", run, "inpaint", "--input", "images", "--with", f"mask={masks}", "--output", place)
        assert result.exit_code == 0, result.output
        assert f"5 inpainted images are in {place}" in result.output
        for number in range(5):
            assert (np.asarray(Image.open(files / place / f"{number}.png")) == made[number]).all()
    manifest = json.loads((files / "of-folder" / "manifest.json").read_text())
    assert manifest["inpainted_by"]["method"] == "filler"
    assert {"0.png", "mask/0.png"} <= manifest["sha256"].keys()
    again = ganzoo("apply", run, "inpaint", "--input", "images", "--with", "mask=masks", "--output", "of-folder")
    assert "of-folder is complete: all 5 images were inpainted before" in again.output


def test_an_npz_may_hold_the_masks_itself(ganzoo, run, trained, files):
    np.savez(files / "both.npz", image=IMAGES, mask=MASK)
    result = ganzoo("apply", run, "inpaint", "--input", "both.npz", "--output", "out")
    assert result.exit_code == 0, result.output
    assert (np.load(files / "out" / "both.npz")["image"] == trained.inpaint(IMAGES, MASK)).all()


def test_its_rows_of_the_sample_sheet_are_the_holes_and_what_fills_them(run):
    sheet = np.asarray(Image.open(run / "samples" / "step-00000020.png").convert("L"))
    height = 2 * inpaint_plugin.HEIGHT + 3
    rows = [sheet[3 + row * height : row * height + height, 3:83] for row in range(3)]
    middle = [row[20:28, 36:44] for row in rows]
    assert len(sheet) == 3 + 3 * height
    assert middle[0].max() == 0
    assert np.ptp(middle[1]) == 0 < middle[1].mean()
    assert np.ptp(middle[2]) > 0


def test_its_metric_compares_with_the_original(run, trained):
    scores = json.loads((run / "metrics.json").read_text())["scores"]
    made, original = trained.inpaint(SCENES.images[:, 0], SCENES.extra["mask"][:, 0]), SCENES.images[:, 0]
    squared = np.square(made[:, HOLE] / 255.0 - original[:, HOLE] / 255.0).mean()
    assert [(score["name"], score["unit"]) for score in scores] == [("hole_psnr", "dB")]
    assert scores[0]["value"] == pytest.approx(-10 * np.log10(squared))


@pytest.mark.parametrize("format", ["torchscript", "onnx", "safetensors"])
def test_it_is_exported_with_both_inputs(trained, tmp_path, format):
    if format == "onnx":
        needs("onnx")
    made = export(trained, format, tmp_path / "filler", "inpaint")
    assert [each["name"] for each in made.card["inputs"]] == ["images", "mask"]
    assert made.card["inputs"][1]["values"] == "float32, 0 or 1"
    assert made.card["output"]["name"] == "inpainted"
    if format == "torchscript":
        images = torch.from_numpy(IMAGES)[:, None] / 127.5 - 1
        filled = torch.jit.load(made.file)(images, torch.from_numpy(MASK)[:, None].float())
        pixels = ((filled[:, 0] + 1) * 127.5).detach().numpy()
        assert np.abs(pixels - trained.inpaint(IMAGES, MASK)).max() < 0.51  # rounding


def test_its_kit_check_knows_a_method_that_paints_outside_the_mask(trained):
    able, method = inpaint_plugin.Inpaint(), trained.method
    images = torch.from_numpy(IMAGES)[:, None] / 127.5 - 1
    mask = able.toy_input(method, able.arguments[1], None, len(images))
    made = able.run(method, len(images), [images, mask])
    assert not [*able.violations(method, [images, mask], made)]
    assert "changes pixels outside the mask" in "".join(able.violations(method, [images, mask], made + 0.1))


@pytest.mark.parametrize(
    ("images", "mask", "words"),
    [
        (IMAGES, MASK[:, 1:], r"mask \[N, H, W\] of 24 x 40 pixels and 1 channels are what .* these are \[5, 23, 40\]"),
        (IMAGES, MASK[:4], r"images and mask must have equal numbers of rows, but have \[5, 4\]"),
        (IMAGES, IMAGES, "mask must hold only masks: bool, or 0 and 1"),
        (IMAGES, None, r"mask must be a numpy array \[N, H, W\] or a torch tensor .*, not NoneType"),
    ],
)
def test_impossible_masks_are_refused_in_python(trained, images, mask, words):
    with pytest.raises(UsageError, match=words):
        trained.inpaint(images, mask)


def test_a_missing_argument_is_said_with_the_form_of_the_call(trained):
    with pytest.raises(UsageError, match=r"the call is inpaint\(images, mask, batch_size=256, seed=0\)"):
        trained.inpaint(IMAGES)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--with", "mask=small.npz"), "--with mask=small.npz must hold masks of 24 x 40 pixels"),
        (("--with", "mask=few"), "--with mask=few: 3 of 5 images have none there (2, 3, 4)"),
        (("--with", "mask=grey.npz"), "must hold only masks: bool, or 0 and 1"),
        ((), "inpaint needs masks, 1 where a pixel is to be made anew: give --with mask=PATH"),
    ],
)
def test_impossible_masks_are_refused_by_the_command(ganzoo, run, files, given, words):
    np.savez(files / "small.npz", mask=MASK[:, 1:])
    np.savez(files / "grey.npz", mask=IMAGES)
    (files / "few").mkdir()
    for number in range(2):
        (files / "masks" / f"{number}.png").rename(files / "few" / f"{number}.png")
    result = ganzoo("apply", run, "inpaint", "--input", "images", *given, "--output", "out")
    assert result.exit_code in (1, 2)
    assert words in " ".join(result.output.split())
    assert not (files / "out").exists()


def test_a_run_without_it_says_what_it_has(ganzoo, files):
    ganzoo("run", "shift", "--plugin", TOY, "--dataset", "toy", "--steps", 1, "--metrics", "none", "--out", "shift")
    options = ("--plugin", PLUGIN, "--input", "images", "--with", "mask=masks", "--output", "out")
    result = ganzoo("apply", "shift", "inpaint", *options)
    assert result.exit_code == 2
    assert "method shift does not inpaint; it has refine" in result.output
    with pytest.raises(UsageError, match="method shift does not inpaint; it has refine"):
        package.load("shift", plugins=[PLUGIN]).inpaint(IMAGES, MASK)
