"""What the Slurm engine makes of squeue, with a stand-in for Slurm's commands."""

from __future__ import annotations

import pytest
from extras import needs

from ganzoo.errors import EngineError


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The engine, with a squeue that prints what it is given and a scancel that writes down what it is told."""
    needs("slurm")
    from ganzoo_engines.slurm import Slurm, SlurmSettings

    def command(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    def answer(*lines, code=0):
        said = "\n".join(lines)
        command("squeue", f"cat <<'END'\n{said}\nEND\nexit {code}")

    command("sbatch", "exit 1")
    command("scancel", f'echo "$@" >> {tmp_path}/cancelled')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    engine = Slurm(SlurmSettings(), tmp_path / "engine")
    engine.answer, engine.cancelled = answer, tmp_path / "cancelled"
    return engine


def test_states_come_from_squeue_alone(slurm):
    slurm.answer(
        "4_0|PENDING|Resources", "4_1|RUNNING|None", "4_2|COMPLETING|None", "4_3|COMPLETED|None",
        "4_4|OUT_OF_MEMORY|OutOfMemory", "4_5|PENDING|BeginTime",
    )  # fmt: skip
    ids = [f"4_{number}" for number in range(7)]
    states = slurm.states(ids)
    phases = [states[each].phase for each in ids]
    assert phases == ["waiting", "running", "running", "ended", "ended", "waiting", "ended"]
    assert states["4_4"].reason == "Slurm says OUT_OF_MEMORY"
    assert states["4_3"].reason == states["4_6"].reason == ""
    assert all(state.code is None for state in states.values())  # which the cell itself writes down
    assert not slurm.cancelled.exists()


def test_a_job_that_waits_for_an_administrator_is_given_up(slurm):
    slurm.answer("9|PENDING|launch failed requeued held", "8|PENDING|Priority")
    states = slurm.states(["9", "8"])
    assert states["9"].phase == "ended"
    assert states["9"].reason == "Slurm holds it: launch failed requeued held"
    assert states["8"].phase == "waiting"
    assert slurm.cancelled.read_text() == "9\n"


def test_a_controller_that_does_not_answer_ends_no_job(slurm):
    slurm.answer("slurm_load_jobs error: Unable to contact slurm controller", code=1)
    with pytest.raises(EngineError, match="squeue failed"):
        slurm.states(["9"])


def test_jobs_that_slurm_refuses_are_reported(slurm, tmp_path):
    from ganzoo.engine import Job

    job = Job("job", ("true",), tmp_path, tmp_path)
    with pytest.raises(EngineError, match="sbatch refused the jobs"):
        slurm.start([job])
