"""The settings of every training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ganzoo.settings import Settings

Precision = Literal["auto", "fp32", "tf32", "bf16"]
WHEN_TO_STOP = ("stop_on_collapse", "collapse_steps")  # settings that do not change what a run computes


class TrainConfig(Settings):
    """Settings of every run."""

    steps: int = Field(10_000, ge=0, description="Training steps; a step runs the phases that the method schedules.")
    batch_size: int = Field(64, ge=1, description="Images of each domain in an update, on each process.")
    micro_batch: int = Field(
        0, ge=0, description="Split updates into micro-batches of this size to save memory; 0: whole."
    )
    seed: int = Field(0, ge=0, description="Seed of the weights, the noise and the order of the data.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    precision: Precision = Field("auto", description="auto: bf16 if the hardware is fast at it, else fp32.")
    compile: bool = Field(
        False,
        description="Compile the losses with torch.compile, which takes minutes at first and may save more later.",
    )
    capture: bool = Field(
        False,
        description="On a GPU, replay each phase as a CUDA graph, once a check shows the same results; it takes more "
        "memory.",
    )
    save_every: int = Field(1_000, ge=1, description="Steps between checkpoints and sample sheets.")
    log_every: int = Field(50, ge=1, description="Steps between lines of the log.")
    stop_on_collapse: bool = Field(
        False, description="Stop the run if the same warning is in every line of the log for --collapse-steps."
    )
    collapse_steps: int = Field(
        1_000, ge=1, description="Steps, and at least 3 lines of the log, that a warning must persist to stop the run."
    )
    deterministic: bool = Field(
        False, description="On a GPU, use slower algorithms with bit-exact results; on a CPU, they always are."
    )
