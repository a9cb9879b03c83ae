"""Downloads the files of an archive whose licence permits it: verified, resumable, with progress."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.files.archive import Download
from ganzoo.files.output import writing
from ganzoo.progress import progress_bar
from ganzoo.stores.writer import write_all

BLOCK = 1 << 20
TIMEOUT = 30.0  # seconds without a byte


def download(files: Sequence[Download], folder: Path) -> None:
    """Download all `files` into `folder`, except complete ones. Raises GanzooError if one cannot be downloaded."""
    missing = [file for file in files if not _whole(folder / file.file, file)]
    _check_space(folder, sum(file.bytes for file in missing))
    for file in missing:
        _fetch(file, folder / file.file)


def _fetch(file: Download, path: Path) -> None:
    """Resume after the bytes that are there, and rename the file when its checksum is correct."""
    aside = path.with_name(path.name + ".partial")
    with writing(aside):
        path.parent.mkdir(parents=True, exist_ok=True)
        have = aside.stat().st_size if aside.exists() else 0
    if have < file.bytes:
        have = _append(file, aside, have)
    if have < file.bytes:
        raise GanzooError(
            f"{file.url} ended after {have:,} of {file.bytes:,} bytes; run the same command again to resume"
        )
    if not _whole(aside, file):
        aside.unlink(missing_ok=True)
        raise GanzooError(f"{file.url} does not have the checksum {file.md5} (md5); the file was deleted")
    with writing(path):
        os.replace(aside, path)


def _append(file: Download, aside: Path, have: int) -> int:
    """Download the missing bytes. Returns the size of the file afterwards."""
    request = urllib.request.Request(file.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if have and answer.status != 206:  # the server sends it from the start
                have = 0
            with writing(aside):
                out = aside.open("ab" if have else "wb", buffering=0)
            with out, progress_bar(aside.stem, file.bytes) as bar:
                bar.update(bar.task_ids[0], completed=have)
                while block := answer.read1(BLOCK):
                    with writing(aside):
                        write_all(out, block)
                    have += len(block)
                    bar.update(bar.task_ids[0], completed=have)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise GanzooError(f"{file.url} cannot be downloaded: {reason}; run the same command again to resume") from error
    return have


def _whole(path: Path, file: Download) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest() == file.md5


def _check_space(folder: Path, wanted: int) -> None:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < wanted:
        raise GanzooError(f"--to {folder} needs {wanted / 2**20:,.0f} MiB; {free / 2**20:,.0f} MiB are free")
