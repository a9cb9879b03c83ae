"""Write the golden curves again, of the methods named or of all that have one:

    python tests/golden/regenerate.py [METHOD...]

Only after a change that is meant to change what a method learns; say why in the commit.
"""

from __future__ import annotations

import json
import sys

from curves import FOLDER, curve

from ganzoo.discovery.registry import registry


def main(names: list[str]) -> None:
    for name in names or [path.stem for path in sorted(FOLDER.glob("*.json"))]:
        terms = [
            {key: float(f"{value:.7g}") for key, value in step.items()}
            for step in curve(registry().get("methods", name))
        ]
        lines = ",\n".join(json.dumps(step) for step in terms)
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(sys.argv[1:])
