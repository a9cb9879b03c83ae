"""`ganzoo turing make` and `score` as a user types them, from files and from a run, up to the table of a bench."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmark.records import record, results_of, score
from click.testing import CliRunner
from conftest import TOY
from toy_plugin import discs

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.people import with_people
from ganzoo.benchmark.suite import parse_suite
from ganzoo.cli import main
from ganzoo.runs.experiment import plan_of_run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.turing.key import read_key
from ganzoo.turing.rows import read_scores
from ganzoo.turing.simulated import simulated_answers, with_share

NEAR = ("--near", 1)  # discs are near-duplicates


@pytest.fixture
def images(tmp_path):
    """real.npz, fake.npz, raw.npz, and large.npz of another size."""
    for name, seed, brightness in (("real", 0, 120), ("fake", 1, 130), ("raw", 2, 220)):
        np.savez(tmp_path / f"{name}.npz", image=discs(80, seed, brightness)[0][:, 0])
    np.savez(tmp_path / "large.npz", image=np.zeros((20, 60, 60), np.uint8))
    return tmp_path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a method that refines."""
    place = tmp_path_factory.mktemp("runs") / "shift"
    words = ["run", "shift", "--plugin", TOY, "--dataset", "toy", "--steps", "3", "--metrics", "none", "--out", place]
    result = CliRunner().invoke(main, [*map(str, words), "--count", "90"])
    assert result.exit_code == 0, result.output
    return place


def answered(folder, key_file, share=0.6):
    key = read_key(key_file)
    files = []
    for number, rater in enumerate(key.raters):
        right = with_share(share, np.random.default_rng(number))
        files.append(folder / f"answers-{number}.json")
        files[-1].write_text(json.dumps(simulated_answers(key, rater, right)))
    return files


def test_from_files_to_a_report(ganzoo, images):
    words = ("--real", "real.npz", "--fake", "fake.npz", "--raw", "raw.npz", *NEAR, "--trials", 10, "--raters", 2)
    result = ganzoo("turing", "make", *words, "--out", "pages")
    assert result.exit_code == 0, result.output
    assert "pages holds 2 pages of 25 trials" in result.output
    assert sorted(file.suffix for file in (images / "pages").iterdir()) == [".html", ".html"]
    files = answered(images, images / "pages-key.json")
    result = ganzoo("turing", "score", *files, "--key", "pages-key.json", "--out", "out/report.html")
    assert result.exit_code == 0, result.output
    assert "simulated raters" in result.output
    assert "2 of 2 simulated raters gave answers, and 2 count" in result.output
    document = json.loads((images / "out" / "report.json").read_text())
    assert {each["source"] for each in document["sources"]} == {"fake", "null"}
    assert len(document["raters"]) == 2
    assert "SIMULATED" in (images / "out" / "report.html").read_text()


def test_from_a_run_to_a_page_in_one_command_and_into_the_table_of_its_bench(ganzoo, run, tmp_path):
    preset = ("--preset", "simgan", "--raters", 1, "--trials", 20)
    result = ganzoo("turing", "make", "--plugin", TOY, "--fake", run, *preset, *NEAR, "--out", "pages")
    assert result.exit_code == 0, result.output
    key = read_key(tmp_path / "pages-key.json")
    assert {(trial.source, trial.stage) for trial in key.raters[0].trials} == {("shift", "test"), ("raw", "test")}
    assert len(key.raters[0].trials) == 20 + 20
    assert key.real.card["domain"] == "target_test"
    assert key.sources[0].card["method"] == "shift"
    files = answered(tmp_path, tmp_path / "pages-key.json")
    assert ganzoo("turing", "score", *files, "--key", "pages-key.json").exit_code == 0

    tables = plan_of_run(RunFolder(run)).tables()
    other = {**tables, "train": {**tables["train"], "seed": 7}}
    lines = [
        record("shift", 0, [score("fid[x]", 3.0)], settings=tables),
        record("else", 0, [score("fid[x]", 4.0)], settings=other),
        record("older", 0, [score("fid[x]", 5.0)]),
    ]
    results, unknown = with_people(results_of(*lines), read_scores(tmp_path / "report.json"))
    assert unknown == ["raw", "null"]
    assert [len(each.scores) > 1 for each in results.finished.values()] == [True, False, False]
    suite = {"name": "small", "methods": {"shift": {}}, "datasets": {"toy": {}}, "steps": 3}
    bench = BenchFolder(tmp_path / "bench")
    bench.open(parse_suite(suite, "", "test"), 1)
    bench.results_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = ganzoo("report", "bench", "--turing", "report.json")
    assert result.exit_code == 0, result.output
    assert "raw, null are not shown" in result.output
    table = (tmp_path / "bench" / "table.csv").read_text()
    for name in ("fid[x]", "simulated_d_prime", "simulated_error_rate", "machine_accuracy[network]"):
        assert name in table, name
    ganzoo("report", "bench")  # they are kept with the bench
    assert (tmp_path / "bench" / "table.csv").read_text() == table
    bench.results_file.write_text("".join(json.dumps(line) + "\n" for line in lines[1:]))
    result = ganzoo("report", "bench", "--turing", "report.json")
    assert result.exit_code == 2
    assert "are from no run of bench" in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--real", "real.npz"), "--fake"),
        (("--fake", "fake.npz"), "--real is missing: name real images, or give a run as --fake"),
        (("--real", "real.npz", "--fake", "fake.npz[source]"), "is neither a run folder nor the name of a dataset"),
        (("--real", "absent", "--fake", "fake.npz"), "--real absent does not exist"),
        (("--real", "real.npz", "--fake", "large.npz"), "choose a --resizer"),
        (("--real", "real.npz", "--fake", "real=fake.npz"), "'real' is reserved"),
        (("--real", "real.npz", "--fake", "fake.npz", "--trials", "7"), "give an even number"),
        (("--real", "real.npz", "--fake", "fake.npz", "--catch", "3"), "--catch needs raw images"),
        (("--real", "real.npz", "--fake", "fake.npz", "--preset", "simgan"), "name them with --raw"),
        (("--real", "real.npz", "--fake", "fake.npz", "--protocol", "timed", "--exposure", "9"), "its staircase sets"),
        (("--real", "real.npz", "--fake", "fake.npz", "--rule", "x=1"), "the rules are catch_right_share"),
        (("--real", "real.npz", "--fake", "fake.npz", "--rule", "fast_share=2"), "--rule fast_share: "),
        (("--real", "real.npz", "--fake", "fake.npz", "--key", "pages/key.json"), "is inside the folder of the pages"),
        (("--real", "real.npz", "--fake", "fake.npz", "--key", "key.txt"), "whose name ends in .json"),
        (("--real", "real.npz", "--fake", "fake.npz", "--near", "200"), "a smaller --near, or --no-twin"),
        (("--real", "ring", "--fake", "fake.npz"), "people judge images, but these are vectors"),
        (("--real", "real.npz", "--fake", "fake.npz", "--trials", "200", "--no-twin"), "a rater needs 100 real images"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence_and_leave_nothing(ganzoo, images, words, says):
    result = ganzoo("turing", "make", *words, "--out", "pages")
    assert result.exit_code in (1, 2)
    assert says in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (images / "pages").exists()
    assert not (images / "pages-key.json").exists()


def test_nothing_is_overwritten(ganzoo, images):
    words = ("turing", "make", "--real", "real.npz", "--fake", "fake.npz", "--no-twin", "--trials", 10)
    assert ganzoo(*words, "--out", "pages").exit_code == 0
    key = (images / "pages-key.json").read_bytes()
    assert "is not empty" in ganzoo(*words, "--out", "pages").output
    assert "pages-key.json exists" in ganzoo(*words, "--out", "other", "--key", "pages-key.json").output
    assert (images / "pages-key.json").read_bytes() == key
    (file,) = answered(images, images / "pages-key.json")
    refused = ganzoo("turing", "score", file, "--key", "pages-key.json", "--out", "pages-key.html")
    assert refused.exit_code == 2
    assert "would overwrite a file that is read here" in refused.output
    assert "name ends in .html" in ganzoo("turing", "score", file, "--key", "pages-key.json", "--out", "x.txt").output
    assert "is not a key" in ganzoo("turing", "score", file, "--key", file).output
    broken = ganzoo("turing", "score", file, file, "--key", "pages-key.json")
    assert broken.exit_code == 1
    assert "each rater counts once" in broken.output
    assert not (images / "report.html").exists()


def test_a_report_of_a_bench_refuses_other_files(ganzoo, images):
    bench = BenchFolder(images / "bench")
    suite = {"name": "s", "methods": {"identity": {}}, "datasets": {"toy": {}}, "steps": 3}
    bench.open(parse_suite(suite, "", "t"), 1)
    (images / "x.json").write_text("{}")
    assert "is not a result of `ganzoo turing score`" in ganzoo("report", "bench", "--turing", "x.json").output
    (images / "y.json").write_text('{"format": "ganzoo-turing-scores", "version": 1, "sources": [{"source": 1}]}')
    assert "is damaged" in ganzoo("report", "bench", "--turing", "y.json").output
