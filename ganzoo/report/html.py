"""A web page in one file: it loads nothing, runs no script but the one that it is given, and escapes all input."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
MOST = 2**26  # bytes of a picture
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, parts: Sequence[str], script: str = "") -> str:
    """The whole document from a title and parts made by the functions below.

    `script` is one of our files in `page_files`. The policy of the page names its hash, so that a browser runs it and
    nothing else, and refuses whatever comes from elsewhere.
    """
    folder = files("ganzoo.report") / "page_files"
    style = (folder / "page.css").read_text(encoding="utf-8")
    code = (folder / script).read_text(encoding="utf-8") if script else ""
    policy = POLICY + (f"; script-src {_hash(code)}" if code else "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + (f"\n<script>{code}</script>" if code else "")
        + "\n</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def element(tag: str, parts: Sequence[str], **attributes: object) -> str:
    """Parts made by these functions inside an element, such as `<section class="dataset">`.

    A name ends with an underscore where Python reserves it; the others become `data-` attributes.
    """
    named = {f"data-{name}" if not name.endswith("_") else name[:-1]: value for name, value in attributes.items()}
    given = "".join(f' {name}="{escape(str(value))}"' for name, value in named.items())
    return f"<{tag}{given}>" + "\n".join(filter(None, parts)) + f"</{tag}>"


def heading(text: str, level: int = 2) -> str:
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def bullets(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>" if texts else ""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], strong: Collection[tuple[int, int]] = (), kind: str = ""
) -> str:
    """A table that scrolls sideways on a narrow screen; `strong` names cells by (row, column).

    The script of the page finds its tables by their `kind`, and their rows by `data-row`.
    """

    def cell(row: int, column: int, text: str) -> str:
        return f"<td><strong>{escape(text)}</strong></td>" if (row, column) in strong else f"<td>{escape(text)}</td>"

    lines = ["".join(cell(r, c, text) for c, text in enumerate(row)) for r, row in enumerate(rows)]
    return (
        f'<div class="wide"><table class="{escape(kind)}"><thead><tr>'
        + "".join(f"<th>{escape(text)}</th>" for text in head)
        + "</tr></thead><tbody>"
        + "".join(f'<tr data-row="{row}">{line}</tr>' for row, line in enumerate(lines))
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


def folded(summary: str, *parts: str) -> str:
    """Parts that a click shows; empty if there are none."""
    inner = "".join(parts)
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>" if inner else ""


def preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
