"""Refined images keep names, formats and labels; what a refinement leaves behind is whole or can be continued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganzoo.applying.apply import Applied, Job, apply_to_files
from ganzoo.applying.choice import capability_of
from ganzoo.applying.inputs import Places
from ganzoo.batch import image_spec
from ganzoo.errors import DatasetError, DivergenceError, GanzooError, PluginError, UsageError
from ganzoo.files import output as output_module
from ganzoo.files.output import write_npz
from ganzoo.method import Method, Phase
from ganzoo.settings import Settings
from ganzoo.task import GazeTask

RNG = np.random.default_rng(0)
SPEC = image_spec(1, 4, 6, GazeTask())
RUN = {"run": "runs/first", "method": "negative", "settings": "abc", "step": 10, "versions": {"torch": "2"}}


class Predictor(Method):
    """A method that cannot refine."""

    name, summary, paper, Config = "predictor", "A test.", "", Settings

    def phases(self) -> Mapping[str, Phase]:
        return {}


class Negative(Predictor):
    """Refines by negation, so that every pixel's answer is known: 255 - value."""

    name = "negative"
    calls = 0

    def refine(self, source: Tensor) -> Tensor:
        assert not self.training
        self.calls += 1
        return -source


class Noisy(Negative):
    def refine(self, source: Tensor) -> Tensor:
        return source + torch.randn_like(source)


class Broken(Negative):
    """Fails at its third batch, as a killed process would."""

    calls_before = 2

    def refine(self, source: Tensor) -> Tensor:
        if self.calls == self.calls_before:
            raise KeyboardInterrupt
        return super().refine(source)


class NoisyThenBroken(Noisy, Broken):
    """Both: noise is added until the third batch."""

    calls_before = 8  # two batches of three images, each at once and then, as it draws noise, one by one

    def refine(self, source: Tensor) -> Tensor:
        Broken.refine(self, source)
        return Noisy.refine(self, source)


class NotFinite(Negative):
    def refine(self, source: Tensor) -> Tensor:
        return source / 0


class Shrinking(Negative):
    def refine(self, source: Tensor) -> Tensor:
        return source[..., 1:]


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def folder_of(path: Path, count: int = 5) -> Path:
    path.mkdir()
    for number in range(count):
        Image.fromarray(pixels(4, 6)).save(path / f"{number}.png")
    return path


def refine(input: Path, output: Path, method: type[Method] = Negative, **changes: Any) -> Applied:
    places = {key: changes.pop(key) for key in ("resizer", "channels") if key in changes}
    built = method(Settings(), SPEC)
    settings = {"batch_size": 2, "made_by": RUN, **changes}
    job = Job(capability_of(built, "refine"), built, torch.device("cpu"), **settings)
    return apply_to_files(job, Places(input=input, **places), output)


def picture(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image).astype(int)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_folder_is_refined_pixel_by_pixel_under_the_same_names(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in")
    labels = b"\xef\xbb\xbffile,pitch,yaw\r\n0.png,0.1,  0.2\r\n"  # not tidy, and not to be tidied
    (source / "labels.csv").write_bytes(labels)
    (source / "3.json").write_bytes(b'{"gaze":[0,0,-1] }')
    seen: list[tuple[int, int]] = []
    done = refine(source, tmp_path / "out", progress=lambda *counts: seen.append(counts))

    for number in range(5):
        name = f"{number}.png"
        np.testing.assert_array_equal(picture(tmp_path / "out" / name), 255 - picture(source / name))
    names = {f"{number}.png" for number in range(5)}
    assert contents(tmp_path / "out").keys() == names | {"labels.csv", "3.json", "manifest.json"}
    assert (tmp_path / "out" / "labels.csv").read_bytes() == labels
    assert (tmp_path / "out" / "3.json").read_bytes() == (source / "3.json").read_bytes()
    assert (done.images, done.written) == (5, 5)
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_the_manifest_says_where_the_images_came_from(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 2)
    refine(source, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["input"] == str(source)
    assert manifest["refined_by"] == RUN
    assert manifest["images"] == 2
    assert manifest["sha256"]["1.png"] == hashlib.sha256((source / "1.png").read_bytes()).hexdigest()
    assert manifest["fitted"] == "none: all images are 4x6 (height x width) grey"


@pytest.mark.parametrize(("ending", "kind", "tolerance"), [("jpg", "JPEG", 3), ("tif", "TIFF", 0), ("bmp", "BMP", 0)])
def test_a_format_stays_as_it_was(tmp_path: Path, ending: str, kind: str, tolerance: int) -> None:
    source = tmp_path / "in"
    source.mkdir()
    smooth = np.add.outer(20 * np.arange(4), 20 * np.arange(6)).astype(np.uint8)
    Image.fromarray(smooth).save(source / f"0.{ending}")
    refine(source, tmp_path / "out")
    with Image.open(tmp_path / "out" / f"0.{ending}") as image:
        assert image.format == kind
    difference = picture(tmp_path / "out" / f"0.{ending}") - (255 - picture(source / f"0.{ending}"))
    assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 6, 1)])
def test_an_npz_keeps_its_name_layout_and_other_arrays(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = {
        "image": pixels(*shape),
        "gaze": RNG.normal(size=(5, 3)).astype(np.float32),
        "file": np.array(["a", "b", "c", "d", "e"]),
    }
    write_npz(tmp_path / "eyes.npz", arrays)
    done = refine(tmp_path / "eyes.npz", tmp_path / "out")
    assert done.output == tmp_path / "out" / "eyes.npz"
    assert refine(tmp_path / "eyes.npz", tmp_path / "out").output == done.output  # also when all was done before
    with np.load(tmp_path / "out" / "eyes.npz") as made:
        assert set(made.files) == set(arrays)
        np.testing.assert_array_equal(made["image"], 255 - arrays["image"])
        assert made["image"].dtype == np.uint8
        for key in ("gaze", "file"):
            np.testing.assert_array_equal(made[key], arrays[key])
            assert made[key].dtype == arrays[key].dtype
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["sha256"] == {"eyes.npz": hashlib.sha256((tmp_path / "eyes.npz").read_bytes()).hexdigest()}


def test_other_sizes_are_brought_together_by_a_named_rule_only(tmp_path: Path) -> None:
    np.savez(tmp_path / "eyes.npz", image=pixels(3, 8, 12, 3))
    with pytest.raises(DatasetError, match=r"8x12 .*RGB, but 4x6 .* grey is required; .*--channels grey.*--resizer"):
        refine(tmp_path / "eyes.npz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = refine(tmp_path / "eyes.npz", tmp_path / "out", resizer="pillow-lanczos", channels="grey")
    assert "8x12 (height x width) RGB -> 4x6 (height x width) grey" in done.fitted
    with np.load(tmp_path / "out" / "eyes.npz") as made:
        assert made["image"].shape == (3, 4, 6, 1)


def test_an_interrupted_refinement_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", 7)
    (source / "labels.csv").write_text("file,pitch,yaw\n")
    refine(source, tmp_path / "whole", Noisy)

    with pytest.raises(KeyboardInterrupt):
        refine(source, tmp_path / "out", NoisyThenBroken)
    assert not (tmp_path / "out" / "manifest.json").exists()
    (tmp_path / "out" / "1.png").unlink()  # one of the first batch, as if it had not been reached
    done = refine(source, tmp_path / "out", Noisy)
    assert done.written == 5
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_an_interrupted_npz_leaves_no_torn_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "eyes.npz", image=pixels(7, 4, 6))
    with pytest.raises(KeyboardInterrupt):
        refine(tmp_path / "eyes.npz", tmp_path / "out", Broken)
    assert contents(tmp_path / "out").keys() == {".unfinished.json"}
    assert refine(tmp_path / "eyes.npz", tmp_path / "out").written == 7


def test_a_kill_at_any_moment_can_be_continued(tmp_path: Path) -> None:
    """The states that a killed process may leave: each ends as the whole refinement does."""
    source = folder_of(tmp_path / "in")
    refine(source, tmp_path / "whole")
    marker = json.dumps(
        {
            key: value
            for key, value in json.loads((tmp_path / "whole" / "manifest.json").read_text()).items()
            if key not in ("images", "labels", "sha256")
        }
    )
    states: dict[str, dict[str, bytes]] = {
        "while claiming": {".unfinished.json.partial": b"{"},
        "claimed": {".unfinished.json": marker.encode()},
        "in an image": {".unfinished.json": marker.encode(), "0.png.partial": b"torn"},
        "in the manifest": {".unfinished.json": marker.encode(), "manifest.json.partial": b"torn"},
        "at the end": {".unfinished.json": marker.encode(), **contents(tmp_path / "whole")},
    }
    for state, files in states.items():
        left = tmp_path / state
        left.mkdir()
        for name, content in files.items():
            (left / name).write_bytes(content)
        refine(source, left)
        assert contents(left) == contents(tmp_path / "whole"), state


def test_a_finished_refinement_is_left_as_it_is(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in")
    refine(source, tmp_path / "out")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert refine(source, tmp_path / "out").written == 0
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("finished", [True, False])
def test_the_output_of_another_job_is_never_touched(tmp_path: Path, finished: bool) -> None:
    source = folder_of(tmp_path / "in")
    if finished:
        refine(source, tmp_path / "out")
    else:
        with pytest.raises(KeyboardInterrupt):
            refine(source, tmp_path / "out", Broken)
    before = contents(tmp_path / "out")
    with pytest.raises(UsageError, match=r"output of another job \(different: refined_by\)"):
        refine(source, tmp_path / "out", made_by={**RUN, "step": 11})
    Image.fromarray(pixels(4, 6)).save(source / "new.png")
    with pytest.raises(UsageError, match=r"different: input_fingerprint"):
        refine(source, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_refused_outputs_stay_as_they_were(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in")
    np.savez(tmp_path / "eyes.npz", image=pixels(3, 4, 6))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "0.png").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "manifest.json").write_text("[1]")
    (tmp_path / "link").symlink_to(source)
    for input, output, says in [
        (source, source, "is the folder of the input"),
        (source, tmp_path / "link", "is the folder of the input"),
        (tmp_path / "eyes.npz", tmp_path, "is the folder of the input"),
        (tmp_path / "eyes.npz", tmp_path / "out.npz", "is to be a folder; give one such as .*out$"),
        (source, tmp_path / "file", "is a file; give a folder"),
        (source, tmp_path / "full", "is not empty"),
        (source, tmp_path / "foreign", "of another job"),
        (tmp_path / "eyes.npz[0:2]", tmp_path / "out", "takes a whole folder or npz"),
    ]:
        with pytest.raises(UsageError, match=says):
            refine(input, output)
    assert (tmp_path / "full" / "0.png").read_text() == (tmp_path / "file").read_text() == "mine"
    assert len(contents(source)) == 5
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("method", "error", "says"),
    [
        (Predictor, UsageError, "method predictor does not refine; it has no capability"),
        (NotFinite, DivergenceError, "refined images are not finite from number 1 on; refine with another checkpoint"),
        (Shrinking, PluginError, r"method negative: refine returned \[2, 1, 4, 5\], not \[2, 1, 4, 6\]"),
    ],
)
def test_what_a_method_does_wrong_is_said(
    tmp_path: Path, method: type[Method], error: type[Exception], says: str
) -> None:
    source = folder_of(tmp_path / "in")
    with pytest.raises(error, match=says):
        refine(source, tmp_path / "out", method)
    assert not list(tmp_path.glob("out/*.png*"))


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder_of(tmp_path / "in")
    monkeypatch.setattr(output_module.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(GanzooError, match=r"--output .*out needs about \d+ MiB; 0 MiB are free"):
        refine(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_meanwhile_is_said_and_can_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of(tmp_path / "in")
    (source / "labels.csv").write_text("file,pitch,yaw\n")
    real = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "labels.csv.partial":
            real(self, data[:3])
            raise OSError(28, "No space left on device")
        return real(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(GanzooError, match=r"labels\.csv cannot be written: No space left on device"):
            refine(source, tmp_path / "out")
    assert not (tmp_path / "out" / "labels.csv").exists()
    assert not (tmp_path / "out" / "labels.csv.partial").exists()
    assert refine(source, tmp_path / "out").written == 0
    assert (tmp_path / "out" / "manifest.json").exists()


def test_an_output_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in")
    (tmp_path / "file").touch()
    with pytest.raises(GanzooError, match="cannot be written"):
        refine(source, tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda folder: (folder / "2.png").write_bytes(b"no"), r"2\.png is not a readable image"),
        (lambda folder: Image.fromarray(pixels(4, 7)).save(folder / "2.png"), r"1 of 5 \(2\.png\) images are 4x7"),
        (lambda folder: [file.unlink() for file in folder.iterdir()], "holds no images"),
    ],
)
def test_bad_input_leaves_no_output(tmp_path: Path, break_it: Any, says: str) -> None:
    source = folder_of(tmp_path / "in")
    break_it(source)
    with pytest.raises(DatasetError, match=says):
        refine(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_in_inner_folders_are_not_refined_into_one(tmp_path: Path) -> None:
    (tmp_path / "eyes" / "p0").mkdir(parents=True)
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "eyes" / "p0" / "1.png")
    with pytest.raises(UsageError, match="give each of the inner folders separately"):
        refine(tmp_path / "eyes/**", tmp_path / "out")
