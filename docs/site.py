"""Hooks of mkdocs: pages of the site whose one source stands outside docs/, and the pages of methods and metrics."""

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


FOLDERS = {
    "methods.md": "Methods",
    "metrics.md": "Metrics",
}  # pages with a folder of one page for each method or metric


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the page of each method and metric below its overview in the navigation."""
    docs = Path(config.docs_dir)

    def extended(entry: object) -> object:
        if isinstance(entry, dict):
            return {title: [*map(extended, part)] if isinstance(part, list) else part for title, part in entry.items()}
        if not isinstance(entry, str) or entry not in FOLDERS:
            return entry
        folder = entry.removesuffix(".md")
        pages = [
            {file.stem: f"{folder}/{file.name}"}
            for file in sorted((docs / folder).glob("*.md"), key=lambda each: each.stem)
        ]
        return {FOLDERS[entry]: [{"Overview": entry}, *pages]}

    config.nav = [extended(entry) for entry in config.nav or []]
    return config


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
