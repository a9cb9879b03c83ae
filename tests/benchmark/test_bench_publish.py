"""A published bench can be read, merged and run again by somebody else."""

from __future__ import annotations

import json
import shutil

import pytest
from benchmark.bench_here import bench_here
from benchmark.records import record, score
from conftest import TOY

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.publish import publish
from ganzoo.benchmark.record import record_from_json
from ganzoo.benchmark.reproduce import compare, overall
from ganzoo.benchmark.suite import load_suite

SUITE = """
summary = "One toy."
steps = 8
seeds = 1
train = { batch_size = 4 }
evaluate = { metrics = ["fid"] }
reference = "shift"

[metric.fid]
extractors = ["pixels"]

[datasets.toy]
settings = { count = 16 }

[methods.shift]
"""


@pytest.fixture(scope="module")
def finished(toys, tmp_path_factory):
    """A finished bench of one cell."""
    out = tmp_path_factory.mktemp("bench") / "mine"
    bench_here(out, SUITE)
    return out


def test_a_stranger_reads_and_runs_it_again_with_the_same_bits(ganzoo, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "mine")
    result = ganzoo("publish", "mine", "--to", "public")
    assert result.exit_code == 0, result.output
    shutil.rmtree(tmp_path / "mine")
    text = (tmp_path / "public" / "README.md").read_text()
    for words in (
        "# Bench toy",
        "One toy.",
        "\n## Results\n",
        "\n### toy\n",
        "| shift |",
        "## Data",
        "fingerprint",
        "cpu_threads: 1",
        "--row shift",
    ):
        assert words in text, words
    assert not list((tmp_path / "public").rglob("*.safetensors"))
    assert load_suite(str(tmp_path / "public" / "suite.toml")).model_dump() == BenchFolder(tmp_path / "public").suite().model_dump()  # fmt: skip  # noqa: E501
    again = ganzoo("reproduce", "public", "--row", "shift", "--plugin", TOY, "--out", "again")
    assert again.exit_code == 0, again.output
    assert "shift, seed 0: same bits" in again.output


def test_publishing_again_does_not_overwrite(ganzoo, finished, tmp_path):
    publish(BenchFolder(finished), tmp_path / "public")
    result = ganzoo("publish", finished, "--to", "public")
    assert result.exit_code == 2
    assert "public is not empty; give a new folder" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--row", "shif"), "has no finished row 'shif'; did you mean 'shift'?"),
        (("--row", "shift", "--seed", 3), "has no such cell of shift; its seeds are 0"),
    ],
)
def test_a_row_that_was_not_published_is_refused(ganzoo, finished, options, words):
    result = ganzoo("reproduce", finished, *options)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_row_without_a_score_is_refused_before_it_is_run(ganzoo, finished, tmp_path):
    bench = tmp_path / "unmeasured"
    shutil.copytree(finished, bench)
    (result,) = bench.glob("cells/*/result.json")
    document = json.loads(result.read_text())
    result.write_text(json.dumps({**document, "scores": []}))
    said = ganzoo("reproduce", bench, "--row", "shift", "--plugin", TOY)
    assert said.exit_code == 2
    assert "was published without a score, so there is nothing to compare" in " ".join(said.output.split())
    assert not (tmp_path / "reproduced").exists()


def test_a_score_is_the_same_within_the_published_interval_or_not_reproduced():
    def finished(value, **more):
        return record_from_json(json.loads(json.dumps(record("a", 0, [score("drift", value, **more)]))))

    published = finished(1.0, low=0.5, high=1.5)
    assert overall(compare(published, finished(1.0))) == "same bits"
    assert overall(compare(published, finished(1.4))) == "within the interval"
    assert overall(compare(published, finished(1.6))) == "not reproduced"
    assert overall(compare(published, finished(None))) == "not reproduced"
    assert overall(compare(finished(1.0), finished(1.4))) == "not reproduced"  # nothing says how far it may be
