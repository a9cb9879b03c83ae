"""Where ganzoo keeps what it can make again: rendered datasets, fitted networks."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """The folder for one kind of cached thing; the environment variable GANZOO_CACHE moves them all."""
    root = os.environ.get("GANZOO_CACHE") or platformdirs.user_cache_dir("ganzoo")
    return Path(root) / name
