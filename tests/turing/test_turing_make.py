"""What `ganzoo turing make` draws and writes, and that a page does not give its answers away."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest, mannwhitneyu
from studies import design, made, pool, study

from ganzoo.errors import UsageError
from ganzoo.turing.draw import spaced
from ganzoo.turing.key import read_key
from ganzoo.turing.png import png
from ganzoo.turing.seal import seal


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def asked_of(rater):
    return [trial for trial in rater.trials if trial.stage == "test"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_pixels_and_its_length_depends_on_nothing_else(channels):
    random = np.random.default_rng(0).integers(0, 256, (channels, 35, 55), dtype=np.uint8)
    flat = np.zeros_like(random)
    assert len(png(random)) == len(png(flat))
    read = np.asarray(Image.open(io.BytesIO(png(random)))).reshape(35, 55, channels)
    assert (read == random.transpose(1, 2, 0)).all()


@pytest.mark.parametrize("protocol", ["single", "timed"])
def test_half_of_single_images_are_real_in_every_block_and_no_image_is_shown_twice(tmp_path, protocol):
    key = made(tmp_path, study(protocol, raters=3, practice=4), fakes=[pool("a", seed=2), pool("b", seed=4)])
    for rater in key.raters:
        for source in ("a", "b"):
            truths = [trial.truth for trial in asked_of(rater) if trial.source == source]
            assert sorted(truths) == ["generated"] * 4 + ["real"] * 4
        shown = [image.name for trial in rater.trials for image in trial.images]
        assert len(shown) == len(set(shown)) == 4 + 2 * 8
    assert len({tuple(trial.truth for trial in rater.trials) for rater in key.raters}) == 3
    assert [rater.real_side for rater in key.raters] == ["left", "right", "left"]


def test_pairs_have_one_real_image_on_either_side_equally_often(tmp_path):
    key = made(tmp_path, study("pairs", trials=12, catch=4), None)
    trials = [trial for trial in key.raters[0].trials if trial.stage != "practice"]
    assert sorted(trial.truth for trial in trials) == ["left"] * 8 + ["right"] * 8
    for trial in trials:
        assert trial.images[0 if trial.truth == "left" else 1].pool == "real"
        assert trial.images[1 if trial.truth == "left" else 0].pool == ("raw" if trial.stage == "catch" else "fake")


def test_images_of_practice_occur_nowhere_else(tmp_path):
    key = made(tmp_path, study(raters=4, practice=10))
    trials = [trial for rater in key.raters for trial in rater.trials]
    practice, others = ({image.name for trial in trials if (trial.stage == "practice") == wanted
                         for image in trial.images} for wanted in (True, False))  # fmt: skip
    assert len(practice) == 10
    assert not practice & others


def test_the_null_block_has_real_images_on_both_sides(tmp_path):
    key = made(tmp_path, study(null=True))
    null = [trial for trial in key.raters[0].trials if trial.source == "null"]
    assert sorted(trial.truth for trial in null) == ["generated"] * 4 + ["real"] * 4
    assert {image.pool for trial in null for image in trial.images} == {"real"}


def test_the_same_seed_draws_the_same_pages_and_another_or_none_draws_others(tmp_path):
    pages = []
    for place, seed in enumerate((5, 5, 6, None, None)):
        (tmp_path / str(place)).mkdir()
        key = made(tmp_path / str(place), study(seed=seed))
        pages.append([(trial.id, trial.truth) for trial in key.raters[0].trials])
    assert pages[0] == pages[1]
    assert len({str(page) for page in pages}) == 4


def test_no_person_is_shown_twice_in_a_row_where_there_are_several():
    groups = np.repeat(np.arange(5), 8)
    order = spaced(np.random.default_rng(0).permutation(40), groups)
    assert sorted(order) == list(range(40))
    assert all(groups[a] != groups[b] for a, b in itertools.pairwise(order))
    assert spaced(np.arange(3), np.zeros(3)) == [0, 1, 2]


def test_the_key_is_read_again_as_it_was_written(tmp_path):
    key = made(tmp_path, study("pairs", twin=True))
    assert read_key(tmp_path / "key.json") == key
    assert {(each.source, each.classifier) for each in key.twin} == {
        (source, name) for source in ("fake", "null") for name in ("linear", "knn", "network")
    }


def leaks(folder, real, fake, count=12):
    """For many pages, p-values of whether anything but the pixels tells the answers: place, id, size, bytes, seal."""
    features = {"place": [], "id": [], "bytes": [], "mean byte": [], "compressed": [], "header": []}
    truths, lengths, places = [], set(), []
    for n in range(count):
        (folder / str(n)).mkdir()
        key = made(folder / str(n), study(trials=40, practice=0, seed=n), real, [fake])
        rater = key.raters[0]
        document = data_of(folder / str(n) / "pages" / rater.file)
        for place, (trial, shown) in enumerate(zip(rater.trials, document["trials"], strict=True)):
            assert shown.keys() == {"id", "block", "images"}
            content = base64.b64decode(shown["images"][0])
            truths.append(trial.truth == "real")
            lengths.add(len(content))
            places.append(str(content[:41]) + str(content[-12:]))
            histogram = np.bincount(np.frombuffer(content, np.uint8), minlength=256)
            features["place"].append(place)
            features["id"].append(int(shown["id"], 16))
            features["bytes"].append(histogram[:64].sum())
            features["mean byte"].append(np.frombuffer(content, np.uint8).mean())
            features["compressed"].append(len(zlib.compress(content)))
            features["header"].append(histogram[0])
    truth = np.array(truths)
    found = {name: mannwhitneyu(np.array(values)[truth], np.array(values)[~truth]).pvalue
             for name, values in features.items()}  # fmt: skip
    return found, lengths, set(places)


def test_nothing_but_the_pixels_tells_real_from_generated(tmp_path):
    """Both kinds are drawn alike here, so whatever told them apart would be the page's fault. 480 answers."""
    found, lengths, places = leaks(tmp_path, pool("real", 2000, seed=1), pool("fake", 2000, seed=2))
    assert len(lengths) == 1
    assert len(places) == 1  # signature, size, and end of all files
    assert min(found.values()) > 0.001, found


def test_the_test_for_leaks_can_fail(tmp_path):
    found, lengths, _ = leaks(tmp_path, pool("real", 200, seed=1), pool("fake", 200, seed=2, mean=100), count=4)
    assert len(lengths) == 1
    assert found["mean byte"] < 1e-10


def test_the_order_cannot_be_guessed_from_the_order_before(tmp_path):
    """Neighbours differ as often as in a random order of 20 and 20: in 20 of 39."""
    differ, count = 0, 0
    for n in range(12):
        (tmp_path / str(n)).mkdir()
        truths = [
            trial.truth for trial in made(tmp_path / str(n), study(trials=40, practice=0, seed=n)).raters[0].trials
        ]
        differ += sum(a != b for a, b in itertools.pairwise(truths))
        count += 39
    assert binomtest(differ, count, 20 / 39).pvalue > 0.001


def test_the_page_names_no_place_no_source_and_no_rule(tmp_path):
    key = made(tmp_path, study(catch=2, practice=2))
    text = (tmp_path / "pages" / key.raters[0].file).read_text(encoding="utf-8")
    for word in ("secret-place", "fake", ":raw", '"raw', "catch_right_share", key.secret):
        assert word not in text, word
    document = data_of(tmp_path / "pages" / key.raters[0].file)
    assert [("answer" in each) for each in document["trials"]] == [True] * 2 + [False] * 10


def test_a_page_of_timed_seals_its_answers(tmp_path):
    key = made(tmp_path, study("timed"))
    rater = key.raters[0]
    document = data_of(tmp_path / "pages" / rater.file)
    for trial, shown in zip(rater.trials[2:], document["trials"][2:], strict=True):
        assert shown["seal"] == seal(rater.salt, trial.id, trial.truth)
    assert len({shown["seal"] for shown in document["trials"][2:]}) == 8


def test_grey_values_are_stretched_for_both_kinds_alike(tmp_path):
    key = made(tmp_path, study(design_=design(grey_range="stretched"), practice=0))
    for shown in data_of(tmp_path / "pages" / key.raters[0].file)["trials"]:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["images"][0]))))
        assert (pixels.min(), pixels.max()) == (0, 255)


def test_images_on_both_sides_are_left_out_of_one_and_too_few_are_refused(tmp_path):
    real = pool("real", 30)
    same = pool("fake", 30)
    with pytest.raises(UsageError, match="all 30 images of fake are pixel-identical"):
        made(tmp_path, study(), real, [same])
    with pytest.raises(UsageError, match="a rater needs 20 fake images besides those of practice, but 9 are left"):
        made(tmp_path, study(trials=40, practice=2), pool("real", 80, seed=1), [pool("fake", 10, seed=2)])
    assert not (tmp_path / "pages").exists()


def test_names_of_sources_are_unique_and_not_reserved(tmp_path):
    with pytest.raises(UsageError, match="'real' is reserved"):
        made(tmp_path, study(), None, [pool("real", seed=2)])
    with pytest.raises(UsageError, match="'a' names two sources"):
        made(tmp_path, study(), None, [pool("a", seed=2), pool("a", seed=4)])
