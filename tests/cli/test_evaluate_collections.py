"""`ganzoo evaluate --real A --fake B`: two collections of images, no run."""

import json

import numpy as np
import pytest
from conftest import TOY
from PIL import Image
from toy_plugin import discs

SCORES = {"fid", "kid", "precision", "recall", "density", "coverage"}
PLUGIN = ("--plugin", TOY)
PIXELS = (*PLUGIN, "--extractors", "pixels")


@pytest.fixture
def images(tmp_path):
    """real.npz and fake.npz without labels, labelled.npz, and a folder of larger colour images, half as many."""
    for name, seed, brightness in (("real", 0, 120), ("fake", 1, 130), ("labelled", 2, 120)):
        pixels, gaze = discs(60, seed, brightness)
        labels = {"gaze_pitchyaw": gaze} if name == "labelled" else {}
        np.savez(tmp_path / f"{name}.npz", image=pixels[:, 0], **labels)
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(discs(30, 3, 120)[0][:, 0]):
        Image.fromarray(image).convert("RGB").resize((80, 48)).save(tmp_path / "folder" / f"{number}.png")
    return tmp_path


def document(folder):
    return json.loads((folder / "scores.json").read_text())


def test_all_scores_are_shown_and_written_with_their_intervals_and_cards(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz", *PIXELS, "--out", "scores.json")
    assert result.exit_code == 0, result.output
    written = document(images)
    assert {score["name"] for score in written["scores"]} == {f"{name}[pixels]" for name in SCORES}
    for score in written["scores"]:
        assert score["name"] in result.stdout
        assert score["low"] <= score["value"] <= score["high"]
        card = score["card"]
        assert card["extractor"] == {"name": "pixels", "extractor": "pixels"}
        assert (card["real"]["images_measured"], card["fake"]["images_measured"], card["seed"]) == (60, 60, 0)
        assert card["fake"]["fitted"] == "none: all images are 24x40 (height x width) grey"
        assert card["versions"]["numpy"] == np.__version__
    k = {score["name"]: score["card"].get("k") for score in written["scores"]}
    assert (k["precision[pixels]"], k["recall[pixels]"], k["density[pixels]"], k["fid[pixels]"]) == (3, 3, 5, None)
    assert "measuring kid" in result.stderr
    assert "measuring" not in result.stdout


def test_the_nearer_images_score_better_on_every_score(ganzoo, images):
    pixels = discs(60, 4, 220)[0]
    np.savez(images / "far.npz", image=pixels[:, 0])

    def values(fake):
        ganzoo("evaluate", "--real", "real.npz", "--fake", fake, *PIXELS, "--out", "scores.json")
        return {score["name"]: (score["value"], score["better"]) for score in document(images)["scores"]}

    far = values("far.npz")
    for name, (near, better) in values("fake.npz").items():
        assert near < far[name][0] if better == "lower" else near > far[name][0], name


def test_a_slice_and_a_folder_of_other_images_are_brought_to_the_real_ones_shape(ganzoo, images):
    sized = ("--resizer", "pillow-bilinear", "--channels", "grey", "--metrics", "kid", "--out", "scores.json")
    result = ganzoo("evaluate", "--real", "real.npz[10:50]", "--fake", "folder[::2]", *PIXELS, *sized)
    assert result.exit_code == 0, result.output
    (score,) = document(images)["scores"]
    assert (score["card"]["real"]["images"], score["card"]["fake"]["images"]) == (40, 15)
    assert score["card"]["fake"]["fitted"] == (
        "48x80 (height x width) RGB -> 24x40 (height x width) grey (resizer pillow-bilinear, channels grey)"
    )


def test_images_of_another_shape_are_refused_with_the_options_that_fix_it(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "folder", *PIXELS)
    assert result.exit_code == 1
    assert "--fake folder: all images are 48x80" in result.stderr
    assert "--channels" in result.stderr
    assert "--resizer" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name what to measure"),
        (("run", "--real", "real.npz"), "--real: for two collections of images, not for the run run"),
        (("run", "--resizer", "none", "--channels", "grey"), "--channels, --resizer: for two collections"),
        (("--real", "real.npz"), "two collections need both --real and --fake"),
        (("--extractors", "pixels"), "two collections need both --real and --fake"),
        (("--real", "real.npz", "--fake", "fake.npz", "--extractors", "pixel"), "did you mean 'pixels'?"),
        (("--real", "real.npz", "--fake", "fake.npz", "--metrics", "kod"), "did you mean 'kid'?"),
        (("--real", "real.npz", "--fake", "fake.npz", "--metrics", "label-drift"), "measures a method, not images"),
        (("--real", "real.npz", "--fake", "fake.npz", "--out", "real.npz"), "name ends in .json"),
        (("--real", "real.npz", "--fake", "fake.npz", "--metrics", "none"), "--metrics none: nothing to measure"),
        (("run", "--fit-steps", "3"), "--fit-steps: for two collections"),
        (("--real", "real.npz[0:x]", "--fake", "fake.npz"), "Python slice"),
        (("--real", "real.npz", "--fake", "fake.npz", "--samples", "1"), "--samples = 1"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_exit_code_2(ganzoo, images, toys, arguments, sentence):
    result = ganzoo("evaluate", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_folder_without_images_is_named(ganzoo, images):
    (images / "empty").mkdir()
    result = ganzoo("evaluate", "--real", "empty", "--fake", "fake.npz", *PIXELS)
    assert result.exit_code == 1
    assert "empty holds no images" in result.stderr


def test_one_image_is_too_few_for_any_score(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz[0:1]", *PIXELS)
    assert result.exit_code == 1
    assert "of fake there is one" in " ".join(result.stdout.split())
    assert "nothing could be measured" in result.stderr


def test_with_fewer_images_than_neighbours_the_distances_are_measured_all_the_same(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz[0:4]", *PIXELS, "--out", "scores.json")
    assert result.exit_code == 0, result.output
    values = {score["name"]: score["value"] for score in document(images)["scores"]}
    assert values["fid[pixels]"] is not None
    assert values["recall[pixels]"] is values["coverage[pixels]"] is None
    assert "needs 5 images of each set at least, and of fake there are 4" in " ".join(result.stdout.split())


def test_the_same_images_twice_are_measured_and_said_to_be_the_same(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "real.npz", *PIXELS, "--out", "scores.json")
    assert result.exit_code == 0, result.output
    assert "--real and --fake are the same images" in result.stderr
    values = {score["name"]: score["value"] for score in document(images)["scores"]}
    assert [values[f"{name}[pixels]"] for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert values["fid[pixels]"] == pytest.approx(0, abs=1e-6)


def test_images_in_both_collections_are_counted(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz[0:40]", "--fake", "real.npz[30:60]", *PIXELS, "--metrics", "kid")
    assert "10 of the 30 fake images are pixel-identical to real ones" in result.stderr


def test_it_says_that_only_some_of_the_images_were_measured(ganzoo, images):
    few = ("--samples", "20", "--out", "scores.json")
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz", *PIXELS, *few)
    assert "--real: measured on 20 of 60 images" in result.stderr
    assert {score["card"]["images"] for score in document(images)["scores"]} == {20}


class TestExtractorsThatLearn:
    """`pupil` learns nothing, but wants a labelled source as the extractor `gaze` does."""

    @pytest.fixture
    def learner(self, images):
        file = images / "learner.py"
        file.write_text(
            "from ganzoo import hookimpl\n"
            "from ganzoo.metric import Extractor\n"
            "class Learner(Extractor):\n"
            "    name = 'learner'\n"
            "    summary = 'Pixels, and how bright its labelled images are.'\n"
            "    def __init__(self, data):\n"
            "        source = data.domain('source')\n"
            "        self.card = {'name_of_source': source.name, 'labels': len(source.labels)}\n"
            "    card = None\n"
            "    def features(self, images):\n"
            "        return images[:, :, ::4, ::4].float().flatten(1)\n"
            "@hookimpl\n"
            "def ganzoo_extractors():\n"
            "    return [Learner]\n"
        )
        from ganzoo.discovery.registry import registry

        yield ("--plugin", file, "--extractors", "learner", "--metrics", "kid", "--out", "scores.json")
        registry().plugins[:] = [plugin for plugin in registry().plugins if plugin.package != str(file)]
        registry().found["extractors"].pop("learner", None)

    @pytest.mark.parametrize(
        ("given", "learnt_from", "name"),
        [
            (("--real", "real.npz", "--fake", "labelled.npz"), "--fake labelled.npz", "fake"),
            (("--real", "labelled.npz", "--fake", "fake.npz"), "--real labelled.npz", "real"),
            (
                ("--real", "real.npz", "--fake", "labelled.npz", "--source", "labelled.npz[0:9]"),
                "--source labelled.npz[0:9]",
                "source",
            ),
        ],
    )
    def test_they_learn_from_the_source_else_the_fake_else_the_real_images(
        self, ganzoo, images, learner, given, learnt_from, name
    ):
        result = ganzoo("evaluate", *given, *learner)
        assert result.exit_code == 0, result.output
        card = document(images)["scores"][0]["card"]
        assert card["networks_learnt_from"] == learnt_from
        assert card["extractor"]["name_of_source"] == name

    def test_without_any_labels_they_are_left_out_with_the_reason(self, ganzoo, images, learner):
        both = ("--extractors", "pixels,learner")
        result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz", *PLUGIN, *learner, *both)
        assert result.exit_code == 0, result.output
        values = {score["name"]: score["value"] for score in document(images)["scores"]}
        assert values["kid[learner]"] is None
        assert values["kid[pixels]"] is not None
        assert "give labelled images with --source" in " ".join(result.stdout.split())

    def test_broken_labels_harm_no_extractor_that_needs_none(self, ganzoo, images, learner):
        (images / "folder" / "labels.csv").write_text("file,pitch,yaw\n0.png,0.1,0.1\n")
        given = ("--real", "folder", "--fake", "folder[0:20]", *PLUGIN, *learner, "--extractors", "pixels,learner")
        result = ganzoo("evaluate", *given)
        assert result.exit_code == 0, result.output
        reasons = {score["name"]: score["reason"] for score in document(images)["scores"]}
        assert reasons["kid[pixels]"] == ""
        assert "labels.csv" in reasons["kid[learner]"]

    def test_a_source_without_labels_is_refused(self, ganzoo, images, learner):
        result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz", "--source", "fake.npz", *learner)
        assert result.exit_code == 1
        assert "source fake.npz must be labelled" in result.stderr


def test_a_network_is_said_before_it_is_fitted_can_be_shortened_and_says_so_in_its_card(ganzoo, images):
    gaze = discs(8, 5, 120)[1]
    pixels = np.random.default_rng(0).integers(0, 255, (8, 36, 60), dtype=np.uint8)
    np.savez(images / "gaze.npz", image=pixels, gaze_pitchyaw=gaze)
    named = ("--extractors", "gaze", "--metrics", "kid", "--out", "scores.json", "--fit-steps", 2)
    result = ganzoo("evaluate", "--real", "gaze.npz[0:4]", "--fake", "gaze.npz[4:8]", *named)
    assert result.exit_code == 0, result.output
    said = "on 4 fake images for 2 steps; the network is cached for the next run; --fit-steps N makes it shorter"
    assert said in " ".join(result.stderr.split())
    assert document(images)["scores"][0]["card"]["extractor"]["steps"] == 2
    again = ganzoo("evaluate", "--real", "gaze.npz[0:4]", "--fake", "gaze.npz[4:8]", *named)
    assert "fitting" not in again.stderr


def test_an_unlabelled_pair_has_no_gaze_features(ganzoo, images):
    result = ganzoo("evaluate", "--real", "real.npz", "--fake", "fake.npz", "--extractors", "gaze", "--metrics", "kid")
    assert result.exit_code == 1
    assert "neither --fake nor --real has labels" in " ".join(result.stdout.split())


class TestInRuns:
    def test_a_run_that_measures_nothing_says_so_and_its_scores_cannot_be_replaced_by_none(self, ganzoo, tmp_path):
        result = ganzoo(*self.RUN, "--metrics", "none")
        assert "no metric was measured; name some with --metrics" in result.stdout
        before = (tmp_path / "out" / "metrics.json").read_bytes()
        result = ganzoo("evaluate", "out", *PLUGIN)
        assert result.exit_code == 2
        assert "nothing to measure; name some metrics" in result.stderr
        assert (tmp_path / "out" / "metrics.json").read_bytes() == before

    RUN = ("run", "shift", *PLUGIN, "--dataset", "toy", "--steps", 2, "--batch-size", 4, "--out", "out")

    def test_the_neighbourhood_scores_are_measured_where_they_are_named(self, ganzoo, tmp_path):
        named = ("--metrics", "precision-recall,density-coverage", "--precision-recall-extractors", "pixels")
        more = ("--density-coverage-extractors", "pixels", "--precision-recall-k", 4)
        result = ganzoo(*self.RUN, *named, *more)
        assert result.exit_code == 0, result.output
        scores = json.loads((tmp_path / "out" / "metrics.json").read_text())["scores"]
        assert {(score["name"], score["subject"]) for score in scores} == {
            (f"{name}[pixels]", subject)
            for name in ("precision", "recall", "density", "coverage")
            for subject in ("method", "source-only")
        }
        assert {score["card"]["k"] for score in scores if score["name"] == "recall[pixels]"} == {4}

    def test_a_run_measures_none_of_them_unasked(self, toys):
        from ganzoo.runs.experiment import make_plan

        measured = make_plan("shift", "toy", None, {}).metric_configs
        assert {"fid", "kid", "label-drift"} <= measured.keys()
        assert not {"precision-recall", "density-coverage"} & measured.keys()

    def test_a_setting_of_a_metric_that_is_not_measured_is_refused(self, ganzoo):
        result = ganzoo(*self.RUN, "--precision-recall-k", 4)
        assert result.exit_code == 2
        assert "the metric precision-recall is given, but not measured; name it in --metrics" in result.stderr
