import csv
import io
import json

import pytest
from benchmark.records import failure, record, results_of, score
from rich.console import Console

from ganzoo.benchmark.notes import notes
from ganzoo.benchmark.rows import comparable_card, comparisons
from ganzoo.benchmark.statistics import mean_interval
from ganzoo.benchmark.table import csv_lines, json_text, markdown, rich_table, tex

ERRORS = {"source-only": [7.0, 7.4, 7.1], "good": [5.0, 5.5, 5.05], "middle": [6.1, 6.4, 6.3], "noise": [9.0, 4.0, 8.0]}


def compare(records, failures=(), labels=("source-only",)):
    return comparisons(results_of(*records, *failures), "source-only", labels, ["toy"])[0]


def suite_of(errors=ERRORS, **more):
    return [
        record(label, seed, [score("e", value)], **more)
        for label, values in errors.items()
        for seed, value in enumerate(values)
    ]


def estimates(comparison, name="e"):
    return {row.shown: row.scores[name][0] for row in comparison.rows if row.scores[name]}


def test_a_row_is_the_mean_over_its_seeds():
    found = estimates(compare(suite_of()))
    assert found["good"].mean == pytest.approx(5.18333, abs=1e-4)
    assert found["good"].values == {0: 5.0, 1: 5.5, 2: 5.05}


def test_the_difference_from_the_reference_is_paired_by_seed():
    found = estimates(compare(suite_of()))["good"]
    mean, half = mean_interval([5.0 - 7.0, 5.5 - 7.4, 5.05 - 7.1])
    assert (found.difference, found.difference_half) == pytest.approx((mean, half))


def test_only_what_differs_by_more_than_chance_is_starred_and_called_the_best():
    found = estimates(compare(suite_of()))
    assert found["good"].significant
    assert found["middle"].significant
    assert not found["noise"].significant
    assert found["source-only"].p is None
    assert not any(one.best for one in found.values())  # "good" does not beat "noise" by more than chance
    without = estimates(compare(suite_of({key: ERRORS[key] for key in ("source-only", "good", "middle")})))
    assert [name for name, one in without.items() if one.best] == ["good"]


def test_the_test_against_the_reference_is_corrected_for_the_number_of_rows():
    alone = estimates(compare(suite_of({key: ERRORS[key] for key in ("source-only", "middle")})))["middle"].p
    among = estimates(compare(suite_of({key: ERRORS[key] for key in ("source-only", "middle", "noise")})))["middle"].p
    assert among == pytest.approx(2 * alone)


@pytest.mark.parametrize("mark", [{"oracle": True}, {"role": "floor"}])
def test_an_oracle_and_a_floor_are_never_the_best(mark):
    records = suite_of({key: ERRORS[key] for key in ("source-only", "middle")})
    records += suite_of({"good": ERRORS["good"]}, **mark)
    found = estimates(compare(records))
    assert [name for name, one in found.items() if one.best] == ["middle"]


def test_a_rival_measured_by_the_metric_is_a_row_and_the_reference():
    records = [
        record("good", seed, [score("e", value), score("e", rival, "source-only"), score("e", 9.0, "constant")])
        for seed, (value, rival) in enumerate(zip(ERRORS["good"], ERRORS["source-only"], strict=True))
    ]
    comparison = compare(records)
    assert [(row.shown, row.rival) for row in comparison.rows] == [
        ("constant", True), ("source-only", True), ("good", False)
    ]  # fmt: skip
    found = estimates(comparison)
    assert found["good"].significant
    assert found["good"].best


def test_values_with_different_cards_are_neither_averaged_nor_compared():
    other = {"c": {"extractor": "inception"}}
    records = suite_of({"source-only": ERRORS["source-only"]}) + suite_of({"good": ERRORS["good"]}, cards=other)
    comparison = compare(records)
    assert estimates(comparison)["good"].p is None
    assert not estimates(comparison)["good"].best
    text = markdown([comparison], "t")
    assert "7.17 ± 0.517 (a)" in text
    assert "5.18 ± 0.684 (b)" in text
    assert "were measured differently" in text


def test_one_row_with_two_cards_shows_both():
    first, second = suite_of({"good": [5.0, 6.0]})
    second["cards"] = {"c": {"extractor": "inception"}}
    row = compare([first, second]).rows[0]
    assert [one.mean for one in row.scores["e"]] == [5.0, 6.0]


def test_seeds_alone_do_not_make_cards_differ():
    assert comparable_card({"a": [{"network_seed": 1, "b": 2}], "network_seed": 3}, ["network_seed"]) == {
        "a": [{"b": 2}]
    }
    assert len(compare(suite_of()).rows[0].scores["e"]) == 1


def test_rows_of_other_code_and_settings_are_kept_apart():
    records = suite_of() + suite_of({"good": [1.0, 1.1, 1.2]}, code="2")
    records += suite_of({"middle": [1.0, 1.1, 1.2]}, settings_hash="k")
    comparison = compare(records)
    assert {"good @1", "good @2", "middle #h", "middle #k"} <= {row.shown for row in comparison.rows}
    assert estimates(comparison)["good @2"].p is None
    assert any("different code" in note for note in notes(comparison))


def test_a_method_that_failed_in_every_seed_stands_in_the_table_with_the_reason():
    comparison = compare(suite_of(), [failure("bad", 0, "it diverged"), failure("bad", 1, "it diverged")])
    text = markdown([comparison], "t")
    assert "| bad (failed in 2 of 2 seeds) |  |" in text
    assert "bad failed in every seed: it diverged" in text


def test_one_failed_seed_is_said_and_the_others_count():
    comparison = compare(suite_of({"good": [5.0, 6.0]}), [failure("good", 2, "no memory")])
    assert [row.shown for row in comparison.rows] == ["good"]
    assert "good failed in seed 2: no memory" in notes(comparison)
    assert estimates(comparison)["good"].mean == 5.5


def test_what_could_not_be_measured_is_said_once():
    records = [record("a", seed, [score("fid[x]", None, reason="no weights"), score("e", 1.0)]) for seed in (0, 1)]
    assert notes(compare(records)).count("fid[x]: not measured: no weights") == 1


def test_one_seed_is_said_to_have_no_interval():
    assert any("One seed" in note for note in notes(compare(suite_of({"good": [5.0]}))))


def test_marks_stand_in_every_format():
    records = suite_of() + suite_of({"top": [1.0, 1.2, 1.1]}, oracle=True) + suite_of({"id": [8, 8.1, 8]}, role="floor")
    comparison = compare(records)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rich_table(comparison, "t", width=200))
    for text in (console.export_text(), markdown([comparison], "t")):
        assert "top †" in text
        assert "id ‡" in text
    assert r"top \textdagger{}" in tex([comparison], "t")


def test_a_narrow_terminal_gets_the_columns_one_below_the_other_and_whole():
    scores = [score(f"quite_a_long_name_{number}", 123.456) for number in range(8)]
    comparison = compare([record("good", 0, scores)])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(rich_table(comparison, "t", width=80))
    text = console.export_text()
    for number in range(8):
        assert f"quite_a_long_name_{number} (deg) ↓" in text
    assert text.count("good") > 1
    assert max(map(len, text.splitlines())) <= 80


def of_spending(label, **spent):
    """One seed of a method with the settings that say what an update draws."""
    return record(label, 0, [score("e", 1.0)], settings={"train": {"batch_size": 10}}, **spent)


def test_steps_updates_and_draws_stand_in_every_format():
    comparison = compare([of_spending("two-phases", step=1_500, images_drawn=30_000)])
    assert "| two-phases | 1 | 1,500 | 3,000 | 30,000 |" in markdown([comparison], "t")
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rich_table(comparison, "t", width=200))
    line = next(line for line in console.export_text().splitlines() if "two-phases" in line)
    assert line.split() == ["two-phases", "1", "1,500", "3,000", "30,000", "2"]
    assert "two-phases & 1 & 1,500 & 3,000 & 30,000 & 2" in tex([comparison], "t")
    (line,) = csv.DictReader(io.StringIO(csv_lines([comparison])))
    assert [float(line[key]) for key in ("steps", "updates", "images_drawn")] == [1_500, 3_000, 30_000]
    (row,) = json.loads(json_text([comparison], "t"))["comparisons"][0]["rows"]
    assert [row[key] for key in ("steps", "updates", "images_drawn")] == [1_500, 3_000, 30_000]


def test_rows_whose_steps_have_more_updates_than_those_of_others_are_named():
    seven = of_spending("seven", step=10, images_drawn=700)
    said = notes(compare([seven, of_spending("one", step=70, images_drawn=700)]))
    assert any("Updates in a step: one 1, seven 7." in note for note in said)
    assert not any("Updates in a step" in note for note in notes(compare([seven])))


def test_a_budget_of_seconds_is_said_to_have_become_steps():
    said = notes(compare([of_spending("timed", step=10, images_drawn=100, budget_seconds=60), of_spending("other")]))
    assert any(note.startswith("The budget of timed is 60 s of training") for note in said)


def test_a_record_that_does_not_say_what_an_update_draws_has_no_updates():
    for settings in ({}, {"train": []}, {"train": {"batch_size": 0}}):
        assert compare([record("a", 0, [score("e", 1.0)], settings=settings)]).rows[0].mean("updates") is None


NASTY = "a|b & <script>_%$#{}~^\\ [bold]x[/bold]"


def test_names_are_escaped_in_every_format():
    comparison = compare(suite_of({NASTY: [1.0, 2.0]}))
    assert r"| a\|b & &lt;script>\_%$#{}~^\\ [bold]x[/bold] |" in markdown([comparison], "t")
    line = next(line for line in tex([comparison], "t").splitlines() if line.startswith("a|b"))
    assert line.startswith(r"a|b \& \textless{}script\textgreater{}\_\%\$\#\{\}\textasciitilde{}\textasciicircum{}")
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rich_table(comparison, "t", width=200))
    assert NASTY in console.export_text()


def test_csv_and_json_hold_the_numbers():
    comparison = compare(suite_of())
    lines = list(csv.DictReader(io.StringIO(csv_lines([comparison]))))
    good = next(line for line in lines if line["row"] == "good")
    assert float(good["mean"]) == pytest.approx(5.18333, abs=1e-4)
    assert (good["score"], good["seeds"], good["best"]) == ("e", "3", "0")
    document = json.loads(json_text([comparison], "t"))
    row = next(row for row in document["comparisons"][0]["rows"] if row["shown"] == "good")
    assert row["scores"]["e"][0]["values"] == {"0": 5.0, "1": 5.5, "2": 5.05}
    assert row["seeds"] == [0, 1, 2]


def test_higher_is_better_where_the_score_says_so():
    records = [
        record(label, seed, [score("share", 100 - value, better="higher", unit="%")])
        for label, values in {key: ERRORS[key] for key in ("source-only", "good", "middle")}.items()
        for seed, value in enumerate(values)
    ]
    found = estimates(compare(records), "share")
    assert [name for name, one in found.items() if one.best] == ["good"]
    assert found["good"].better


def ensemble_of(label, member, values, networks=5):
    more = {"networks": networks, "ensemble_of": [member], "members": ["a"] * networks, "settings_hash": label}
    return [record(label, 5 * at, [score("e", value)], **more) for at, value in enumerate(values)]


def test_an_ensemble_is_tested_against_the_ensemble_of_the_reference_and_no_other_row():
    five = ensemble_of("good-5", "good", [4.0, 4.3, 4.1]) + ensemble_of("plain-5", "source-only", [6.0, 6.2, 6.3])
    comparison = compare(suite_of() + five + ensemble_of("good-2", "good", [4.5, 4.8, 4.7], networks=2))
    found = estimates(comparison)
    mean, half = mean_interval([4.0 - 6.0, 4.3 - 6.2, 4.1 - 6.3])
    assert (found["good-5"].difference, found["good-5"].difference_half) == pytest.approx((mean, half))
    assert found["plain-5"].p is None
    assert found["good-2"].difference is None  # there is no ensemble of two networks of the reference
    assert found["good"].p == pytest.approx(estimates(compare(suite_of()))["good"].p)  # no more tests than before
    said = " ".join(notes(comparison))
    assert "good-5 averages 5 networks of good: 3 ensembles of disjoint seeds, and ± is over these 3." in said
    assert "| good-5 (5 networks) |" in markdown([comparison], "t")
