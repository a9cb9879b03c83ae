"""Files of answers that do not belong to the key are refused in one sentence; rules exclude raters; reports escape."""

from __future__ import annotations

import json

import numpy as np
import pytest
from studies import design, made, pool, study, write_answers

from ganzoo.errors import DatasetError
from ganzoo.turing.answers import Answers, read_answers
from ganzoo.turing.design import Rules
from ganzoo.turing.report import report
from ganzoo.turing.results import results_of
from ganzoo.turing.rows import document_of
from ganzoo.turing.seal import checksum
from ganzoo.turing.simulated import simulated_answers, with_share


def always(trial, exposure_ms):
    return True


def never(trial, exposure_ms):
    return False


@pytest.fixture
def key(tmp_path):
    return made(tmp_path, study(raters=2))


def changed(key, **parts):
    """Answers with other content and a checksum that fits it, as a rater who programs could make them."""
    rater = key.raters[0]
    document = {**simulated_answers(key, rater, always), **parts}
    return {**document, "checksum": checksum(rater.salt, document)}


def refused(key, tmp_path, content, says):
    file = tmp_path / "given.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DatasetError, match=says) as found:
        read_answers([file], key)
    said = str(found.value)
    assert "\n" not in said
    assert "<script" not in said
    assert len(said) < 400


def test_what_a_page_saved_is_accepted(key, tmp_path):
    (answers, other) = read_answers(write_answers(tmp_path, key, always), key)
    assert (answers.rater, other.rater) == tuple(rater.code for rater in key.raters)
    assert answers.simulated


def test_one_changed_answer_without_a_new_checksum_is_refused(key, tmp_path):
    document = changed(key)
    first = document["trials"][0]
    first["answer"] = "real" if first["answer"] == "generated" else "generated"
    refused(key, tmp_path, document, "was altered: its checksum differs")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_files_are_refused(key, tmp_path, share):
    content = json.dumps(changed(key)).encode()
    refused(key, tmp_path, content[: int(share * len(content))], "is not a complete JSON file")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"study": "another"}, "answers of another study"),
        ({"rater": "003-beef"}, "a rater that the key does not know"),
        ({"protocol": "pairs"}, "its protocol is pairs, not single"),
        ({"version": 2}, "another version"),
        ({"format": "<script>alert(1)</script>"}, "is not a file of answers"),
        ({"trials": []}, "it has 0 answers, but the page has 10 trials"),
        ({"reloads": "<script>alert(1)</script>"}, "was altered: reloads"),
        ({"reloads": True}, "was altered: reloads"),
        ({"note": "<script>alert(1)</script>"}, "was altered: note"),
        ({"window": None}, "was altered: window"),
    ],
)  # fmt: skip
def test_foreign_and_impossible_content_is_refused_even_with_a_fitting_checksum(key, tmp_path, parts, says):
    refused(key, tmp_path, changed(key, **parts), says)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda trials: trials[::-1], "its trials are others, or in another order"),
        (lambda trials: trials[:-1], "it has 9 answers"),
        (lambda trials: [trials[0], *trials[:-1]], "its trials are others"),
        (lambda trials: [{**trials[0], "answer": "left"}, *trials[1:]], "an answer is neither real nor generated"),
        (lambda trials: [{**trials[0], "answer": "<b>"}, *trials[1:]], "was altered: trials.0.answer"),
        (lambda trials: [{**trials[0], "ms": -1}, *trials[1:]], "was altered: trials.0.ms"),
        (lambda trials: [{**trials[0], "ms": float("nan")}, *trials[1:]], "was altered: trials.0.ms"),
        (lambda trials: [{**trials[0], "exposure_ms": 50}, *trials[1:]], "its exposures are not those of the protocol"),
    ],
)  # fmt: skip
def test_other_trials_are_refused(key, tmp_path, edit, says):
    refused(key, tmp_path, changed(key, trials=edit(changed(key)["trials"])), says)


def test_a_staircase_that_does_not_follow_from_the_answers_is_refused(tmp_path):
    key = made(tmp_path, study("timed"))
    trials = changed(key)["trials"]
    trials[5]["exposure_ms"] = 400
    refused(key, tmp_path, changed(key, trials=trials), "its exposures are not those")


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 10_000, b'{"format": 1}', b"<html>"])
def test_other_files_are_refused(key, tmp_path, content):
    refused(key, tmp_path, content, "is not a (complete JSON file|file of answers)")


def test_a_rater_counts_once(key, tmp_path):
    first, _ = write_answers(tmp_path, key, always)
    copy = tmp_path / "copy.json"
    copy.write_bytes(first.read_bytes())
    with pytest.raises(DatasetError, match=r"copy.json and .* are both of the rater"):
        read_answers([first, copy], key)


def test_rules_exclude_raters_by_catch_trials_speed_and_one_key(tmp_path):
    rules = Rules(catch_right_share=0.8, fast_ms=500, fast_share=0.1, same_answer_share=0.9)
    key = made(tmp_path, study(raters=4, catch=4, rules=rules))
    documents = [simulated_answers(key, rater, always) for rater in key.raters]
    caught = simulated_answers(key, key.raters[1], lambda trial, _: trial.stage != "catch")
    fast = simulated_answers(key, key.raters[2], always)
    for each in fast["trials"][2:5]:
        each["ms"] = 499
    same = simulated_answers(key, key.raters[3], lambda trial, _: trial.truth == "generated")
    for rater, document in zip(key.raters, [documents[0], caught, fast, same], strict=True):
        document["checksum"] = checksum(rater.salt, document)
        (tmp_path / f"{rater.code}.json").write_text(json.dumps(document))
    results = results_of(key, read_answers([tmp_path / f"{rater.code}.json" for rater in key.raters], key))
    said = [" ".join(row.excluded) for row in results.raters]
    assert said[0] == ""
    assert said[1].startswith("catch trials: 0 of 4 right")
    assert said[2].startswith("too fast: 3 of 12 answers within 500 ms")
    assert said[3].startswith("one answer: 12 of 12 times generated")
    assert results.included == 1
    assert results.verdicts[0].share.count == 8
    assert [row.share.count for row in results.images] == [1] * 8


def test_the_counts_of_simgan_as_answer_files_give_its_result(tmp_path):
    """Ten raters; of 500 real images 224 are called real, of 500 refined 207, of 200 raw and real 162 are right."""
    key = made(
        tmp_path, study(raters=10, trials=100, raw_trials=20, practice=0),
        pool("real", 300, seed=1), [pool("refined", 300, seed=2)], pool("raw", 100, seed=3),
    )  # fmt: skip
    left = {("refined", "real"): 224, ("refined", "generated"): 293, ("raw", "real"): 90, ("raw", "generated"): 72}

    def right(trial, exposure_ms):
        left[trial.source, trial.truth] -= 1
        return left[trial.source, trial.truth] >= 0

    results = results_of(key, read_answers(write_answers(tmp_path, key, right), key))
    found = {each.source: each for each in results.verdicts}
    refined, raw = found["refined"], found["raw"]
    assert (refined.share.right, refined.share.count, raw.share.right, raw.share.count) == (517, 1000, 162, 200)
    assert refined.share.p_one_sided == pytest.approx(0.148, abs=0.0005)
    assert refined.detection.d_prime == pytest.approx(0.087, abs=0.001)
    page = report(results)
    for text in ("517 of 1000", "51.7 % (48.6 to 54.8 %)", "0.148", "0.297", "81.0 % (74.9 to 86.2 %)",
                 "not significant is not indistinguishable", "41.4 % (207 of 500)", "SIMULATED"):  # fmt: skip
        assert text in page, text


def test_500_simulated_sessions_of_guessing_cover_one_half_in_about_95_percent(tmp_path):
    key = made(tmp_path, study(trials=100, practice=0), pool("real", 120, seed=1), [pool("fake", 120, seed=2)])
    random = np.random.default_rng(3)
    covered, right = 0, 0
    for _ in range(500):
        document = simulated_answers(key, key.raters[0], with_share(0.5, random))
        verdict = results_of(key, [Answers.model_validate(document)]).verdicts[0]
        low, high = verdict.share.interval
        covered += low <= 0.5 <= high
        right += verdict.share.right
    assert 0.94 <= covered / 500 <= 0.99  # exact intervals of 100 answers cover 96.5 %
    assert right / 50_000 == pytest.approx(0.5, abs=0.01)


def test_half_right_by_guessing_is_near_one_half_and_the_report_says_simulated_everywhere(tmp_path):
    key = made(tmp_path, study("pairs", raters=6, trials=12, null=True, twin=True), pool("real", 200, seed=1))
    guess = with_share(0.5, np.random.default_rng(0))
    results = results_of(key, read_answers(write_answers(tmp_path, key, guess), key))
    judges = [(each.source, each.judge) for each in results.verdicts]
    assert set(judges) == {(a, b) for a in ("fake", "null") for b in ("people", "linear", "knn", "network")}
    assert abs(results.verdicts[0].share.value - 0.5) < 0.2
    document = document_of(results)
    names = {score["name"] for source in document["sources"] for score in source["scores"]}
    assert not any(name.startswith("human") for name in names)
    assert {"simulated_error_rate", "simulated_d_prime", "machine_accuracy[linear]"} <= names
    page = report(results)
    assert "people" not in page.split("How it is computed")[0].replace("nothing about people", "")


def test_classifiers_find_what_differs_and_nothing_between_real_and_real(tmp_path):
    key = made(tmp_path, study(trials=40, twin=True), pool("real", 240, seed=1), [pool("fake", 240, seed=2, mean=150)])
    results = results_of(key, read_answers(write_answers(tmp_path, key, never), key))
    shares = {(each.source, each.judge): each.share for each in results.verdicts}
    assert all(shares["fake", name].value > 0.8 for name in ("linear", "network"))
    assert all(shares["null", name].p_one_sided > 0.001 for name in ("linear", "knn", "network"))


def test_images_of_the_classifiers_are_those_of_the_trials_and_others_taught_them(tmp_path):
    key = made(tmp_path, study(raters=2, trials=20, twin=True), pool("real", 120, seed=1), [pool("fake", 120, seed=2)])
    shown = {image.name for rater in key.raters for trial in rater.trials if trial.stage == "test"
             for image in trial.images}  # fmt: skip
    judged = {name for each in key.twin if each.source == "fake" for name in each.scores}
    assert judged == shown
    assert {each.trained_on for each in key.twin if each.source == "fake"} <= {118, 119, 120}


def test_names_from_files_are_escaped_in_the_report(tmp_path):
    odd = pool("a", seed=2)
    odd = type(odd)("<script>alert(1)</script>", odd.images, None, {"path": "<img src=x onerror=alert(2)>"})
    key = made(tmp_path, study(design_=design()), None, [odd])
    page = report(results_of(key, read_answers(write_answers(tmp_path, key, always), key)))
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
