"""report.html: complete in one file, escaped, and readable in a real browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from benchmark.records import record, results_of, score
from PIL import Image

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


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing(page):
    tags = Tags()
    tags.feed(page.read_text())
    kinds = {tag for tag, _ in tags.found}
    assert "img" in kinds
    assert not kinds & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in tags.found:
        for name, value in attributes.items():
            assert name not in ("href", "srcset", "onload", "onerror", "style")
            if name == "src":
                assert value.startswith("data:image/")
    assert "default-src 'none'" in page.read_text()


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
    assert "<script>" not in seen
    assert "&lt;script&gt;" in seen
    assert seen.count("</tr>") == 3


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
