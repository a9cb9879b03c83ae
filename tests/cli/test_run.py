import json

import pytest
from conftest import TOY
from PIL import Image

RUN = ("run", "shift", "--plugin", TOY, "--dataset", "toy", "--steps", 6, "--batch-size", 4, "--save-every", 3)
RUN = (*RUN, "--log-every", 2, "--metrics", "none", "--out", "out")


def test_a_run_leaves_everything_in_its_folder(ganzoo, tmp_path):
    result = ganzoo(*RUN)
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    settings = (out / "run.toml").read_text()
    assert "[environment]" in settings
    assert "explode_at = 0" in settings
    assert [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()] == [2, 3, 4, 6]
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-00000003", "step-00000006"]
    for picture in ("curves.png", "samples/step-00000003.png", "samples/step-00000006.png"):
        assert Image.open(out / picture).width > 100
    scores = json.loads((out / "metrics.json").read_text())
    assert scores["images_drawn"] == 24
    assert scores["step"] == 6


def test_the_same_command_again_says_that_it_is_complete(ganzoo, tmp_path):
    ganzoo(*RUN)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    result = ganzoo(*RUN)
    assert result.exit_code == 0
    assert "out is complete" in result.output
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_an_interrupted_run_goes_on_and_ends_as_one_never_stopped(ganzoo, tmp_path, monkeypatch):
    ganzoo(*RUN)
    ganzoo(*RUN[:-1], "other")
    other = tmp_path / "other"
    (other / "metrics.json").unlink()
    for file in (other / "checkpoints" / "step-00000006").iterdir():
        file.unlink()
    with pytest.warns(UserWarning, match="step-00000006 is damaged"):
        result = ganzoo(*RUN[:-1], "other")
    assert "resuming from step 3 of 6" in result.output
    assert (other / "log.jsonl").read_text() == (tmp_path / "out" / "log.jsonl").read_text()
    name = "checkpoints/step-00000006/parameters.safetensors"
    assert (other / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_default_folder_is_the_same_for_the_same_settings(ganzoo, tmp_path):
    ganzoo(*RUN[:-2])
    assert "is complete" in ganzoo(*RUN[:-2]).output
    ganzoo(*RUN[:-2], "--seed", 1)
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_run_toml_given_back_makes_the_same_run(ganzoo, tmp_path):
    ganzoo(*RUN, "--lr", 0.05)
    result = ganzoo("run", "shift", "--plugin", TOY, "--config", "out/run.toml", "--out", "again")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "log.jsonl").read_text() == (tmp_path / "out" / "log.jsonl").read_text()


def test_options_go_over_files_and_files_over_presets(ganzoo, tmp_path):
    (tmp_path / "s.toml").write_text("[train]\nbatch_size = 5\nlog_every = 9\n[method]\nlr = 0.5\n")
    arguments = ("--dataset", "toy", "--preset", "fast", "--config", "s.toml", "--metrics", "none", "--log-every", 8)
    result = ganzoo("run", "shift", "--plugin", TOY, *arguments, "--out", "out")
    assert result.exit_code == 0, result.output
    settings = (tmp_path / "out" / "run.toml").read_text()
    for line in ("steps = 7", "batch_size = 5", "log_every = 8", "lr = 0.5", 'preset = "fast"'):
        assert line in settings


def test_help_lists_every_setting_with_range_and_default(ganzoo):
    text = " ".join(ganzoo("run", "shift", "--plugin", TOY, "--dataset", "toy", "--help").output.split())
    for words in ("--count INTEGER Images of each part. [>= 4; default: 64]", "--lr NUMBER", "[> 0; default: 0.02]"):
        assert words in text
    for section in ("Run:", "Training:", "Method:", "Dataset:", "Evaluation:"):
        assert section in text
    for option in ("preset", "steps", "batch-size", "seed", "device", "precision", "save-every", "out", "plugin"):
        assert f"--{option}" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "shiftt"), "there is no method 'shiftt'"),
        (("run", "simgam"), "did you mean 'simgan'?"),
        (("run", "shift", "--dataset", "tooy"), "there is no dataset 'tooy'; did you mean 'toy'?"),
        (("run", "shift", "--dataset", "toy", "--stepz", 3), "No such option"),
        (
            ("run", "shift", "--dataset", "toy", "--steps", -1),
            "--steps = -1: input should be greater",
        ),
        (("run", "shift", "--dataset", "toy", "--lr", "fast"), "--lr = fast: input should be a valid number"),
        (("run", "shift", "--dataset", "toy", "--preset", "fest"), "no preset 'fest'; did you mean 'fast'?"),
        (("run", "shift", "--dataset", "toy", "--metrics", "fidd"), "there is no metric 'fidd'; did you mean 'fid'?"),
        (("run", "shift", "--dataset", "toy", "--device", "gpu"), "--device 'gpu'"),
        (("run", "shift", "--dataset", "toy", "--precision", "fp16"), "'fp16' is not one of"),
        (("run", "shift", "--config", "absent.toml"), "absent.toml cannot be read"),
        (("rum",), "there is no command 'rum'; did you mean 'run'?"),
        (("evaluate", "nowhere"), "nowhere holds no run"),
        (("list", "methodz"), "'methodz' is not one of"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence_with_exit_code_2(ganzoo, tmp_path, arguments, words):
    plugin = ("--plugin", TOY) if arguments[:2] == ("run", "shift") else ()
    result = ganzoo(*arguments, *plugin)
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_another_configuration_in_the_same_folder_is_refused_with_the_differing_keys(ganzoo, tmp_path):
    ganzoo(*RUN)
    before = (tmp_path / "out" / "run.toml").read_text()
    result = ganzoo(*RUN, "--lr", 0.5, "--seed", 3)
    assert result.exit_code == 2
    assert "method.lr: 0.02 -> 0.5" in result.output
    assert "train.seed: 0 -> 3" in result.output
    assert (tmp_path / "out" / "run.toml").read_text() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[trian]\nsteps = 1", "there is no table [trian]; did you mean 'train'?"),
        ("[train]\nstep = 1", "no setting 'step'; did you mean 'steps'?"),
        ("steps = 1", "steps"),
        ('[run]\nmethod = "dann"', "is for the method 'dann', not 'shift'"),
    ],
)
def test_a_settings_file_with_unknown_keys_is_refused(ganzoo, tmp_path, content, words):
    (tmp_path / "s.toml").write_text(content)
    result = ganzoo("run", "shift", "--plugin", TOY, "--dataset", "toy", "--config", "s.toml")
    assert result.exit_code == 2
    assert words in result.output


def test_an_unwritable_output_is_said(ganzoo, tmp_path):
    (tmp_path / "file").write_text("")
    result = ganzoo(*RUN[:-1], "file/run")
    assert result.exit_code == 1
    assert "file/run cannot be written" in result.output


def test_a_diverged_run_ends_with_exit_code_1_and_keeps_what_was_saved(ganzoo, tmp_path):
    result = ganzoo(*RUN, "--explode-at", 5)
    assert result.exit_code == 1
    assert "shift diverged: shift/brightness, shift/moments not finite by step 6" in result.output
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-00000003"]


def test_a_broken_plugin_file_is_said(ganzoo, tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    result = ganzoo("run", "simgan", "--plugin", "broken.py")
    assert result.exit_code == 1
    said = "the plugin broken.py does not work: ModuleNotFoundError: No module named 'nothing_of_that_name'"
    assert said in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--capture",), "--capture records CUDA graphs and needs a CUDA GPU"),
        (("--capture", "--compile"), "--capture and --compile cannot be combined"),
        (("--precision", "tf32"), "--precision tf32 needs a CUDA GPU"),
    ],
)
def test_what_cannot_be_trained_here_is_refused_before_there_is_a_folder(ganzoo, tmp_path, options, said):
    result = ganzoo("run", "shift", "--plugin", TOY, "--dataset", "toy", "--device", "cpu", *options, "--out", "new")
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "new").exists()
