"""Makes benchmarks/SPEED.md and its plots from the results of the speed scripts; with `--check` only compares the text.

    python benchmarks/speed_page.py [--check]

It shows what is there of results/speed-DEVICE.json, fid_speed-DEVICE.json, scaling-DEVICE.json, precision_quality.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE / "SPEED.md"
INTRODUCTION = """# How fast it is

Made by `python benchmarks/speed_page.py` from files in `results/`; CI checks that they agree. The plain loops are in
`benchmarks/reference/`: the same networks, losses and batch sizes, trained as public implementations do it (PNG files
through a DataLoader, float32, channels first, a number read in every step). Both sides alternate in one run; a number
is the median over turns, with the minimum and the maximum in brackets.
"""


def speed(found: Mapping[str, Any], plot: str) -> list[str]:
    """Training against plain loops."""
    peaks = "; ".join(
        f"{name}: {peak['matmul_gflops']:,.0f} GFLOP/s in matrix products, {peak['convolution_gflops']:,.0f} in "
        "convolutions" for name, peak in found["peaks"].items()
    )  # fmt: skip
    lines = [f"## Training ({_device(found)})", _machine(found), f"Best rates measured in the same run: {peaks}.", ""]
    also = dict.fromkeys(ratio["how"] for method in found["methods"].values() for ratio in method["times_faster"])
    options = "".join(f" --also {how}" for how in also if how != "eager")
    lines += ["```sh", f"python benchmarks/speed.py --device {found['machine']['device']}{options}", "```", ""]
    lines += [f"![Times faster than the plain loop](results/{plot})", "", *_ratios(found), ""]
    head = ["method", "work", "loop", "ms", "ms per update", "images/s", "of conv. peak", "of matmul peak",
            "waits for data", "memory MiB"]  # fmt: skip
    body = []
    for name, method in found["methods"].items():
        for row in method["rows"]:
            side = f"ganzoo {_way(row)}" if row["side"] == "ours" else "plain fp32"
            waits = "" if row["waits_for_data"] is None else f"{row['waits_for_data']:.1%}"
            memory = "" if row["memory_mib"] is None else f"{row['memory_mib']:,.0f}"
            body.append([name, row["what"], side, _spread(row["ms"]), _number(row["ms_per_update"]),
                         _number(row["images_per_s"]), f"{row['share_of_convolution_peak']:.0%}",
                         f"{row['share_of_matmul_peak']:.0%}", waits, memory])  # fmt: skip
    lines += _table(head, body)
    for name, method in found["methods"].items():
        for how, seconds in method["seconds_before"].items():
            lines.append(f"\n{name}, {how}: {seconds:.0f} s before the first of these updates.")
        for problem in method["not_replayed"]:
            lines.append(f"\n{name} is not replayed: {problem}.")
        if method["synchronisations_in_a_cycle"] is not None:
            lines.append(
                f"\n{name}: the host waits {method['synchronisations_in_a_cycle']} times for the GPU in a cycle."
            )
    lines.append(
        "\nWork is an update of every network (cycle) or a phase alone. Rates count what each loop computes; "
        "the plain ones do more work if they compute unused gradients. Memory is the peak anonymous "
        "memory (on a GPU the allocator's) of a separate process."
    )
    return lines


def _ratios(found: Mapping[str, Any]) -> list[str]:
    head = ["method", "batch", "image", "work", "precision", "times faster", "aim"]
    body = []
    for name, method in found["methods"].items():
        for ratio in method["times_faster"]:
            aim = method["targets"].get(ratio["what"], {}).get(ratio["precision"]) if ratio["how"] == "eager" else None
            size = "x".join(map(str, method["image"]))
            body.append([name, str(method["batch_size"]), size, ratio["what"], _way(ratio), _spread(ratio),
                         "" if aim is None else f"{aim:g}"])  # fmt: skip
    return _table(head, body)


def fid(found: Mapping[str, Any], plot: str) -> list[str]:
    """FID against pytorch-fid and torch-fidelity."""
    folders, aims = found["folders"], found["targets"]
    count = found["images"]
    lines = [f"## FID ({_device(found)})", _machine(found)]
    lines += [
        f"Two folders of {count:,} PNG files of {found['image'][1]}x{found['image'][2]} pixels, random weights.",
        "",
    ]
    body = [[f"ganzoo, {name}", _spread(folders["seconds"][name]), _spread(folders["times_faster"][name]),
             f"{aims[name]:g}" if name in aims else ""] for name in ("cold", "cached")]  # fmt: skip
    body.append(["pytorch-fid", _spread(folders["seconds"]["pytorch-fid"]), "", ""])
    other = found["torch_fidelity"]
    if "seconds" in other:
        body.append(["torch-fidelity", _spread(other["seconds"]), "", ""])
    lines += _table(["two folders to one FID", "s", "times faster than pytorch-fid", "aim"], body)
    if "reason" in other:
        lines.append(f"\ntorch-fidelity: {other['reason']}.")
    parts = found["parts"]
    lines.append(
        f"\nThe FID is {folders['value']:.6g}, pytorch-fid's {folders['value_pytorch_fid']:.6g}: a difference of "
        f"{folders['absolute_difference']:.1e} ({folders['relative_difference']:.1e} of it). Features differ by "
        f"{folders['relative_feature_error']:.1e} of their norm. An image takes {parts['decode']:.2f} ms to decode, "
        f"{parts['resize']:.2f} ms to resize and {parts['network_with_resize']:.1f} ms in the network with that."
    )
    lines += ["", "The distance of given features, ganzoo's with its interval:", ""]
    rows = [[f"{each['rows']:,} x {each['features']:,}", _spread(each["seconds"]["ours"]),
             _spread(each["seconds"]["pytorch-fid"]), _spread(each["times_faster"]), f"{aims.get('trace', 5.0):g}",
             f"{each['absolute_difference']:.1e}", f"{each['relative_difference']:.1e}"]
            for each in found["trace"]]  # fmt: skip
    head = ["rows of each set", "ganzoo s", "pytorch-fid s", "times faster", "aim", "difference", "relative"]
    return [*lines, *_table(head, rows)]


def scaling(found: Mapping[str, Any], plot: str) -> list[str]:
    """Cost against size."""
    lines = [f"## Scaling ({_device(found)}, {found['precision']})", _machine(found), ""]
    lines += [f"![Images per second against batch and image size](results/{plot})", ""]
    body = [[name, str(row["batch_size"]), "x".join(map(str, row["image"])), _spread(row["ms"]),
             _spread(row["images_per_s"])]
            for kind in ("batch", "image") for name, rows in found[kind].items() for row in rows]  # fmt: skip
    lines += [*_table(["method", "batch", "image", "ms a cycle", "images/s"], body), ""]
    body = [[f"{row['images']:,}", f"{row['store_mib']:,.0f}", _spread(row["images_per_s"]),
             f"{row['images_drawn']:,}", f"{row['anonymous_mib']:,.0f}"] for row in found["data"]]  # fmt: skip
    lines += _table(["images in the store", "MiB on disk", "images drawn/s", "images drawn", "anonymous MiB"], body)
    lines += ["", *_beyond(found["beyond"])] if found["beyond"] else []
    body = [[name, *(_spread(rates) for rates in row["images_per_s"].values()),
             _spread({key: 100 * value for key, value in row["weak_scaling_efficiency"].items()}) + " %"]
            for name, row in found["processes"].items()]  # fmt: skip
    head = ["method", "one process, images/s", "two processes, images/s", "efficiency"]
    return [*lines, "", *_table(head, body), "\nProcesses have one CPU thread and a batch of 32 each."]


def _beyond(found: Mapping[str, Any]) -> list[str]:
    """Training from a store that is larger than memory."""
    body = [[name, str(row["batch_size"]), _spread(row["images_per_s"]["short"]), _spread(row["images_per_s"]["large"]),
             _spread({key: 100 * value for key, value in row["rate_of_the_short_one"].items()}) + " %",
             f"{row['images_drawn']:,}"] for name, row in found["methods"].items()]  # fmt: skip
    head = [
        "method",
        "batch",
        "short store, images/s",
        "large store, images/s",
        "rate",
        "images drawn from the large one",
    ]
    return [
        f"Training from a store of {found['images']:,} images, {found['store_gib']:.0f} GiB on the disk of a machine "
        f"with {found['memory_gib']:.0f} GiB of memory, none of it in memory at first ({found['anonymous_mib']:,.0f} "
        "MiB of anonymous memory for both, labels and the order of the rows included):",
        "",
        *_table(head, body),
        "",
    ]


def precision(found: Mapping[str, Any], plot: str) -> list[str]:
    """bf16 against fp32, in scores."""
    body = []
    for row in found["scores"]:
        if "reason" in row:
            body.append([row["method"], row["score"], row["reason"], "", "", "", ""])
            continue
        cells = [f"{row[name]['mean']:.4g} ± {row[name]['half']:.2g}" for name in ("fp32", "bf16", "difference")]
        inside = "yes" if row["bf16_inside_interval_of_fp32"] else "no"
        body.append([row["method"], row["score"], str(row["seeds"]), *cells, inside])
    head = ["method", "score", "seeds", "fp32", "bf16", "bf16 minus fp32, paired", "bf16 inside fp32's interval"]
    title = ["## The same quality in bf16", _machine(found), f"{found['images']:,} images of each domain drawn.", ""]
    return [*title, *_table(head, body)]


MAKERS: dict[str, Callable[[Mapping[str, Any], str], list[str]]] = {
    "speed-*.json": speed,
    "fid_speed-*.json": fid,
    "scaling-*.json": scaling,
    "precision_quality.json": precision,
}


def page() -> str:
    parts = [INTRODUCTION]
    for pattern, make in MAKERS.items():
        for file in sorted(RESULTS.glob(pattern)):
            found = json.loads(file.read_text(encoding="utf-8"))
            parts.append("\n".join(make(found, f"{file.stem}.svg")).rstrip() + "\n")
    if len(parts) == 1:
        parts.append("No results are here yet.\n")
    return "\n".join(parts)


def _machine(found: Mapping[str, Any]) -> str:
    machine = found["machine"]
    gpu = f"{machine['gpu']}; " if "gpu" in machine else ""
    return (
        f"{gpu}{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, load "
        f"{machine['load_before']} before; torch {machine['torch']}; commit {machine['commit']}.\n"
    )


def _device(found: Mapping[str, Any]) -> str:
    return "CPU" if found["machine"]["device"] == "cpu" else "GPU"


def _way(row: Mapping[str, Any]) -> str:
    return row["precision"] if row["how"] == "eager" else f"{row['precision']} {row['how']}"


def _spread(values: Mapping[str, float]) -> str:
    return f"{_number(values['median'])} ({_number(values['low'])} to {_number(values['high'])})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    rows = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(row) + " |" for row in rows]


def plots() -> None:
    """One picture beside each result that has something to draw."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "ganzoo"
    from matplotlib import pyplot

    for file in sorted([*RESULTS.glob("speed-*.json"), *RESULTS.glob("scaling-*.json")]):
        found = json.loads(file.read_text(encoding="utf-8"))
        figure = _bars(pyplot, found) if file.stem.startswith("speed") else _curves(pyplot, found)
        figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
        pyplot.close(figure)


def _bars(pyplot: Any, found: Mapping[str, Any]) -> Any:
    """Times faster than the plain loop: a bar for each method, work and precision, with its range, and the aim."""
    bars = [(f"{name} {ratio['what']} {_way(ratio)}", ratio,
             method["targets"].get(ratio["what"], {}).get(ratio["precision"]) if ratio["how"] == "eager" else None)
            for name, method in found["methods"].items() for ratio in method["times_faster"]]  # fmt: skip
    figure, axes = pyplot.subplots(figsize=(7, 0.3 * len(bars) + 1), layout="constrained")
    places = range(len(bars), 0, -1)
    medians = [ratio["median"] for _, ratio, _ in bars]
    below = [ratio["median"] - ratio["low"] for _, ratio, _ in bars]
    above = [ratio["high"] - ratio["median"] for _, ratio, _ in bars]
    axes.barh(places, medians, xerr=[below, above], color="#4477aa", label="ganzoo")
    aims = [(aim, place) for (_, _, aim), place in zip(bars, places, strict=True) if aim]
    if aims:
        axes.plot(*zip(*aims, strict=True), "|", color="black", markersize=12, label="aim")
    axes.axvline(1, color="grey", linewidth=1)
    axes.set_yticks(list(places), [label for label, _, _ in bars])
    axes.set_xlabel("times faster than the plain loop")
    axes.legend(loc="lower right")
    return figure


def _curves(pyplot: Any, found: Mapping[str, Any]) -> Any:
    figure, both = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for axes, kind, size in zip(both, ("batch", "image"), ("batch size", "image side, px"), strict=True):
        for name, rows in found[kind].items():
            x = [row["batch_size"] if kind == "batch" else row["image"][1] for row in rows]
            axes.loglog(x, [row["images_per_s"]["median"] for row in rows], "o-", label=name)
            axes.set_xticks(x, map(str, x))
        axes.minorticks_off()
        axes.set_xlabel(size)
        axes.set_ylabel("images/s")
        axes.legend()
    return figure


def main() -> int:
    wanted = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted, encoding="utf-8")
        plots()
        return 0
    drawn = all(
        file.with_suffix(".svg").is_file() for kind in ("speed", "scaling") for file in RESULTS.glob(f"{kind}-*.json")
    )
    if drawn and PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted:
        return 0
    print("benchmarks/SPEED.md does not show the committed results; run: python benchmarks/speed_page.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
