"""Puts the committed results into the README: `python benchmarks/readme.py`, and with `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
RUNS = {
    "SimGAN on the built-in `eyes`": "run-simgan-eyes.json",
    "SimGAN, rendered eyes to MPIIGaze (p00), source range as it is": "run-simgan-pair.json",
    "SimGAN, rendered eyes to MPIIGaze (p00), source in MPIIGaze's published range": "run-simgan-pair-matched.json",
}


def cell(score: dict | None) -> str:
    if score is None or score["value"] is None:
        return ""
    interval = "" if score["low"] is None else f" ({score['low']:.3g} to {score['high']:.3g})"
    return f"{score['value']:.3g}{interval}"


def table(title: str, file: Path) -> str:
    document = json.loads(file.read_text(encoding="utf-8"))
    shown = [score for score in document["scores"] if score["headline"] and score["value"] is not None]
    rivals = list(dict.fromkeys(score["subject"] for score in shown if score["subject"] != "method"))
    rivals.sort(key=lambda rival: rival != "constant")
    minutes = (document["training_seconds"] + sum(document["evaluation_seconds"].values())) / 60
    lines = [f"**{title}** (seed {document['seed']}, {document['step']} steps, {minutes:.1f} minutes of training"]
    threads = document["environment"]["cpu_threads"]
    lines[0] += f" and evaluation on {threads} CPU core{'s' if threads > 1 else ''})\n"
    lines.append("| score | " + " | ".join([*rivals, document["method"]]) + " |")
    lines.append("|---|" + "---|" * (len(rivals) + 1))
    for name in dict.fromkeys(score["name"] for score in shown):
        row = {score["subject"]: score for score in shown if score["name"] == name}
        first = next(iter(row.values()))
        label = f"{name} ({first['unit']})" if first["unit"] else name
        lines.append(f"| {label} | " + " | ".join(cell(row.get(subject)) for subject in [*rivals, "method"]) + " |")
    return "\n".join(lines)


def main() -> int:
    results = ROOT / "benchmarks" / "results"
    made = "\n\n".join(table(title, results / name) for title, name in RUNS.items() if (results / name).exists())
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    wanted = f"{before}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}"
    if "--check" in sys.argv[1:]:
        if wanted != text:
            print("README.md does not show the committed results; run: python benchmarks/readme.py")
        return int(wanted != text)
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
