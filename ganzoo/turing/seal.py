"""Secrets of a study: random numbers from its seed, ids, checksums of answers, and sealed answers of `timed`."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

SEAL_ROUNDS = 500  # of SHA-256 in the page's JavaScript


def derived(secret: str, *parts: object) -> str:
    """32 hex digits that nobody can compute without the secret."""
    return hmac.new(secret.encode(), repr(parts).encode(), hashlib.sha256).hexdigest()[:32]


def noise(secret: str, *parts: object) -> np.random.Generator:
    return np.random.default_rng(int(derived(secret, *parts), 16))


def seal(salt: str, trial: str, truth: str) -> str:
    """What a page of `timed` holds instead of the right answer, because its staircase depends on right answers.

    It keeps the answer out of the source and the DOM. It is not secret from a rater who programs: there are two
    possible answers, and the page must be able to tell which one is right.
    """
    text = f"{salt}|{trial}|{truth}"
    for _ in range(SEAL_ROUNDS):
        text = hashlib.sha256(text.encode()).hexdigest()
    return text[:16]


def checksum(salt: str, document: Mapping[str, Any]) -> str:
    """Of the answers without their checksum: detects files that were cut off or edited by hand."""
    held = {name: value for name, value in document.items() if name != "checksum"}
    text = json.dumps(held, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}|{text}".encode("utf-8", "surrogatepass")).hexdigest()
