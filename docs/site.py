"""A hook of mkdocs: pages of the site whose one source stands outside docs/."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "benchmarks/README.md": "results.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_with_links_of_the_site(text, Path(source))))
    return files


def _with_links_of_the_site(text: str, source: Path) -> str:
    """Links to pages of the site stay links; those to anything else in the repository become plain text in code."""

    def target(link: str) -> str | None:
        path = (ROOT / source.parent / link).resolve().relative_to(ROOT).as_posix()
        if path in PAGES:
            return PAGES[path]
        return path.removeprefix("docs/") if path.startswith("docs/") and "." in Path(path).name else None

    def rewritten(match: re.Match[str]) -> str:
        label, link, anchor = match["label"], match["link"], match["anchor"] or ""
        found = target(link)
        return f"[{label}]({found}{anchor})" if found else label

    pattern = re.compile(r"\[(?P<label>[^\]]*)\]\((?!https?:|#|mailto:)(?P<link>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
    return pattern.sub(rewritten, text)
