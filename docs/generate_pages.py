"""Writes the pages of methods and metrics. `--check` only says whether they are true.

Each is made from the class of the plugin, the notes of a person in docs/methods/notes or docs/metrics/notes, and the
committed results.
"""

from __future__ import annotations

import sys
from pathlib import Path

import method_pages
import metric_pages

DOCS = Path(__file__).parent
FOLDERS = ("methods", "metrics")


def main(arguments: list[str]) -> int:
    wanted = {**dict(method_pages.pages()), **dict(metric_pages.pages())}
    present = {file for folder in FOLDERS for file in (DOCS / folder).glob("*.md")}
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    left = sorted(present - wanted.keys())
    if "--check" in arguments:
        for file in [*stale, *left]:
            print(f"{file} is not what its sources say; run: python docs/generate_pages.py", file=sys.stderr)
        return 1 if stale or left else 0
    for file in stale:
        file.write_text(wanted[file], encoding="utf-8")
    for file in left:
        file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
