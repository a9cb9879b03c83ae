"""Collects what committed benches say about each criterion, for `ganzoo choose`: ganzoo/selection/evidence.json.

python benchmarks/criteria.py            # from benchmarks/results/*/criteria.json
python benchmarks/criteria.py --check    # only whether the file is true
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ganzoo.benchmark.criteria import FILE, read_criteria
from ganzoo.benchmark.criteria_table import criteria_of
from ganzoo.benchmark.options import evidence_of

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "ganzoo" / "selection" / "evidence.json"


def collected() -> str:
    """The contents of evidence.json."""
    found = []
    for file in sorted(RESULTS.glob(f"*/{FILE}")):
        for label, dataset in read_criteria(file.parent).datasets.items():
            made = [evidence_of(dataset, name, f"{file.parent.name}, {label}") for name in criteria_of(dataset)]
            found += [each.model_dump() for each in made if each is not None]
    return json.dumps({"evidence": found}, indent=1) + "\n"


def main() -> int:
    text = collected()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif json.loads(PAGE.read_text(encoding="utf-8")) != json.loads(text):
        print(f"{PAGE} is not what the committed benches say; run python benchmarks/criteria.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
