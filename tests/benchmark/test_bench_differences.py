"""Two benches side by side: differences, their intervals, and none where cards are unlike."""

import re

import pytest
from benchmark.records import CARD, record, results_of, score
from scipy import stats
from turing.browser import Session, started

from ganzoo.benchmark.differences import differences, unlike_keys
from ganzoo.benchmark.differences_page import comparison_page
from ganzoo.benchmark.rows import comparisons

LINES = "return [...document.querySelectorAll('tbody tr')].map(r => [r.cells[0].innerText, r.cells[4].innerText])"
FIRST, SECOND = {0: 5.0, 1: 7.0, 2: 6.0, 3: 6.5}, {0: 4.0, 1: 6.5, 2: 5.8, 4: 1.0}


def bench(values, **more):
    records = [record("gan", seed, [score("e", value)], **more) for seed, value in values.items()]
    return comparisons(results_of(*records), "source-only", [], [])


def test_the_difference_is_that_of_the_seeds_of_both_with_scipys_interval_and_p():
    (table,) = differences(bench(FIRST), bench(SECOND))
    (found,) = table.rows[0].scores
    pairs = [(FIRST[seed], SECOND[seed]) for seed in (0, 1, 2)]
    test = stats.ttest_rel([b for _, b in pairs], [a for a, _ in pairs])
    interval = test.confidence_interval(0.95)
    assert found.seeds == 3
    assert found.difference == pytest.approx(-1.7 / 3)
    assert found.p == pytest.approx(test.pvalue)
    assert (interval.high - interval.low) / 2 == pytest.approx(found.half)


def test_there_is_no_difference_where_cards_are_unlike_and_the_page_says_what_differs():
    other = bench(SECOND, cards={"c": {**CARD, "extractor": "inception"}})
    page, (table,) = comparison_page(bench(FIRST), other, ("one", "two"))
    (found,) = table.rows[0].scores
    assert (found.difference, found.half, found.p) == (None, None, None)
    assert found.cards == ["extractor: pixels → inception"]
    cells = re.findall("<td>(.*?)</td>", page)
    assert cells[4:8] == ["", "", "", "extractor: pixels → inception"]
    assert cells[2].startswith("6.12 ±")


def test_seeds_of_a_card_do_not_make_it_unlike():
    first = bench({0: 5.0}, cards={"c": {**CARD, "network_seed": 3}})
    (table,) = differences(first, bench({0: 4.0}))
    assert table.rows[0].scores[0].difference == -1.0
    assert table.rows[0].scores[0].half is None


def test_settings_and_code_that_differ_are_named():
    first = bench(FIRST, code="1", settings={"train": {"precision": "fp32", "seed": 0}})
    second = bench(SECOND, code="2", settings_hash="i", settings={"train": {"precision": "bf16", "seed": 1}})
    (table,) = differences(first, second)
    assert table.rows[0].settings == ["code: 1 → 2", "train.precision: fp32 → bf16"]


def test_rows_of_one_label_are_paired_by_their_settings_and_others_are_alone():
    two = [record("gan", 0, [score("e", value)], settings_hash=name) for value, name in ((1.0, "h"), (2.0, "i"))]
    first = comparisons(results_of(*two), "source-only", [], [])
    second = comparisons(
        results_of(record("gan", 0, [score("e", 5.0)], settings_hash="i"), record("aae", 0, [score("e", 1.0)])),
        "source-only", [], [],
    )  # fmt: skip
    (table,) = differences(first, second)
    assert [row.name for row in table.rows] == ["gan #i"]
    assert table.rows[0].scores[0].difference == 3.0
    assert table.alone == (["gan #h"], ["aae"])


def test_benches_without_a_common_dataset_say_so():
    page, found = comparison_page(bench(FIRST), bench(FIRST, dataset="other"), ("one", "two"))
    assert found == []
    assert "The benches have no dataset in common." in page
    assert "Datasets only in B: other." in page


def test_many_differences_are_counted():
    first, second = {str(n): n for n in range(9)}, {str(n): n + 1 for n in range(9)}
    found = unlike_keys({"a": first}, {"a": second})
    assert found[0] == "a.0: 0 → 1"
    assert found[-1] == "and 3 more"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_sorted_by_the_difference_in_a_real_browser(tmp_path, width):
    def three(values):
        records = [record(name, 0, [score("e", value)]) for name, value in zip("abc", values, strict=True)]
        return comparisons(results_of(*records), "source-only", [], [])

    page, _ = comparison_page(three([5, 5, 5]), three([7, 5.5, 1]), ("<b>one</b>", "two"))
    (tmp_path / "comparison.html").write_text(page, encoding="utf-8")
    browser = started(tmp_path / "profile")
    session = Session(next(browser), tmp_path / "comparison.html", width, 900)
    assert session.js("return document.documentElement.scrollWidth <= window.innerWidth")
    session.js("[...document.querySelectorAll('th button')].find(b => b.innerText == 'B − A').click()")
    seen = session.js(LINES)
    assert seen == [["c", "-4"], ["b", "+0.5"], ["a", "+2"]]
    assert "<b>one</b>" in session.js("return document.body.innerText")
    browser.close()
