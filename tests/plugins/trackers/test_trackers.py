"""What arrives in the real tools, read back with their own readers. None of them has a login or a server here."""

import json
import os
import struct
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import TOY
from extras import needs
from PIL import Image

RUN = ("run", "shift", "--plugin", TOY, "--dataset", "toy", "--steps", 6, "--batch-size", 4, "--save-every", 3)
RUN = (*RUN, "--log-every", 2, "--metrics", "fid", "--fid-extractors", "pixels", "--out", "out")
FOREIGN = ("WANDB_", "MLFLOW_", "TRACKIO_")


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(FOREIGN) and name != "TRACKIO_DIR"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb-of-the-user"))


@pytest.fixture(scope="session")
def trackio_folder(tmp_path_factory):
    """trackio reads where its database is when it is imported."""
    os.environ["TRACKIO_DIR"] = str(tmp_path_factory.mktemp("trackio"))
    yield
    del os.environ["TRACKIO_DIR"]


def run_and_go_on(ganzoo, tracker):
    """A run whose last checkpoint is lost, so that it goes on from step 3 when it is started again."""
    folder = run(ganzoo, tracker)
    (folder / "metrics.json").unlink()
    for file in (folder / "checkpoints" / "step-00000006").iterdir():
        file.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(ganzoo, tracker)


def run(ganzoo, tracker):
    needs(tracker)
    result = ganzoo(*RUN, "--track", tracker)
    assert result.exit_code == 0, result.output
    assert "is disabled" not in result.output
    assert f"tracked by {tracker}: " in result.output
    return Path.cwd() / "out"


def losses(folder, term="shift/moments"):
    return [(line["step"], line[term]) for line in map(json.loads, (folder / "log.jsonl").read_text().splitlines())]


def fid(folder):
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    return next(s["value"] for s in scores if (s["name"], s["subject"]) == ("fid[pixels]", "method"))


def test_tensorboard_reads_one_line_for_each_loss_and_the_sheets_of_a_run_that_went_on(ganzoo):
    folder = run_and_go_on(ganzoo, "tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0, "tensors": 0}).Reload()
    seen = [(event.step, event.value) for event in events.Scalars("shift/moments")]
    assert [step for step, _ in seen] == [2, 3, 4, 6]  # nothing twice
    assert np.allclose([value for _, value in seen], [value for _, value in losses(folder)])
    assert events.Scalars("scores/fid[pixels]")[-1].value == pytest.approx(fid(folder))
    sheets = events.Images("samples")
    assert [sheet.step for sheet in sheets] == [3, 6]
    assert (sheets[0].width, sheets[0].height) == Image.open(folder / "samples" / "step-00000003.png").size
    texts = {tag: events.Tensors(tag)[-1].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]}
    assert "| train.steps | 6 |" in texts["settings/text_summary"]
    assert "| fid[pixels] | method |" in texts["scores/text_summary"]
    assert texts["state/text_summary"] == "complete"


def test_wandb_keeps_the_run_on_this_machine_under_one_name_when_it_goes_on(ganzoo):
    folder = run_and_go_on(ganzoo, "wandb")
    first, second = sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"))
    assert first.name == second.name  # the id is in it: one run to the server, whenever it is synced
    records = wandb_records(first)
    begun = next(record.run for record in records if record.WhichOneof("record_type") == "run")
    assert (begun.project, begun.display_name, begun.run_group) == ("ganzoo", "out", "toy")
    config = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert config["train"]["steps"] == 6
    history = wandb_history(records)
    assert [(line["_step"], line["shift/moments"]) for line in history if "shift/moments" in line] == losses(folder)
    assert history[-1]["scores/fid[pixels]"] == fid(folder)
    assert history[-1]["scores/_type"] == "table-file"
    for line in history[1:4:2]:  # steps 3 and 6
        assert (first.parent / "files" / line["samples/path"]).is_file()
    assert [line["_step"] for line in wandb_history(wandb_records(second))] == [4, 6]


def test_wandb_goes_online_only_for_a_user_with_a_key(tmp_path):
    from ganzoo_trackers.wandb import _mode

    nobody = {"NETRC": str(tmp_path / "netrc")}
    assert _mode(nobody) == "offline"
    assert _mode({**nobody, "WANDB_MODE": "online"}) == "offline"  # without a key it would ask for a login
    assert _mode({**nobody, "WANDB_MODE": "disabled"}) is None
    assert _mode({**nobody, "WANDB_API_KEY": "k" * 40}) is None
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert _mode(nobody) is None
    assert _mode({**nobody, "WANDB_BASE_URL": "https://wandb.example.org"}) == "offline"


def test_mlflow_has_one_run_with_settings_losses_sheets_and_scores(ganzoo):
    folder = run_and_go_on(ganzoo, "mlflow")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder.parent / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("ganzoo").experiment_id])
    assert (found.info.run_name, found.info.status) == ("out", "FINISHED")
    assert (found.data.params["train.steps"], found.data.params["run.method"]) == ("6", "shift")
    seen = {point.step: point.value for point in client.get_metric_history(found.info.run_id, "shift/moments")}
    assert sorted(seen.items()) == losses(folder)
    assert found.data.metrics["scores/fid.pixels"] == fid(folder)
    sheet = client.download_artifacts(found.info.run_id, "samples/step-00000006.png")
    assert (np.asarray(Image.open(sheet)) == np.asarray(Image.open(folder / "samples" / "step-00000006.png"))).all()
    table = client.download_artifacts(found.info.run_id, "tables/scores.csv")
    with open(table) as file:
        assert file.readline().startswith("score,of,value")


def test_trackio_has_one_run_with_settings_losses_sheets_and_scores(ganzoo, trackio_folder):
    folder = run_and_go_on(ganzoo, "trackio")
    from trackio.sqlite_storage import SQLiteStorage
    from trackio.utils import MEDIA_DIR

    assert SQLiteStorage.get_runs("ganzoo") == ["out"]
    assert SQLiteStorage.get_run_config("ganzoo", "out")["train.steps"] == 6
    lines = SQLiteStorage.get_logs("ganzoo", "out")
    assert sorted({(line["step"], line["shift/moments"]) for line in lines if "shift/moments" in line}) == losses(
        folder
    )
    assert {line["scores/fid[pixels]"] for line in lines if "scores/fid[pixels]" in line} == {fid(folder)}
    sheets = {line["step"]: MEDIA_DIR / line["samples"]["file_path"] for line in lines if "samples" in line}
    assert sorted(sheets) == [3, 6]
    assert Image.open(sheets[6]).size == Image.open(folder / "samples" / "step-00000006.png").size
    tables = [line["scores"]["_value"] for line in lines if "scores" in line]
    assert "fid[pixels]" in [row["score"] for row in tables[-1]]
    assert lines[-1]["state"] == "complete"
    other = folder.rename(folder.parent / "first")
    run(ganzoo, "trackio")  # another run in a folder of the same name
    assert len(SQLiteStorage.get_runs("ganzoo")) == 2
    assert other.is_dir()


def wandb_records(file):
    """All records of a finished run. W&B's own process writes the last ones after `finish` came back."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        records = list(wandb_records_until_now(file))
        if records and records[-1].WhichOneof("record_type") == "exit":
            return records
        time.sleep(0.05)
    return pytest.fail(f"{file} has no end after a minute")


def wandb_records_until_now(file):
    """The records of a .wandb file: blocks of 32 KiB in the log format of LevelDB, each record a protobuf."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = file.read_bytes(), 7, b""  # a header of 7 bytes
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # too little for another one in this block
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if at + 7 + length > len(data):  # half-written
            return
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(whole)
            whole = b""


def wandb_history(records):
    lines = [record.history.item for record in records if record.WhichOneof("record_type") == "history"]
    return [{"/".join(item.nested_key): json.loads(item.value_json) for item in line} for line in lines]
