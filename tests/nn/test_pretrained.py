import hashlib
from dataclasses import replace
from urllib.error import URLError

import pytest
import torch

from ganzoo.errors import WeightsUnavailableError
from ganzoo.nn import pretrained
from ganzoo.nn.pretrained import PretrainedFile

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILE = PretrainedFile("the judge's weights", "https://example.org/judge.pth", DIGEST[:8], "MIT", "JUDGE_WEIGHTS", 1)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """A torch hub cache with nothing in it; where the file would lie."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(pretrained, "_failed", {})
    monkeypatch.delenv(FILE.variable, raising=False)
    return tmp_path / "hub" / "checkpoints" / "judge.pth"


def test_nothing_is_downloaded_unasked(monkeypatch):
    monkeypatch.setattr(pretrained.urllib.request, "urlopen", lambda *_, **__: pytest.fail("a download was tried"))
    with pytest.raises(WeightsUnavailableError, match="are not on this machine; set JUDGE_WEIGHTS"):
        FILE.find()
    assert FILE.status().startswith("weights absent; set JUDGE_WEIGHTS")


def test_a_failing_download_is_tried_once_and_leaves_nothing(empty_cache, monkeypatch):
    calls = []

    def fail(url, timeout):
        calls.append(timeout)
        raise URLError("no route to host")

    monkeypatch.setenv(FILE.variable, "download")
    monkeypatch.setattr(pretrained.urllib.request, "urlopen", fail)
    for _ in range(2):
        with pytest.raises(WeightsUnavailableError, match="no route to host"):
            FILE.find()
    assert len(calls) == 1
    assert calls[0] <= 30
    assert list(empty_cache.parent.iterdir()) == []


@pytest.mark.parametrize("intact", [True, False])
def test_a_download_is_kept_only_with_the_right_checksum(empty_cache, tmp_path, monkeypatch, intact):
    remote = tmp_path / "judge.pth"
    remote.write_bytes(CONTENT)
    file = replace(FILE, url=remote.as_uri(), sha256=DIGEST if intact else "00000000")
    monkeypatch.setenv(FILE.variable, "download")
    if intact:
        assert file.find() == (empty_cache, DIGEST)
        monkeypatch.delenv(FILE.variable)
        assert file.status() == f"weights at {empty_cache}"
    else:
        with pytest.raises(WeightsUnavailableError, match="SHA-256"):
            file.find()
        assert not empty_cache.exists()


def test_other_weights_are_refused_by_their_checksum(tmp_path, monkeypatch):
    (tmp_path / "mine.pth").write_bytes(b"something else")
    monkeypatch.setenv(FILE.variable, str(tmp_path / "mine.pth"))
    with pytest.raises(WeightsUnavailableError, match=r"mine\.pth does not hold the judge's weights"):
        FILE.find()


def test_a_path_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv(FILE.variable, "nowhere.pth")
    with pytest.raises(WeightsUnavailableError, match=r"nowhere\.pth cannot be read"):
        FILE.find()
