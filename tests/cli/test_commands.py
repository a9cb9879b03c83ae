import json
import os
import subprocess
import sys

from conftest import TOY

RUN = ("run", "shift", "--plugin", TOY, "--dataset", "toy", "--steps", 4, "--batch-size", 4, "--out", "out")


def test_importing_the_command_line_does_not_import_torch():
    code = "import ganzoo.cli, sys; sys.exit('torch' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_help_does_not_import_torch():
    code = (
        "import sys\nfrom ganzoo.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "refine" in shown.stdout


def test_version(ganzoo):
    from ganzoo import __version__

    assert ganzoo("--version").output == f"ganzoo, version {__version__}\n"


def test_everything_installed_is_listed(ganzoo):
    text = ganzoo("list").output
    for name in ("simgan", "eyes", "pair", "fid", "downstream-gaze-error", "label-drift", "inception"):
        assert name in text


def test_one_kind_is_listed(ganzoo):
    assert "simgan" in ganzoo("list", "methods").output
    assert "simgan" not in ganzoo("list", "datasets").output
    assert "broken" not in ganzoo("list", "plugins").output


def test_a_finished_run_is_measured_again(ganzoo, tmp_path):
    ganzoo(*RUN, "--metrics", "kid,fid", "--kid-extractors", "pixels", "--fid-extractors", "pixels")
    (tmp_path / "out" / "metrics.json").unlink()
    result = ganzoo("evaluate", "out", "--plugin", TOY, "--metrics", "kid", "--samples", 40)
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert document["step"] == 4
    assert {score["name"] for score in document["scores"]} == {"kid[pixels]"}
    assert "kid[pixels]" in result.output


def test_a_run_without_a_checkpoint_cannot_be_measured(ganzoo, tmp_path):
    ganzoo(*RUN, "--metrics", "none")
    for path in (tmp_path / "out" / "checkpoints").iterdir():
        path.rename(path.with_suffix(".partial"))
    result = ganzoo("evaluate", "out", "--plugin", TOY, "--metrics", "kid")
    assert result.exit_code == 1
    assert "has no whole checkpoint yet" in result.output


def test_the_shell_completes_commands_and_methods():
    def complete(*words):
        given = {"_GANZOO_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        code = "from ganzoo.cli import main; main(prog_name='ganzoo')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **given})
        return done.stdout.split()

    assert complete("ganzoo", "ref") == ["plain,refine"]
    assert complete("ganzoo", "run", "simg") == ["plain,simgan"]
    assert "plain,--refiner-updates" in complete("ganzoo", "run", "simgan", "--refiner")
