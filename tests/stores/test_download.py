"""Downloads: whole or absent, continued after a cut, refused when they are not what was promised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ganzoo.errors import GanzooError
from ganzoo.files.archive import Download
from ganzoo.stores.download import download

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """Serves CONTENT at /file; what it does wrong is set from outside."""

    cut: int | None = None  # bytes after which an answer ends too early
    ranges = True
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.server.asked.append(asked)
        if self.path != "/file":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:][: self.server.cut])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def file_of(server: Server, path: str = "/file", content: bytes = CONTENT) -> Download:
    md5 = hashlib.md5(content).hexdigest()
    return Download(f"http://127.0.0.1:{server.server_port}{path}", "raw/file.bin", md5, len(content))


def test_a_file_comes_whole_and_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    download([file_of(server)], tmp_path)
    assert (tmp_path / "raw/file.bin").read_bytes() == CONTENT
    download([file_of(server)], tmp_path)
    assert len(server.asked) == 1
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["file.bin"]


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "from the start"])
def test_a_cut_connection_is_said_and_the_same_command_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.cut = 60_000
    with pytest.raises(GanzooError, match=r"ended after 60,000 of 102,400 bytes; run the same command again to resume"):
        download([file_of(server)], tmp_path)
    assert not (tmp_path / "raw/file.bin").exists()
    server.cut, server.ranges = None, ranges
    download([file_of(server)], tmp_path)
    assert (tmp_path / "raw/file.bin").read_bytes() == CONTENT
    assert server.asked == ["", "bytes=60000-"]


def test_another_content_than_promised_is_not_kept(server: Server, tmp_path: Path) -> None:
    promised = file_of(server, content=CONTENT[::-1])
    with pytest.raises(GanzooError, match=r"does not have the checksum .*; the file was deleted"):
        download([promised], tmp_path)
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_part_that_is_not_of_this_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "raw" / "file.bin.partial"
    part.parent.mkdir()
    part.write_bytes(b"x" * 500)
    with pytest.raises(GanzooError, match="does not have the checksum"):
        download([file_of(server)], tmp_path)
    download([file_of(server)], tmp_path)
    assert (tmp_path / "raw/file.bin").read_bytes() == CONTENT


def test_what_cannot_be_fetched_is_one_sentence(server: Server, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="/absent cannot be downloaded: Not Found"):
        download([file_of(server, "/absent")], tmp_path)
    unreachable = Download("http://127.0.0.1:1/file", "file", "", 10)
    with pytest.raises(GanzooError, match=r"cannot be downloaded: .*refused"):
        download([unreachable], tmp_path)


def test_a_disk_that_is_too_small_is_told_before(server: Server, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=r"needs .* MiB"):
        download([Download("http://127.0.0.1:1/file", "file", "", 2**60)], tmp_path)
    assert server.asked == []


def test_a_folder_that_cannot_be_made_is_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file")
    with pytest.raises(GanzooError, match="cannot be written"):
        download([file_of(server)], tmp_path)
