"""`ganzoo predict`, `generate` and `apply`: what they write, what they refuse, and that they continue."""

from __future__ import annotations

import json
from pathlib import Path

import able_plugin
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ganzoo as package
from ganzoo.cli import main
from ganzoo.files.label_files import folder_labels

PLUGIN = Path(able_plugin.__file__)
SHAPE = (able_plugin.HEIGHT, able_plugin.WIDTH)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A function that gives the folder of a run of a method on a dataset."""
    folder = tmp_path_factory.mktemp("runs")

    def of(method, dataset="squares"):
        place = folder / f"{method}-{dataset}"
        if not place.exists():
            arguments = ["run", method, "--plugin", PLUGIN, "--dataset", dataset, "--metrics", "none", "--out", place]
            result = CliRunner().invoke(main, [str(each) for each in arguments])
            assert result.exit_code == 0, result.output
        return place

    return of


@pytest.fixture
def images(tmp_path):
    """A folder of squares whose number is a twentieth of their brightness."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(7):
        Image.fromarray(np.full(SHAPE, 20 * number, np.uint8)).save(folder / f"{number}.png")
    return folder


def levels(folder, names):
    return [int(np.asarray(Image.open(folder / name)).mean()) for name in names]


def test_predicted_classes_are_a_table_by_file(ganzoo, runs, images, tmp_path):
    result = ganzoo("predict", runs("reader"), "--input", images, "--output", "labels.csv")
    assert result.exit_code == 0, result.output
    assert "7 predicted labels are in labels.csv" in result.output
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    assert lines == ["file,class", *(f"{number}.png,{number}" for number in range(7))]
    manifest = json.loads((tmp_path / "labels.csv.json").read_text())
    assert manifest["predicted_by"]["method"] == "reader"
    assert manifest["sha256"].keys() == {f"{number}.png" for number in range(7)}


def test_predicted_numbers_come_back_to_the_last_bit(ganzoo, runs, images, tmp_path):
    ganzoo("predict", runs("reader", "sizes"), "--input", images, "--output", "labels.csv")
    table = (tmp_path / "labels.csv").read_text().splitlines()
    assert table[0] == "file,label_1,label_2"
    read = np.array([line.split(",")[1:] for line in table[1:]], np.float32)
    pixels = np.stack([np.asarray(Image.open(images / f"{number}.png")) for number in range(7)])
    assert (read == package.load(runs("reader", "sizes"), plugins=[PLUGIN]).predict(pixels)).all()


def test_predictions_of_gaze_are_labels_that_ganzoo_reads(ganzoo, toys, images, tmp_path):
    toy = Path(__file__).parents[1] / "toy_plugin.py"
    ganzoo("run", "constant", "--plugin", toy, "--dataset", "toy", "--metrics", "none", "--out", "run")
    result = ganzoo(
        "predict", "run", "--input", images, "--output", images / "labels.csv", "--resizer", "pillow-lanczos"
    )
    assert result.exit_code == 0, result.output
    read = folder_labels(images, [f"{number}.png" for number in range(7)]).labels
    assert read is not None
    assert (read == package.load("run").predict(np.zeros((7, 24, 40), np.uint8))).all()


def test_an_npz_is_predicted_by_row(ganzoo, runs, tmp_path):
    np.savez(tmp_path / "in.npz", image=np.full((2, *SHAPE), 60, np.uint8))
    ganzoo("predict", runs("reader"), "--input", "in.npz", "--output", "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == "file,class\nrow 0,3\nrow 1,3\n"


def test_a_finished_prediction_is_left_as_it_is_and_another_one_refused(ganzoo, runs, images, tmp_path):
    arguments = ("predict", runs("reader"), "--input", images, "--output", "labels.csv")
    ganzoo(*arguments)
    before = (tmp_path / "labels.csv").stat().st_mtime_ns
    assert "labels.csv is complete: all 7 labels were predicted before" in ganzoo(*arguments).output
    assert (tmp_path / "labels.csv").stat().st_mtime_ns == before
    (images / "0.png").unlink()
    result = ganzoo(*arguments)
    assert result.exit_code == 2
    assert "holds the output of another job (different: input_fingerprint)" in result.output
    (tmp_path / "mine.csv").write_text("precious")
    result = ganzoo("predict", runs("reader"), "--input", images, "--output", "mine.csv")
    assert result.exit_code == 2
    assert "mine.csv exists; delete it, or give another file" in result.output
    assert (tmp_path / "mine.csv").read_text() == "precious"


def test_a_kill_between_manifest_and_labels_is_continued(ganzoo, runs, images, tmp_path):
    arguments = ("predict", runs("reader"), "--input", images, "--output", "labels.csv")
    ganzoo(*arguments)
    whole = (tmp_path / "labels.csv").read_bytes()
    (tmp_path / "labels.csv").unlink()
    assert ganzoo(*arguments).exit_code == 0
    assert (tmp_path / "labels.csv").read_bytes() == whole


def test_generated_images_do_not_depend_on_the_batch_size_and_are_those_of_python(ganzoo, runs, tmp_path):
    for name, size in (("out", 256), ("small", 2)):
        result = ganzoo("generate", runs("painter"), "--count", 5, "--output", name, "--batch-size", size, "--seed", 3)
        assert result.exit_code == 0, result.output
    names = [f"{row:06d}.png" for row in range(5)]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {*names, "manifest.json"}
    assert levels(tmp_path / "out", names) == levels(tmp_path / "small", names)
    assert len(set(levels(tmp_path / "out", names))) == 5
    made = package.load(runs("painter"), plugins=[PLUGIN]).generate(5, seed=3)
    assert [int(image.mean()) for image in made] == levels(tmp_path / "out", names)


def test_images_generated_for_labels_are_a_labelled_folder(ganzoo, runs, tmp_path):
    (tmp_path / "given.csv").write_text("file,class\na.png,2\nb.png,7\nc.png,2\n")
    result = ganzoo("generate", runs("painter"), "--labels", "given.csv", "--output", "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "labels.csv").read_text() == "file,class\n000000.png,2\n000001.png,7\n000002.png,2\n"
    first, second, third = levels(tmp_path / "out", ["000000.png", "000001.png", "000002.png"])
    assert second > first + 50
    assert abs(first - third) < 3
    made = package.load(runs("painter"), plugins=[PLUGIN]).generate_labelled(np.array([2, 7, 2]))
    assert [int(image.mean()) for image in made] == [first, second, third]


def test_an_interrupted_generation_ends_as_if_it_had_not_been(ganzoo, runs, tmp_path, monkeypatch):
    arguments = ("generate", runs("painter"), "--count", 6, "--batch-size", 2)
    ganzoo(*arguments, "--output", "whole")
    grey, calls = able_plugin.Able._grey, []

    def stopped(self, level):
        calls.append(level)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return grey(self, level)

    with monkeypatch.context() as patch:
        method = type(package.load(runs("painter"), plugins=[PLUGIN]).method)
        patch.setattr(method, "_grey", stopped)
        assert ganzoo(*arguments, "--output", "out").exit_code == 130
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert ganzoo(*arguments, "--output", "out").exit_code == 0
    for file in (tmp_path / "whole").iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_generated_vectors_are_an_npz_and_a_table(ganzoo, runs, tmp_path):
    result = ganzoo("generate", runs("painter", "points"), "--count", 3, "--output", "out")
    assert result.exit_code == 0, result.output
    assert "3 generated samples are in out" in result.output
    made = np.load(tmp_path / "out" / "samples.npz")["samples"]
    assert (made.shape, made.dtype) == ((3, 2), np.float32)
    table = (tmp_path / "out" / "samples.csv").read_text().splitlines()
    assert table[0] == "file,sample_1,sample_2"
    assert np.array_equal(np.array([line.split(",")[1:] for line in table[1:]], np.float32), made)


def test_codes_of_images_make_images_again(ganzoo, runs, images, tmp_path):
    assert ganzoo("apply", runs("coder"), "encode", "--input", images, "--output", "codes").exit_code == 0
    codes = np.load(tmp_path / "codes" / "codes.npz")["codes"]
    assert codes[:, 0] == pytest.approx([20 * number / 127.5 - 1 for number in range(7)], abs=1e-6)
    assert (tmp_path / "codes" / "codes.csv").read_text().startswith("file,code_1,code_2\n0.png,-1,-1\n")
    np.savez(tmp_path / "chosen.npz", codes=np.stack([codes[:, 0], np.ones(7)], 1))
    result = ganzoo("apply", runs("coder"), "generate_from_codes", "--with", "codes=chosen.npz", "--output", "again")
    assert result.exit_code == 0, result.output
    assert levels(tmp_path / "again", [f"{row:06d}.png" for row in range(7)]) == [20 * number for number in range(7)]


def test_samples_made_of_images_keep_names_formats_and_labels(ganzoo, runs, images, tmp_path):
    (images / "labels.csv").write_text("file,pitch,yaw\n")
    (images / "0.png").rename(images / "zero.bmp")
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(images / "zero.bmp")
    result = ganzoo("apply", runs("coder"), "reconstruct", "--input", images, "--output", "out")
    assert result.exit_code == 0, result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "zero.bmp", *(f"{number}.png" for number in range(1, 7)), "labels.csv", "manifest.json"
    }  # fmt: skip
    assert (tmp_path / "out" / "labels.csv").read_text() == "file,pitch,yaw\n"
    assert levels(tmp_path / "out", ["1.png", "6.png"]) == [20, 120]


def test_vectors_are_read_from_a_table_or_an_npz(ganzoo, runs, tmp_path):
    points = np.array([[0.5, 0.25], [1, -1]], np.float32)
    (tmp_path / "points.csv").write_text("file,x,y\na,0.5,0.25\nb,1,-1\n")
    np.savez(tmp_path / "points.npz", points)
    for kind in ("csv", "npz"):
        ganzoo("apply", runs("coder", "points"), "encode", "--input", f"points.{kind}", "--output", f"of-{kind}")
        codes = np.load(tmp_path / f"of-{kind}" / "codes.npz")["codes"]
        assert np.array_equal(codes, np.stack([points.mean(1), points[:, 0]], 1))


def test_refine_by_another_name_is_refine(ganzoo, toys, tmp_path):
    toy = Path(__file__).parents[1] / "toy_plugin.py"
    ganzoo("run", "shift", "--plugin", toy, "--dataset", "toy", "--metrics", "none", "--steps", 2, "--out", "run")
    np.savez(tmp_path / "in.npz", image=np.full((2, 24, 40), 99, np.uint8), gaze=np.zeros((2, 3)))
    ganzoo("refine", "run", "--input", "in.npz", "--output", "one")
    ganzoo("apply", "run", "refine", "--input", "in.npz", "--output", "other")
    assert (tmp_path / "one" / "in.npz").read_bytes() == (tmp_path / "other" / "in.npz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("generate", "painter"), "give either --count, how many samples to generate, or --labels"),
        (("generate", "coder", "--count", 2), "method coder does not generate; it has"),
        (("generate", "painter", "--labels", "bad.csv"), "--labels: class labels must be integers from 0 to 9"),
        (("generate", "painter", "--labels", "gaze.csv"), "gaze.csv must have the columns class, not file, pitch, yaw"),
        (("generate", "painter", "--labels", "absent.csv"), "--labels absent.csv does not exist"),
        (("apply", "coder", "encode"), "encode needs target images: give --input PATH"),
        (("apply", "coder", "encode", "--input", "images", "--count", 3), "encode takes no --count; it takes --input"),
        (("apply", "coder", "refine", "--input", "images"), "method coder does not refine; it has"),
        (("apply", "coder", "decode"), "there is no capability 'decode'; did you mean 'encode'?"),
        (("apply", "coder", "generate_from_codes", "--with", "codes"), "--with codes: give NAME=PATH"),
        (("apply", "coder", "generate_from_codes", "--with", "code=c.npz"), "did you mean '--with codes'?"),
        (
            ("apply", "coder", "generate_from_codes", "--with", "codes=far.npz"),
            "the codes are out of range: number 2 of row 1 is 9, but it must lie between 0 and 3",
        ),
        (("apply", "coder", "generate_from_codes", "--with", "codes=wide.npz"), "must hold vectors of 2 numbers"),
        (("apply", "painter", "generate"), "generate needs to know how many samples to make: give --count"),
        (("predict", "reader", "--input", "images"), "out must be a csv file, such as out.csv"),
        (("predict", "reader", "--input", "images/0.png"), "must be a folder of images, an .npz file or a prepared"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_leaves_nothing(ganzoo, runs, images, tmp_path, arguments, words):
    (tmp_path / "bad.csv").write_text("class\n11\n")
    (tmp_path / "gaze.csv").write_text("file,pitch,yaw\na,0,0\n")
    np.savez(tmp_path / "far.npz", codes=np.array([[0.0, 9.0]]))
    np.savez(tmp_path / "wide.npz", codes=np.zeros((2, 3)))
    before = set(tmp_path.iterdir())
    command, method, *rest = arguments
    result = ganzoo(command, runs(method), *rest, "--output", "out")
    assert result.exit_code in (1, 2)
    assert words in " ".join(result.output.split())
    assert set(tmp_path.iterdir()) == before
