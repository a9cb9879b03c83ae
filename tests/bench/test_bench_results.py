import json

import pytest
from bench.records import failure, record, score

from ganzoo.bench.results import append, read_results
from ganzoo.errors import GanzooError


def test_a_half_written_line_is_skipped_and_counted_and_the_next_line_stands_alone(tmp_path):
    file = tmp_path / "results.jsonl"
    append(file, record("a", 0, [score("e", 1.0)]))
    with file.open("a") as handle:
        handle.write('{"cell": "torn", "lab')
    append(file, record("b", 0, [score("e", 2.0)]))
    results = read_results(file)
    assert [one["label"] for one in results.finished.values()] == ["a", "b"]
    assert results.damaged == 1


@pytest.mark.parametrize(
    "line", ["[]", "7", "null", "{}", '{"cell": 1}', "\x00\xff", "[" * 100_000, json.dumps(record("a", 0, [{"x": 1}]))]
)
def test_a_line_that_is_no_record_is_skipped(tmp_path, line):
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
    assert [one["label"] for one in results.finished.values()] == ["a"]
    assert [one["failed"] for one in results.failed.values()] == ["diverged"]


def test_an_absent_file_has_no_results_and_an_unreadable_one_is_said(tmp_path):
    assert not read_results(tmp_path / "absent").finished
    with pytest.raises(GanzooError, match="cannot be read"):
        read_results(tmp_path)
