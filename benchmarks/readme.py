"""Puts the committed results and the methods into README.md and benchmarks/README.md; with `--check` only compares.

A page has blocks `<!-- NAME -->` ... `<!-- end -->`, and what stands in them is made here.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from ganzoo.applying.choice import capabilities_of
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.rows import ResultTable, Row, SeedEstimate, comparisons
from ganzoo.benchmark.statistics import holm, mean_interval, paired_p
from ganzoo.benchmark.table import heading, number, row_name
from ganzoo.discovery.registry import registry
from ganzoo.method import Method
from ganzoo.metric import Score

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))
from method_pages import paper  # noqa: E402

FAMILIES = ("translation", "adaptation", "generative", "autoencoders", "baselines")
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "benchmarks" / "README.md")
BLOCK = re.compile(
    r"(<!-- (?P<kind>run|bench|means|parts|folds|pairs|precisions|published|speed|methods) (?P<words>[^>]+?) -->\n)"
    r"(.*?)(<!-- end -->)",
    re.DOTALL,
)


def run(name: str) -> str:
    """The scores of one run."""
    document = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    scores = [Score.from_json(each) for each in document["scores"]]
    shown = [score for score in scores if score.headline and score.value is not None]
    rivals = list(dict.fromkeys(score.subject for score in shown if score.subject != "method"))
    rivals.sort(key=lambda rival: rival != "constant")
    minutes = (document["training_seconds"] + sum(document["evaluation_seconds"].values())) / 60
    threads = document["environment"]["cpu_threads"]
    cores = f"{threads} CPU core{'s' if threads > 1 else ''}"
    lines = [f"(seed {document['seed']}, {document['step']} steps, {minutes:.1f} minutes of training and evaluation on "
             f"{cores})\n"]  # fmt: skip
    lines.append("| score | " + " | ".join([*rivals, document["method"]]) + " |")
    lines.append("|---|" + "---|" * (len(rivals) + 1))
    for name in dict.fromkeys(score.name for score in shown):
        row = {score.subject: score for score in shown if score.name == name}
        first = next(iter(row.values()))
        label = f"{name} ({first.unit})" if first.unit else name
        lines.append(f"| {label} | " + " | ".join(_cell(row.get(subject)) for subject in [*rivals, "method"]) + " |")
    return "\n".join(lines)


def bench(folder: str, dataset: str, *columns: str) -> str:
    """The rows of a bench on one dataset: chosen columns, mean and half the 95 % t-interval over seeds.

    The word `brief` among the columns leaves out the rows that a metric measures with every method, and the
    differences from the reference.
    """
    found = _comparison(folder, dataset)
    chosen = [column for name in columns for column in found.columns if column.name == name]
    lines = ["| method | " + " | ".join([*map(heading, chosen), "training s"]) + " |"]
    lines.append("|---|" + "---:|" * (len(chosen) + 1))
    brief = "brief" in columns
    for row in found.rows:
        if any(row.scores[column.name] for column in chosen) and not (brief and row.rival):
            seconds = row.mean("training_seconds")
            cells = [_estimates(row.scores[column.name]) for column in chosen]
            lines.append(
                "| " + " | ".join([row_name(row), *cells, "" if seconds is None else f"{seconds:,.0f}"]) + " |"
            )
    seeds = sorted({len(row.records) for row in found.rows if not row.rival})
    code = sorted({row.code for row in found.rows})
    lines.append("")
    count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
    count += " seed" if seeds == [1] else " seeds"
    lines.append(f"{count}; {_budget(found.rows)}; ganzoo {', '.join(code)}; [all scores]({_link(folder)}).")
    if not brief and max(seeds) > 2:  # the interval of two seeds says nothing
        lines += ["", *_differences(found, [column.name for column in chosen])]
    return "\n".join(lines)


def folds(folder: str, column: str) -> str:
    """One score of each method on all datasets of a bench, and its mean over them."""
    opened = BenchFolder(RESULTS / folder)
    suite = opened.suite()
    found = comparisons(opened.results(), suite.reference, list(suite.methods), list(suite.datasets))
    lines = ["| method | " + " | ".join([*(each.dataset for each in found), "mean"]) + " |"]
    lines.append("|---|" + "---:|" * (len(found) + 1))
    for first in (row for row in found[0].rows if not row.rival):
        rows = [row for each in found for row in each.rows if row.label == first.label and not row.rival]
        means = [row.scores[column][0].mean for row in rows]
        lines.append("| " + " | ".join([row_name(first), *map(number, [*means, sum(means) / len(means)])]) + " |")
    code = sorted({row.code for each in found for row in each.rows})
    lines.append(f"\n`{column}`; ganzoo {', '.join(code)}; [all scores]({_link(folder)}).")
    return "\n".join(lines)


def pairs(folders: str, dataset: str, column: str, *wanted: str) -> str:
    """Differences of `one:other` in a score between runs with the same seed of the same bench, averaged over benches.

    Runs with one seed on two machines begin with the same weights and order of the data and differ by rounding, so they
    are no independent samples: a seed counts once. `folders` has commas between them, and a plus between those that
    count as one bench: runs of one row and seed that both have must agree to the bit. Predictors have the score under
    its name with `direct_` before it.
    """
    pools = [_joined(folder.split("+"), dataset, column) for folder in folders.split(",")]
    unit = column.rsplit("_", 1)[-1]
    head = f"| difference ({unit}) | seeds (runs) | each seed | mean (95 % interval) | p |"
    lines = [head, "|---|---:|---|---:|---:|"]
    tests = []
    for each in wanted:
        one, other = each.split(":")
        found: dict[int, list[float]] = defaultdict(list)
        for pool in pools:
            for name, seed in pool:
                if name == one and (other, seed) in pool:
                    found[seed].append(pool[one, seed] - pool[other, seed])
        differences = [sum(of_seed) / len(of_seed) for of_seed in found.values()]
        mean, half = mean_interval(differences)
        p = paired_p(differences, [0.0] * len(differences))
        if half is None or p is None:
            raise ValueError(f"{each}: too few seeds")
        tests.append(p)
        runs = sum(map(len, found.values()))
        lines.append(
            f"| {one} minus {other} | {len(differences)} ({runs}) | {', '.join(f'{d:+.2f}' for d in differences)} | "
            f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f}) | {p:.2g}"
        )
    return "\n".join([*lines[:2], *(f"{line} ({q:.2g}) |" for line, q in zip(lines[2:], holm(tests), strict=True))])


def _joined(folders: Sequence[str], dataset: str, column: str) -> dict[tuple[str, int], float]:
    pool: dict[tuple[str, int], float] = {}
    for folder in folders:
        found = _by_seed(folder, dataset, column)
        if differ := [key for key in found.keys() & pool.keys() if found[key] != pool[key]]:
            raise ValueError(f"{' and '.join(folders)} disagree on {differ}, so they are no one bench")
        pool |= found
    return pool


def precisions(full: str, half: str, dataset: str, column: str) -> str:
    """A score of each trained method in two benches that differ in precision, and whether the second mean is near.

    Each method has at least two seeds in both.
    """
    pools = [_by_seed(folder, dataset, column) for folder in (full, half)]
    lines = ["| method | fp32 | bf16 | bf16 inside fp32's interval |", "|---|---:|---:|---|"]
    for name in dict.fromkeys(label for label, _ in pools[0]):
        found = [[value for (label, _), value in pool.items() if label == name] for pool in pools]
        (mean, width), (other, other_width) = map(mean_interval, found)
        if width is None or other_width is None:
            raise ValueError(f"{name}: too few seeds in {full} or {half}")
        if not width:  # nothing was trained
            continue
        inside = "yes" if abs(other - mean) <= width else "no"
        lines.append(f"| {name} | {mean:.2f} ± {width:.2f} | {other:.2f} ± {other_width:.2f} | {inside} |")
    return "\n".join(lines)


def published(name: str) -> str:
    """Accuracies of `benchmarks/NAME.py` beside the published ones, with the difference in standard errors.

    The published table gives none of its own, so it is taken to have that of ours, with as many draws.
    """
    document = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    methods = list(document["accuracy"]["surf"]["mean"])
    lines = ["| features | pair | " + " | ".join(f"{each} | published | difference / s.e." for each in methods) + " |"]
    lines.append("|---|---|" + "---:|---:|---:|" * len(methods))
    for features, pairs_of in document["accuracy"].items():
        for pair, found in pairs_of.items():
            row = [features, pair]
            for each in found.values():
                mean, error, number_there = each["mean"], each["standard_error"], each["published"]
                row.append(f"{mean:.1f} ± {error:.1f}")
                row += ["", ""] if number_there is None else [
                    f"{number_there:.1f}", f"{(mean - number_there) / (2**0.5 * error):+.1f}"
                ]  # fmt: skip
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join([*lines, "", f"Accuracy in %, mean of {document['draws']} draws ± standard error."])


def speed(device: str) -> str:
    """How fast and against what, in a few sentences."""
    training = json.loads((RESULTS / f"speed-{device}.json").read_text(encoding="utf-8"))
    fid = json.loads((RESULTS / f"fid_speed-{device}.json").read_text(encoding="utf-8"))["folders"]["times_faster"]
    machine, names = training["machine"], {"simgan": "SimGAN", "dann": "DANN", "dcgan": "DCGAN", "cyclegan": "CycleGAN"}
    times = {
        name: {ratio["precision"]: ratio["median"] for ratio in training["methods"][name]["times_faster"]
               if ratio["what"] == "cycle" and ratio["how"] == "eager"}
        for name in names
    }  # fmt: skip
    full = ", ".join(f"{names[name]} {found['fp32']:.1f}" for name, found in times.items())
    half = ", ".join(f"{found['bf16']:.1f}" for found in times.values())
    text = (
        f"Against plain training loops of the same networks, both in fp32, on {machine['cores']} cores of an "
        f"{machine['processor']}: {full} times as fast. With ganzoo in bf16, which this processor multiplies natively, "
        f"against the same loops in fp32: {half}. FID: "
        f"{fid['cold']['median']:.1f} times as fast as pytorch-fid, {fid['cached']['median']:.1f} times if the "
        "reference features are cached, with the same result. No GPU has been measured yet. "
        "[SPEED.md](benchmarks/SPEED.md) explains how this was measured."
    )
    return textwrap.fill(text, 120)


def methods(package: str) -> str:
    """Every method that a package brings: its page, what it can do, and its paper with the year."""
    found = registry().found["methods"].values()
    brought = {
        name for plugin in registry().plugins if plugin.package == package for name in plugin.adds.get("methods", ())
    }
    lines = ["| method | can | paper |", "|---|---|---|"]
    for cls in sorted((cls for cls in found if cls.name in brought), key=_family):
        paper = _paper(cls)
        link = f"[{paper}]({cls.paper})" if cls.paper else paper
        able = ", ".join(capabilities_of(cls)).replace("_", " ")
        lines.append(f"| [{cls.name}](docs/methods/{cls.name}.md) | {able} | {link} |")
    return "\n".join(lines)


def _family(cls: type[Method]) -> tuple[int, str, str]:
    """Families in the order of FAMILIES, in them the oldest method first."""
    family = cls.__module__.split(".")[0].removeprefix("ganzoo_")
    return FAMILIES.index(family), _paper(cls)[-4:], cls.name


def _paper(cls: type[Method]) -> str:
    """Authors and year, as on the page of the method."""
    cited = " ".join(paper(cls.name)).strip()
    return cited or ("baseline" if "baselines" in cls.__module__ else "beyond the papers")


def means(folder: str, dataset: str, *columns: str) -> str:
    """Any scores of each method, also those of no final table: the mean and half the 95 % t-interval over seeds."""
    found = {column: _by_seed(folder, dataset, column) for column in columns}
    rows = dict.fromkeys(label for values in found.values() for label, _ in values)
    lines = ["| method | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for row in rows:
        cells = []
        for values in found.values():
            own = [value for (label, _), value in values.items() if label == row]
            mean, half = mean_interval(own) if own else (0.0, None)
            cells.append(f"{mean:.2f}" + (f" ± {half:.2f}" if half else "") if own else "")
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parts(folder: str, dataset: str) -> str:
    """What `benchmarks/error_parts.py` found the errors of a bench to consist of."""
    found = json.loads((RESULTS / folder / "error_parts.json").read_text(encoding="utf-8"))[dataset]
    names = list(next(iter(found.values())))
    lines = ["| error (deg) | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    lines += [
        f"| {label} | " + " | ".join(f"{row[name]:.2f}" if name != "seeds" else str(row[name]) for name in names) + " |"
        for label, row in found.items()
    ]
    return "\n".join(lines)


def _by_seed(folder: str, dataset: str, column: str) -> dict[tuple[str, int], float]:
    return {
        (record.label, record.seed): score.value
        for record in BenchFolder(RESULTS / folder).results().finished.values()
        if record.dataset == dataset
        for score in record.scores
        if score.subject == "method" and score.name in (column, f"direct_{column}") and score.value is not None
    }


def _comparison(folder: str, dataset: str) -> ResultTable:
    opened = BenchFolder(RESULTS / folder)
    suite = opened.suite()
    found = comparisons(opened.results(), suite.reference, list(suite.methods), list(suite.datasets))
    return next(each for each in found if each.dataset == dataset)


def _differences(found: ResultTable, columns: Sequence[str]) -> list[str]:
    """Each row's paired difference from the reference, in the first column that the row has."""
    lines = []
    for row in found.rows:
        name = next((name for name in columns if row.scores[name]), None)
        if name is None or row.rival:
            continue
        estimate = row.scores[name][0]
        if estimate.difference is None or not estimate.difference_half:
            continue
        low, high = (estimate.difference + sign * estimate.difference_half for sign in (-1, 1))
        p = "" if estimate.p is None else f", p = {estimate.p:.2g}"
        lines.append(f"- {row.shown} minus {found.reference}, `{name}`: {estimate.difference:+.3g} "
                     f"({low:+.3g} to {high:+.3g}{p})")  # fmt: skip
    return lines


def _estimates(estimates: Sequence[SeedEstimate]) -> str:
    texts = []
    for estimate in estimates:
        text = number(estimate.mean) + (f" ± {number(estimate.half)}" if estimate.half else "")
        text += "*" if estimate.significant else ""
        texts.append(f"**{text}**" if estimate.best else text)
    return "; ".join(texts)


def _budget(rows: Sequence[Row]) -> str:
    drawn = {row.mean("images_drawn") for row in rows if not row.rival} - {None, 0}
    if not drawn:
        return "nothing trained"
    least = f"{min(drawn):,.0f} to " if max(drawn) > 1.1 * min(drawn) else ""
    return f"{least}{max(drawn):,.0f} images of each domain drawn"


def _link(folder: str) -> str:
    return f"benchmarks/results/{folder}/results.jsonl"


def _cell(score: Score | None) -> str:
    if score is None or score.value is None:
        return ""
    interval = "" if score.low is None else f" ({score.low:.3g} to {score.high:.3g})"
    return f"{score.value:.3g}{interval}"


MAKERS: dict[str, Callable[..., str]] = {"run": run, "bench": bench, "folds": folds, "pairs": pairs,
                                      "precisions": precisions, "means": means, "parts": parts, "published": published,
                                      "speed": speed, "methods": methods}  # fmt: skip


def filled(page: Path) -> str:
    """The page's text with its blocks made anew."""
    text = page.read_text(encoding="utf-8")
    made = BLOCK.sub(lambda found: f"{found[1]}{MAKERS[found['kind']](*found['words'].split())}\n{found[5]}", text)
    return made if page.parent == ROOT else made.replace("](benchmarks/results/", "](results/")


def main() -> int:
    stale = []
    for page in PAGES:
        wanted = filled(page)
        if wanted == page.read_text(encoding="utf-8"):
            continue
        stale.append(page)
        if "--check" not in sys.argv[1:]:
            page.write_text(wanted, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"{stale[0].relative_to(ROOT)} does not show the committed results; run: python benchmarks/readme.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
