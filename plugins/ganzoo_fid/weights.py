"""Finds pytorch-fid's Inception weights: a path that is given, the hub cache, or a download that was asked for."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from functools import cache
from pathlib import Path
from urllib.error import URLError

import torch

from ganzoo.errors import MetricUnavailableError

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
FILE = URL.rpartition("/")[2]
HASH = "6726825d"  # torch hub's convention: a file name ends in the first eight digits of the file's SHA-256
VARIABLE = "GANZOO_INCEPTION_WEIGHTS"
TIMEOUT_S = 15
HOW = f"set {VARIABLE} to the word download to fetch {FILE} (91 MB), or to its path, or put it into the torch hub cache"


def inception_weights() -> tuple[Path, str]:
    """The file with pytorch-fid's standard weights, and its SHA-256.

    Raises MetricUnavailableError, saying how to get it, where it is absent or another file than the standard one.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    given = os.environ.get(VARIABLE, "")
    if given and given != "download":
        return _verified(Path(given))
    if cached.is_file():
        return _verified(cached)
    if not given:
        raise MetricUnavailableError(f"pytorch-fid's Inception weights are not on this machine; {HOW}")
    failure = _download(cached)
    if failure:
        raise MetricUnavailableError(f"the download of {URL} failed ({failure}); {HOW}")
    return _verified(cached)


def weights_status() -> str:
    """Where the weights are, or how to get them. Reads and fetches nothing."""
    given = os.environ.get(VARIABLE, "")
    file = Path(given) if given not in ("", "download") else Path(torch.hub.get_dir()) / "checkpoints" / FILE
    return f"weights at {file}" if file.is_file() else f"weights absent; {HOW}"


def _verified(file: Path) -> tuple[Path, str]:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise MetricUnavailableError(
            f"{file} cannot be read ({error.strerror}); {VARIABLE} must be the path of {FILE}"
        ) from error
    if not digest.startswith(HASH):
        raise MetricUnavailableError(
            f"{file} is not pytorch-fid's standard file: its SHA-256 begins with {digest[:8]}, not {HASH}; "
            f"replace it with {URL}"
        )
    return file, digest


@cache
def _download(to: Path) -> str:
    """Fetch the weights. What went wrong, in words; empty where nothing did. Tried once in a process."""
    aside = to.with_suffix(f".{os.getpid()}.partial")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(URL, timeout=TIMEOUT_S) as answer, aside.open("wb") as file:
            shutil.copyfileobj(answer, file)
        _verified(aside)
        aside.replace(to)
    except (URLError, OSError, MetricUnavailableError) as error:
        return str(getattr(error, "reason", error))
    finally:
        aside.unlink(missing_ok=True)
    return ""
