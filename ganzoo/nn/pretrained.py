"""Pretrained weights: a given file, one in torch hub's cache, or an explicitly requested download.

Nothing is downloaded unless requested. A method lists its files in `Method.pretrained`, so that `ganzoo doctor` shows
where they are, and puts the networks that hold them into `Method.frozen`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch

from ganzoo.errors import WeightsUnavailableError
from ganzoo.system.atomic import replacing

TIMEOUT_S = 15
_failed: dict[str, str] = {}  # downloads that failed in this process, each tried once: URL -> reason


@dataclass(frozen=True)
class PretrainedFile:
    """A file of pretrained weights."""

    what: str  # such as "pytorch-fid's Inception weights"
    url: str
    sha256: str  # its SHA-256 in hexadecimal digits, or the first eight or more of them
    license: str
    variable: str  # environment variable: a path, or the word download
    megabytes: int

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def how(self) -> str:
        """How to get it."""
        return (
            f"set {self.variable} to the word download to download {self.name} ({self.megabytes} MB), or to its path, "
            "or put it into the torch hub cache"
        )

    def find(self) -> tuple[Path, str]:
        """The file, and its full SHA-256. Raises WeightsUnavailableError, saying how to get it, if it is absent or
        a different file."""
        given, cached = os.environ.get(self.variable, ""), self._cached()
        if given and given != "download":
            return self._verified(Path(given))
        if cached.is_file():
            return self._verified(cached)
        if not given:
            raise WeightsUnavailableError(f"{self.what} are not on this machine; {self.how}")
        if self.url not in _failed:
            _failed[self.url] = self._download(cached)
        if _failed[self.url]:
            raise WeightsUnavailableError(f"the download of {self.url} failed ({_failed[self.url]}); {self.how}")
        return self._verified(cached)

    def status(self) -> str:
        """Where the weights are, or how to get them. Reads and downloads nothing."""
        given = os.environ.get(self.variable, "")
        file = Path(given) if given not in ("", "download") else self._cached()
        return f"weights at {file}" if file.is_file() else f"weights absent; {self.how}"

    def _cached(self) -> Path:
        return Path(torch.hub.get_dir()) / "checkpoints" / self.name

    def _verified(self, file: Path) -> tuple[Path, str]:
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise WeightsUnavailableError(
                f"{file} cannot be read ({error.strerror}); {self.variable} must be the path of {self.name}"
            ) from error
        if not digest.startswith(self.sha256):
            raise WeightsUnavailableError(
                f"{file} does not hold {self.what}: its SHA-256 begins with {digest[:8]}, not {self.sha256[:8]}; "
                f"replace it with {self.url}"
            )
        return file, digest

    def _download(self, to: Path) -> str:
        """Download the weights. Returns the error in words; empty if there is none."""
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with replacing(to, shared=True) as aside:
                with urllib.request.urlopen(self.url, timeout=TIMEOUT_S) as answer, aside.open("wb") as file:
                    shutil.copyfileobj(answer, file)
                self._verified(aside)
        except (URLError, OSError, WeightsUnavailableError) as error:
            return str(getattr(error, "reason", error))
        return ""
