"""A web page in one file: it loads nothing, runs nothing, and escapes all input."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; min-width: 4.5rem; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
td:first-child { white-space: normal; min-width: 7rem; max-width: 40vw; overflow-wrap: anywhere; }
tbody tr:hover { background: var(--soft); }
strong { background: #2a24; border-radius: .2rem; padding: 0 .2rem; }
ul { padding-left: 1.2rem; } li { overflow-wrap: anywhere; font-size: .9rem; }
figure { margin: 1rem 0; } figcaption { font-size: .85rem; opacity: .8; }
img { max-width: 100%; height: auto; background: #fff; border-radius: .2rem; }
.wide img { max-width: none; }
pre { overflow-x: auto; background: var(--soft); padding: .6rem; font-size: .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
"""
PNG = b"\x89PNG\r\n\x1a\n"
MOST = 2**26  # bytes of a picture
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # a browser refuses anything from elsewhere


def page(title: str, parts: Sequence[str]) -> str:
    """The whole document from a title and parts made by the functions below."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def bullets(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>" if texts else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], strong: Collection[tuple[int, int]] = ()) -> str:
    """A table that scrolls sideways on a narrow screen; `strong` names cells by (row, column)."""

    def cell(row: int, column: int, text: str) -> str:
        return f"<td><strong>{escape(text)}</strong></td>" if (row, column) in strong else f"<td>{escape(text)}</td>"

    lines = ["".join(cell(r, c, text) for c, text in enumerate(row)) for r, row in enumerate(rows)]
    return (
        '<div class="wide"><table><thead><tr>'
        + "".join(f"<th>{escape(text)}</th>" for text in head)
        + "</tr></thead><tbody>"
        + "".join(f"<tr>{line}</tr>" for line in lines)
        + "</tbody></table></div>"
    )


def picture(data: bytes, kind: str, caption: str, *, scrolls: bool = False) -> str:
    """An image of the kind `png` or `svg+xml`, scaled to the page, or in its own size with a scroll bar."""
    address = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    image = f'<img src="{address}" alt="{escape(caption)}">'
    inner = f'<div class="wide">{image}</div>' if scrolls else image
    return f"<figure>{inner}<figcaption>{escape(caption)}</figcaption></figure>"


def picture_file(file: Path, caption: str, *, scrolls: bool = False) -> str:
    """A PNG from a file; empty if there is none.

    Links are not followed, and only PNG files are included: a page is shared, and must not contain private files.
    """
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST:
            return ""
        data = file.read_bytes()
    except OSError:
        return ""
    if not data.startswith(PNG):
        return ""
    return picture(data, "png", caption, scrolls=scrolls)


def folded(summary: str, text: str) -> str:
    """Preformatted text, shown on a click."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"
