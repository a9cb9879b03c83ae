"""Copies of data on the machine where a cell runs: equal bytes, made once, and a cell that reads them is the same."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import ganzoo_user_images.vectors as vectors
import numpy as np
import pytest
from ganzoo_user_images.pair import PairConfig
from ganzoo_user_images.vectors import VectorsConfig

from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.suite import parse_suite
from ganzoo.benchmark.work import work
from ganzoo.configuration.toml import write_toml
from ganzoo.runs import staging
from ganzoo.runs.staging import originals, staged


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """The disk of a machine, which the variable names."""
    (tmp_path / "disk").mkdir()
    monkeypatch.setenv("LOCAL_DISK", str(tmp_path / "disk"))
    monkeypatch.setenv("GANZOO_STAGE", "$LOCAL_DISK")
    return tmp_path / "disk"


@pytest.fixture
def config(tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", vector=random.normal(size=(30, 4)), label=np.arange(30) % 3)
    np.savez(tmp_path / "b.npz", vector=random.normal(size=(20, 4)))
    return VectorsConfig(source=tmp_path / "a.npz", target=tmp_path / "b.npz[::2]")


def test_paths_become_those_of_equal_files_and_nothing_else_changes(config, disk, tmp_path):
    said = []
    found = staged(config, said.append)
    assert disk in found.source.parents
    assert found.source.read_bytes() == (tmp_path / "a.npz").read_bytes()
    assert found.target.name == "b.npz[::2]"
    assert Path(str(found.target).removesuffix("[::2]")).read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert found.model_copy(update={"source": config.source, "target": config.target}) == config
    assert len(said) == 2
    assert found == staged(config, said.append)  # made once
    assert len(said) == 2
    assert (disk / f"ganzoo-{os.getuid()}").stat().st_mode & 0o777 == 0o700


def test_nothing_is_copied_unless_it_is_asked_for(config, disk, monkeypatch):
    monkeypatch.delenv("GANZOO_STAGE")
    assert staged(config, pytest.fail) == config
    assert not list(disk.iterdir())


def test_a_folder_is_copied_with_its_subfolders(disk, tmp_path):
    for name in ("images/p0/1.png", "images/p1/1.png", "images/labels.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = staged(PairConfig(source=tmp_path / "images" / "**", target=tmp_path / "absent"), lambda text: None)
    assert found.source.name == "**"
    files = sorted(file for file in found.source.parent.rglob("*") if file.is_file())
    assert [file.read_text() for file in files] == ["images/labels.csv", "images/p0/1.png", "images/p1/1.png"]
    assert found.target == tmp_path / "absent"  # the dataset refuses it


def test_a_copy_that_was_damaged_is_made_again_and_changed_data_get_another_one(config, disk, tmp_path):
    first = staged(config, lambda text: None).source
    whole, times = first.read_bytes(), first.stat()
    first.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert staged(config, lambda text: None).source.read_bytes() == whole
    np.savez(tmp_path / "a.npz", vector=np.zeros((6, 4)), label=np.arange(6) % 3)
    second = staged(config, lambda text: None).source
    assert second != first
    assert second.read_bytes() == (tmp_path / "a.npz").read_bytes()
    assert first.read_bytes() == whole  # other cells may still read it


def test_of_many_that_start_together_one_copies(config, disk, monkeypatch):
    said = []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: staged(config, said.append), range(8)))
    assert len([text for text in said if text.startswith("copying")]) == 2  # two files
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("problem", ["no folder", "no room", "differs", "changes"])
def test_what_cannot_be_copied_is_read_from_where_it_is_and_the_reason_is_told(config, disk, monkeypatch, problem):
    words = {"no folder": "there is no folder", "no room": "has no room", "differs": "differs from it",
             "changes": "it changed while it was copied"}  # fmt: skip
    if problem == "no folder":
        monkeypatch.delenv("LOCAL_DISK")
    elif problem == "no room":
        monkeypatch.setattr(staging.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    elif problem == "differs":
        monkeypatch.setattr(staging, "_hash", lambda file: "other")
    else:
        copied = staging._copied

        def touched(file, copy):
            os.utime(file, ns=(1, 1))
            return copied(file, copy)

        monkeypatch.setattr(staging, "_copied", touched)
    said = []
    assert staged(config, said.append) == config
    assert len([text for text in said if words[problem] in text and "is read from where it is" in text]) == 2
    assert not [file for file in disk.rglob("*") if file.name.startswith(("a.npz", "b.npz"))]


def test_a_link_is_not_followed(disk, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").symlink_to(tmp_path / "elsewhere.png")
    said = []
    config = PairConfig(source=tmp_path / "images")
    assert staged(config, said.append) == config
    assert "it has the link" in said[0]


def test_a_card_names_the_originals(config, disk):
    found = staged(config, lambda text: None)
    card = {"source": {"path": str(found.source), "samples": 3}, "all": [str(found.target), 1.5]}
    assert originals(card, config, found) == {
        "source": {"path": str(config.source), "samples": 3}, "all": [str(config.target), 1.5],
    }  # fmt: skip


def test_a_cell_that_reads_copies_has_the_same_settings_weights_and_card(config, disk, tmp_path, monkeypatch):
    suite = {
        "steps": 2, "seeds": 1, "train": {"batch_size": 4, "device": "cpu"}, "evaluate": {"metrics": ["none"]},
        "methods": {"source-only": {"settings": {"network": "mlp"}}},
        "datasets": {"vectors": {"settings": {"source": str(config.source), "target": str(config.target)}}},
    }  # fmt: skip
    (cell,) = cells_of(parse_suite(suite, "s", "s.toml"), {})
    read, read_array = [], vectors.read_array
    monkeypatch.setattr(vectors, "read_array", lambda file, *rest: read.append(file) or read_array(file, *rest))
    found = {}
    for name, stage in (("staged", "$LOCAL_DISK"), ("plain", "")):
        monkeypatch.setenv("GANZOO_STAGE", stage)
        place = tmp_path / name / "cells" / cell.id
        place.mkdir(parents=True)
        (place / "cell.toml").write_text(write_toml(cell.tables()))
        read.clear()
        work(place)
        assert read
        assert all((disk in file.parents) == bool(stage) for file in read)
        result = json.loads((place / "result.json").read_text())
        weights = (place / "run" / "checkpoints" / "step-00000002" / "parameters.safetensors").read_bytes()
        found[name] = (result["dataset_card"], result["settings"], result["cell"], weights)
    assert found["staged"] == found["plain"]
    assert found["plain"][0]["source"]["path"] == str(config.source)
