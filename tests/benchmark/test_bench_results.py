import json

import pytest
from benchmark.records import CARD, failure, record, results_of, score

from ganzoo.benchmark.record import FailureRecord, record_from_json
from ganzoo.benchmark.results import append, read_results
from ganzoo.errors import GanzooError


def test_a_half_written_line_is_skipped_and_counted_and_the_next_line_stands_alone(tmp_path):
    file = tmp_path / "results.jsonl"
    append(file, record("a", 0, [score("e", 1.0)]))
    with file.open("a") as handle:
        handle.write('{"cell": "torn", "lab')
    append(file, record("b", 0, [score("e", 2.0)]))
    results = read_results(file)
    assert [one.label for one in results.finished.values()] == ["a", "b"]
    assert results.damaged == 1


UNREADABLE = [
    *["[]", "7", "null", "{}", '{"cell": 1}', "\x00\xff", "[" * 100_000],
    json.dumps(record("a", 0, [{"x": 1}])),
    json.dumps(record("a", 0, [score("e", "1.0")])),
    json.dumps(record("a", 0, [score("e", 1.0)], cards={})),
    json.dumps(record("a", 0, [score("e", 1.0)], training_seconds=-1.0)),
    json.dumps(record("a", 0, [score("e", 1.0)], step=1e31)),
]


@pytest.mark.parametrize("line", UNREADABLE)
def test_a_line_that_is_not_a_record_is_skipped(tmp_path, line):
    file = tmp_path / "results.jsonl"
    file.write_text(line + "\n" + json.dumps(record("a", 1, [])) + "\n")
    results = read_results(file)
    assert (len(results.finished), results.damaged) == (1, 1)


def test_a_cell_that_finished_later_is_no_failure(tmp_path):
    file = tmp_path / "results.jsonl"
    append(file, failure("a", 0, "killed"))
    append(file, failure("b", 0, "diverged"))
    append(file, record("a", 0, []))
    results = read_results(file)
    assert [one.label for one in results.finished.values()] == ["a"]
    assert [one.failed for one in results.failed.values()] == ["diverged"]


def test_an_absent_file_has_no_results_and_an_unreadable_one_is_said(tmp_path):
    assert not read_results(tmp_path / "absent").finished
    with pytest.raises(GanzooError, match="cannot be read"):
        read_results(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e31])
def test_numbers_that_no_table_can_show_are_left_out(value):
    bins = [{"low": 0.0, "high": 1.0, "value": each, "count": 3} for each in (2.0, value)]
    (one,) = results_of(record("a", 0, [score("e", value, low=value, profiles={"yaw": bins})])).finished.values()
    (found,) = one.scores
    assert (found.value, found.low, found.high) == (None, None, None)
    assert [each.value for each in found.profiles["yaw"]] == [2.0]


def test_a_record_is_written_as_it_was_read_with_each_card_once():
    scores = [score("e", 1.5), score("f", None, reason="no weights")]
    document = record("a", 0, scores, settings={"train": {"batch_size": 4}}, peak_memory_mb={"host": 900, "gpu": None})
    written = record_from_json(document).to_json()
    (key,) = written["cards"]
    assert written["cards"] == {key: CARD}
    assert [each["card"] for each in written["scores"]] == [key, key]
    expected = {**document, "cards": {key: CARD}, "scores": [{**each, "card": key} for each in scores], "updates": 25.0}
    assert written == expected


def test_a_failure_is_written_with_its_reason_and_says_whether_it_was_declined():
    facts = {"cell": "a-seed0", "label": "a", "dataset": "toy", "seed": 0, "method": "a", "settings_hash": "h"}
    failed = FailureRecord(**facts, failed="diverged", code="1")
    declined = FailureRecord(**facts, failed="takes points", declined=True, code="1")
    assert list(failed.to_json()) == [*facts, "failed", "code"]
    assert list(declined.to_json()) == [*facts, "failed", "declined", "code"]
    assert record_from_json(declined.to_json()) == declined


def test_unknown_keys_do_not_make_a_line_damaged():
    one = record_from_json({**record("a", 0, [score("e", 1.0, later="x")]), "later": 1})
    assert one.scores[0].value == 1.0
