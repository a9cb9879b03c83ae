"""Complete sessions of scripted raters in a real browser."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest
from browser import KEYS, Session, started
from PIL import Image
from studies import design, made, pool, study

from ganzoo.turing.answers import read_answers
from ganzoo.turing.results import results_of


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    yield from started(tmp_path_factory.mktemp("profile"))


def page_of(folder, key, number=0):
    return folder / "pages" / key.raters[number].file


def side_of(rater, trial):
    """Where the right answer is."""
    if trial.truth in KEYS:
        return trial.truth
    other = {"left": "right", "right": "left"}[rater.real_side]
    return rater.real_side if trial.truth == "real" else other


def saved(folder, document):
    file = folder / "answers.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def requests_of(driver):
    """Addresses of everything that the pages asked for."""
    events = (json.loads(each["message"])["message"] for each in driver.get_log("performance"))
    return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]


def test_a_session_by_keyboard_with_wrong_keys_early_keys_a_pause_and_reloads_and_its_download(driver, tmp_path):
    key = made(tmp_path, study(catch=1, raw_trials=0, design_=design(fixation_ms=120)))
    rater, page = key.raters[0], page_of(tmp_path, key)
    driver.get_log("performance")
    session = Session(driver, page)
    assert session.visible("welcome")
    assert "No name" in session.text("welcome")
    session.press("f")  # before the start: nothing
    session.click("start")
    early = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'f'}))"  # in one go with the look at the state
    session.until(f"running && !running.accepts && {early} && {early}")
    place = 0
    while session.ready():
        if place == 1:
            for wrong in ("x", "g", "1"):
                session.press(wrong)
            assert session.js("return state.answers.length") == 1
        if place == 4:
            driver.refresh()  # in the middle of a trial
            assert session.text("break").startswith("Welcome back")
            assert "4 of 11 are answered" in session.text("reason")
            assert session.ready()
        if place == 6:
            session.press("Escape")
            session.until("!byId('break').hidden")
            assert session.ready()
        session.press(KEYS[side_of(rater, rater.trials[place])])
        place += 1
        session.until(f"state.answers.length === {place}")
        if place <= 2:
            assert session.text("feedback").startswith("Correct. It is ")
        else:
            assert session.text("feedback") == ""
    assert place == len(rater.trials) == 11
    driver.refresh()  # after the end: the answers are still there
    assert session.visible("done")
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    session.click("download")
    file = downloads / f"answers-{key.study}-{rater.code}.json"
    end = time.monotonic() + 10
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert json.loads(file.read_text(encoding="utf-8")) == session.answers()
    (answers,) = read_answers([file], key)
    assert answers.trials[0].early == 2
    assert [each.views for each in answers.trials] == [1] * 4 + [2, 1, 2] + [1] * 4
    assert (answers.reloads, answers.pauses, answers.simulated) == (1, 1, False)
    results = results_of(key, [answers])
    assert results.raters[0].shares["fake"].value == 1
    assert results.raters[0].again == 2
    asked = requests_of(driver)
    assert page.as_uri() in asked
    own = ("file:", "blob:", "data:", "chrome:", "chrome-untrusted:")  # chrome is the browser's own first tab
    others = [address for address in asked if not address.startswith(own)]
    assert others == []
    session.js("document.querySelector('#done .delete').click()")
    driver.refresh()
    assert session.visible("welcome")


def test_pairs_on_a_phone_by_touch_vanish_after_their_exposure(driver, tmp_path):
    key = made(tmp_path, study("pairs", trials=4, catch=1, design_=design("pairs", exposure_ms=60, mask_ms=30)))
    rater = key.raters[0]
    session = Session(driver, page_of(tmp_path, key), 360, 640)
    session.resize(360, 640, mobile=True)
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    session.click("start")
    place = 0
    while session.ready():
        for name in ("left", "right", "pause", "stage"):
            box = session.js(f"return byId('{name}').getBoundingClientRect().toJSON()")
            assert box["left"] >= 0
            assert box["right"] <= 360
            assert box["bottom"] <= 640
        assert session.js("return document.documentElement.scrollWidth") <= 360
        if place > 2:
            session.until("!byId('answer-now').hidden")
            assert not session.js("return byId('images').classList.contains('shown')")
        session.touch(side_of(rater, rater.trials[place]))
        place += 1
        session.until(f"state.answers.length === {place}")
        if place <= 2:
            assert "The real image is on the " in session.text("feedback")
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    (answers,) = read_answers([saved(tmp_path, session.answers())], key)
    assert answers.window.width == 360
    assert all(50 <= each.shown_ms <= 400 for each in answers.trials[3:])
    assert results_of(key, [answers]).raters[0].shares["fake"].value == 1


def test_timed_shortens_after_right_and_lengthens_after_wrong_answers(driver, tmp_path):
    key = made(tmp_path, study("timed", trials=6))
    rater = key.raters[0]
    session = Session(driver, page_of(tmp_path, key))
    session.click("start")
    right = [True, False, True, True, False, False, True, True]
    place = 0
    while session.ready():
        side = side_of(rater, rater.trials[place])
        session.press(KEYS[side if right[place] else {"left": "right", "right": "left"}[side]])
        place += 1
        session.until(f"state.answers.length === {place}")
    (answers,) = read_answers([saved(tmp_path, session.answers())], key)
    assert [each.exposure_ms for each in answers.trials] == [500, 500, 500, 490, 480, 510, 540, 530]
    results = results_of(key, [answers])
    assert results.raters[0].shares["fake"].right == 4
    assert "too fast" in results.raters[0].excluded[0]  # a script answers within 200 ms


def test_the_dom_is_the_same_for_real_and_generated_images(driver, tmp_path):
    key = made(tmp_path, study(practice=0, trials=6))
    session = Session(driver, page_of(tmp_path, key))
    session.click("start")
    seen, focus = {}, set()
    for trial in key.raters[0].trials:
        session.ready()
        page = session.js("return document.body.outerHTML.replace(document.getElementById('data').outerHTML, '')")
        page = re.sub(r'\d of 6|value="\d"', "", page)
        seen.setdefault(trial.truth, set()).add(page)
        focus.add(session.js("return document.activeElement.id"))
        assert trial.id not in page
        session.press("f")
    assert seen["real"] == seen["generated"]
    assert len(seen["real"]) == len(focus) == 1


def test_controls_have_names_and_a_reader_hears_the_progress(driver, tmp_path):
    key = made(tmp_path, study("pairs", trials=2, practice=0))
    session = Session(driver, page_of(tmp_path, key))
    assert session.js("return document.documentElement.lang") == "en"
    session.click("start")
    session.ready()
    tree = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = {(node["role"]["value"], node["name"]["value"]) for node in tree if node.get("name", {}).get("value")}
    assert {("image", "Left image to judge"), ("image", "Right image to judge")} <= names
    assert ("progressbar", "Progress") in {(role.lower(), name) for role, name in names}
    assert {"Left is real", "Right is real"} <= {name.removesuffix("F").removesuffix("J").strip()
                                                 for role, name in names if role == "button"}  # fmt: skip
    assert session.js("return byId('feedback').getAttribute('role')") == "status"


def test_the_browser_refuses_every_connection(driver, tmp_path):
    key = made(tmp_path, study(practice=0))
    driver.get_log("browser")
    session = Session(driver, page_of(tmp_path, key))
    session.js("fetch('http://127.0.0.1:9/').catch(() => { window.refused = true; })")
    session.js("new Image().src = 'http://127.0.0.1:9/a.png'")
    session.until("window.refused")
    said = " ".join(each["message"] for each in driver.get_log("browser"))
    assert said.count("Content Security Policy") >= 2


def test_the_page_decodes_and_enlarges_as_pillow_does(driver, tmp_path):
    real = pool("real", shape=(3, 9, 13), seed=1)
    key = made(tmp_path, study(practice=0), real, [pool("fake", shape=(3, 9, 13), seed=2)])
    shown = key.raters[0].trials[0].images[0]
    pixels = {"real": real, "fake": pool("fake", shape=(3, 9, 13), seed=2)}[shown.pool].images[shown.row]
    session = Session(driver, page_of(tmp_path, key))
    read = session.js("return Array.from(decoded(DATA.trials[0].images[0]).data)")
    image = pixels.transpose(1, 2, 0)
    assert (np.array(read).reshape(image.shape) == image).all()
    for how, rule in (("bicubic", Image.Resampling.BICUBIC), ("nearest", Image.Resampling.NEAREST)):
        script = f"return Array.from(enlarged(decoded(DATA.trials[0].images[0]), 4, '{how}').data)"
        large = np.array(session.js(script)).reshape(36, 52, 4)[..., :3]
        wanted = np.asarray(Image.fromarray(image).resize((52, 36), rule)).astype(int)
        inside = (slice(8, -8), slice(8, -8))  # at the edge Pillow leaves out what is outside
        assert np.abs(large - wanted)[inside].max() <= 2
