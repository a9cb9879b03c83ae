"""Strategies: bytes that are nearly a valid file, and documents in which something is changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tomli_w
from hypothesis import strategies as st

HOSTILE = (
    "",
    "../../outside",
    "/etc/passwd",
    "a\0b",
    "two\nlines",
    "x" * 300,
    "$a^{$",
    "<script>alert(1)</script>",
    "\x1b[2J",
    "[red]markup[/red]",
    "é 目 😀",
    "nan",
    "-1",
    "1e999",
    "%s %(x)s {0}",
)
NUMBERS = st.one_of(
    st.integers(-3, 300),
    st.sampled_from([2**31, 2**63, -(2**63), 2**64, 10**30, 10**400]),
    st.floats(width=32),
    st.sampled_from([float("nan"), float("inf"), 1e308, -1e308, 1e-320]),
)
WORDS = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
PLAIN = st.one_of(st.booleans(), NUMBERS, WORDS)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after a few changes of the kinds that disks, networks and attackers make; sometimes none."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["flip", "set", "number", "cut", "delete", "insert", "repeat"]))
        at = draw(st.integers(0, max(0, len(data) - 1)))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and data:
            data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        elif kind == "number":
            size = draw(st.sampled_from([2, 4, 8]))
            value = draw(st.sampled_from([0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**63]))
            order = draw(st.sampled_from(["little", "big"]))
            data[at : at + size] = (value % 256**size).to_bytes(size, order)
        elif kind == "cut":
            del data[at:]
        elif kind == "delete":
            del data[at : at + draw(st.integers(1, 64))]
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=16))
        elif kind == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 8))
    return bytes(data)


@st.composite
def edited(draw: st.DrawFn, documents: Sequence[Any], values: st.SearchStrategy[Any] = VALUES) -> Any:
    """One of the documents (of dictionaries and lists) in which a few places are changed, removed or added."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(document))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["change", "change", "remove", "add"]))
        if kind == "change":
            container[key] = draw(values)
        elif kind == "remove":
            del container[key]
        elif isinstance(container, dict):
            container[draw(WORDS)] = draw(values)
        else:
            container.insert(key, draw(values))
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: container and key."""
    for key, value in list(document.items() if isinstance(document, dict) else enumerate(document)):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)


def text_of(documents: Sequence[Any], write: Callable[[Any], str], values: st.SearchStrategy[Any] = VALUES) -> Any:
    """Files of a text format, as bytes: half with other values in a right form, half damaged."""
    whole = [write(document).encode() for document in documents]
    return st.one_of(edited(documents, values).map(lambda document: _written(document, write)), damaged(whole))


def json_files(documents: Sequence[Any]) -> st.SearchStrategy[bytes]:
    deep = [b"[" * 100_000, b'{"a":' * 50_000, b'"\\ud800"', b"9" * 5_000]
    return st.one_of(text_of(documents, json.dumps), text_of(documents, json.dumps), st.sampled_from(deep))


def toml_files(documents: Sequence[Any]) -> st.SearchStrategy[bytes]:
    deep = [b"a = " + b"[" * 5_000, b"a = " + b"{b=" * 5_000, b"a = " + b"9" * 5_000, b"a." * 2_000 + b"b = 1"]
    return st.one_of(text_of(documents, tomli_w.dumps), text_of(documents, tomli_w.dumps), st.sampled_from(deep))


def _written(document: Any, write: Callable[[Any], str]) -> bytes:
    try:
        return write(document).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError):  # the format cannot hold it
        return repr(document).encode("utf-8", "surrogatepass")
