"""report.html: complete in one file, escaped, readable and usable in a real browser."""

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
from benchmark.records import failure, record, results_of, score
from PIL import Image
from turing.browser import Session, started

from ganzoo.benchmark import page_cells
from ganzoo.benchmark.page import report
from ganzoo.benchmark.rows import comparisons

NASTY = '<script>document.title="broken"</script>"&\''
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def page(tmp_path):
    """A report of two methods, one with a hostile name, and its folder."""
    records = []
    for number, label in enumerate(("simgan", NASTY)):
        for seed in (0, 1, 2):
            scores = [score("fid[x]", 9.0 + number + seed), score("e", 5.0 - number + 0.1 * seed**2)]
            bins = [{"low": 5.0 * n, "high": 5.0 * n + 5, "value": 3.0 + n + number, "count": 50} for n in range(4)]
            scores.append(score("f", 4.0, profiles={"true yaw (deg)": bins}))
            scores += [score(f"a_long_score_name_{n}", 123.4, low=100.0, high=150.0, reason=NASTY) for n in range(6)]
            records.append(record(label, seed, scores, settings={"note": NASTY}, cell=f"c{number}{seed}"))
        run = tmp_path / "cells" / f"c{number}0" / "run"
        (run / "samples").mkdir(parents=True)
        Image.fromarray(np.full((120, 1400), 90, np.uint8)).save(run / "samples" / "last.png")
        Image.fromarray(np.full((300, 900), 190, np.uint8)).save(run / "curves.png")
    found = comparisons(results_of(*records), "source-only", [], [])
    text = report(found, tmp_path, title="A bench", summary="Two rows.", planes=[("fid[x]", "e"), ("absent", "e")])
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


def chromium(tmp_path, *arguments):
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_loads_nothing_from_elsewhere_and_runs_only_its_own_script(page):
    text = page.read_text()
    tags = Tags()
    tags.feed(text)
    kinds = [tag for tag, _ in tags.found]
    assert "img" in kinds
    assert kinds.count("script") == 1
    assert not set(kinds) & {"link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in tags.found:
        for name, value in attributes.items():
            assert name not in ("href", "srcset", "onload", "onerror", "style")
            if name == "src":
                assert value.startswith("data:image/")
    script = re.search("<script>(.*)</script>", text, re.DOTALL).group(1)
    assert script == (files("ganzoo.report") / "page_files" / "report.js").read_text()
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{allowed}'" in policy
    assert "connect" not in script
    assert "http" not in script


def test_everything_a_reader_needs_is_on_it(page):
    text = page.read_text()
    for words in ("Two rows.", "Realism and preservation", "On the Pareto front: ", "Samples", "Loss curves",
                  "Settings and environment", "Where the errors are", "in bins of true yaw (deg)"):  # fmt: skip
        assert words in text
    assert text.count("data:image/png") == 4
    assert text.count("data:image/svg+xml") == 2


def test_names_from_files_are_shown_as_they_are_by_a_real_browser(page, tmp_path):
    seen = chromium(tmp_path, "--dump-dom", page.as_uri())
    assert "<title>A bench</title>" in seen
    assert seen.count("<script>") == 1  # ours
    assert "&lt;script&gt;" in seen


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_as_wide_as_the_screen(page, tmp_path, width):
    """Long tables and sheets scroll inside the page; the page itself does not scroll sideways."""
    # Headless windows are never narrower than about 500 pixels, so a frame of the wanted width holds the page.
    measured = tmp_path / "frame.html"
    body = page.read_text().replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    (tmp_path / "inner.html").write_text(body.replace("</body>", f"{probe}</body>"))
    measured.write_text(
        f'<iframe src="inner.html" style="width:{width}px;height:2000px;border:0" '
        'onload="document.body.dataset.width = this.contentDocument.title"></iframe>'
    )
    seen = chromium(tmp_path, "--allow-file-access-from-files", "--window-size=1400,2000", "--virtual-time-budget=5000",
                    "--dump-dom", measured.as_uri())  # fmt: skip
    assert re.search(r'data-width="(\d+)"', seen).group(1) == str(width)


def test_a_screenshot_is_not_empty(page, tmp_path):
    shot = tmp_path / "shot.png"
    chromium(tmp_path, "--window-size=1280,1600", f"--screenshot={shot}", page.as_uri())
    pixels = np.asarray(Image.open(shot).convert("L"))
    assert pixels.shape == (1600, 1280)
    assert pixels.std() > 10


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    yield from started(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def half(tmp_path):
    """The report of a bench of which 4 of 9 cells finished and one failed."""
    records = [record("gan", seed, [score("e", value, low=1, high=9)], settings={"method": {"lr": seed}})
               for seed, value in ((0, 10.0), (1, 12.0))]  # fmt: skip
    records += [record("wgan", 0, [score("e", 9.5)]), record("aae", 0, [score("fid", 1000.0)])]
    records.append(failure("wgan", 1, "loss is NaN"))
    for name, grey in (("gan-0-1-h", 60), ("gan-1-1-h", 120), ("wgan-0-1-h", 200)):
        run = tmp_path / "cells" / name / "run"
        (run / "samples").mkdir(parents=True)
        Image.fromarray(np.full((60, 300), grey, np.uint8)).save(run / "samples" / "last.png")
    found = comparisons(results_of(*records), "source-only", ["gan", "wgan", "aae"], [])
    asked = [(label, "toy", seed) for label in ("gan", "wgan", "aae", "vae") for seed in (0, 1, 2)]
    file = tmp_path / "report.html"
    file.write_text(report(found, tmp_path, title="Half", summary="", planes=[], asked=asked), encoding="utf-8")
    return file


ROWS = """
    return [...document.querySelectorAll('table.results tbody tr')]
        .filter(row => !row.hidden).map(row => row.cells[0].innerText.split(" ")[0])"""
HEADS = """
    return [...document.querySelectorAll('table.results th')]
        .filter(head => head.checkVisibility()).map(head => head.innerText)"""
SHOWN = """
    return [...document.querySelectorAll('article')]
        .filter(each => each.checkVisibility()).map(each => each.querySelector('h4').innerText)"""
TEXT = "return [...document.querySelectorAll('article')].find(each => each.checkVisibility()).innerText"
MATRIX = "return [...document.querySelectorAll('.matrix tbody tr')].map(r => [...r.cells].map(c => c.innerText))"


def press(session, selector, text):
    """Click the button with this text, as a finger or a mouse does: it must be where it is seen."""
    found = [each for each in session.driver.find_elements("css selector", selector) if each.text == text]
    assert len(found) == 1, [each.text for each in session.driver.find_elements("css selector", selector)]
    found[0].click()


@pytest.mark.parametrize("width", [1280, 390])
def test_rows_are_sorted_by_number_and_filtered_and_columns_hidden(half, driver, width):
    session = Session(driver, half, width, 900)
    assert session.js(ROWS) == ["gan", "wgan", "aae"]
    head = "table.results thead button"
    press(session, head, "e (deg) ↓")
    assert session.js(ROWS) == ["wgan", "gan", "aae"]  # 9.5 before 11, and no value comes last
    press(session, head, "e (deg) ↓")
    assert session.js(ROWS) == ["gan", "wgan", "aae"]
    press(session, head, "e (deg) ↓")
    press(session, head, "method")
    assert session.js(ROWS) == ["aae", "gan", "wgan"]

    field = driver.find_element("css selector", "input[type=search]")
    field.send_keys("gan 9.5")
    assert session.js(ROWS) == ["wgan"]
    assert "1 of 3 rows" in session.js("return document.querySelector('.tools').innerText")

    driver.find_element("css selector", ".tools summary").click()
    boxes = driver.find_elements("css selector", ".tools .choices label")
    next(each for each in boxes if each.text.startswith("e (deg)")).click()
    heads = session.js(HEADS)
    assert "e (deg) ↓" not in heads
    assert "fid (deg) ↓" in heads


@pytest.mark.parametrize("width", [1280, 390])
def test_a_cell_is_picked_and_shows_its_samples_scores_and_settings(half, driver, width):
    session = Session(driver, half, width, 900)
    assert session.js("return document.documentElement.scrollWidth <= window.innerWidth")
    assert session.js(SHOWN) == ["gan, seed 0", "wgan, seed 0", "aae, seed 0"]
    session.js("document.querySelector('.matrix tr[data-row=\"0\"]').cells[2].querySelector('button').click()")
    assert session.js(SHOWN) == ["gan, seed 1"]
    seen = session.js(TEXT)
    assert "12 [1, 9]" in seen
    assert "lr = 1" in seen
    pixel = """
        const image = [...document.querySelectorAll('article img')].find(each => each.checkVisibility());
        const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        return context.getImageData(5, 5, 1, 1).data[0]"""
    assert session.js(pixel) == 120  # the sheet of this cell
    press(session, ".matrix button", "seed 1")
    assert session.js(SHOWN) == ["gan, seed 1", "wgan, seed 1"]
    press(session, "table.results tbody button", "gan")
    assert session.js(SHOWN) == ["gan, seed 0", "gan, seed 1"]
    press(session, ".matrix button", "failed")
    assert "loss is NaN" in session.js(TEXT)
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_cells_without_a_result_are_waiting(half, driver):
    session = Session(driver, half)
    lines = session.js(MATRIX)
    assert lines == [
        ["gan", "done", "done", "waiting"],
        ["wgan", "done", "failed", "waiting"],
        ["aae", "done", "waiting", "waiting"],
        ["vae", "waiting", "waiting", "waiting"],
    ]


def test_a_method_that_declined_its_data_says_why(tmp_path, driver):
    documents = [record("gan", 0, [score("e", 1.0)]), {**failure("cyclegan", 0, "it reads images"), "declined": True}]
    found = comparisons(results_of(*documents), "source-only", [], [])
    text = report(found, tmp_path, title="D", summary="", planes=[], asked=[("gan", "toy", 0), ("cyclegan", "toy", 0)])
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    session = Session(driver, tmp_path / "report.html", 390, 900)
    assert sorted(session.js(MATRIX)) == [["cyclegan", "declined"], ["gan", "done"]]
    press(session, ".matrix button", "declined")
    assert "not run: it reads images" in session.js(TEXT)


def test_light_and_dark_follow_the_browser(half, driver):
    session = Session(driver, half)
    grounds = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        ground = "return getComputedStyle(document.querySelector('table.results td')).backgroundColor"
        grounds.append(sum(int(each) for each in re.findall(r"\d+", session.js(ground))[:3]) / 3)
    assert grounds[0] > 240
    assert grounds[1] < 40


def test_a_page_that_would_be_too_large_has_the_pictures_of_the_first_seed(half, tmp_path, monkeypatch):
    monkeypatch.setattr(page_cells, "LARGEST_PAGE", 10)
    records = [record("gan", seed, [score("e", 1.0 + seed)]) for seed in (0, 1)]
    found = comparisons(results_of(*records), "source-only", [], [])
    text = report(found, tmp_path, title="Large", summary="", planes=[])
    assert text.count("data:image/png") == 1
    assert "Its pictures are in the run folder" in text
