"""TensorBoard: event files in the run folder, which `tensorboard --logdir` of any folder above them shows together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganzoo import hookimpl
from ganzoo.tracker import RunCard, State, Tracker, flat_settings

ganzoo_contract = 2

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard(Tracker):
    name = "tensorboard"
    summary = "Event files in RUN/tensorboard, for TensorBoard and compatible tools."
    library = "tensorboard"
    install = "pip install 'ganzoo[tensorboard]'"
    writer: SummaryWriter

    def started(self, settings: Mapping[str, Any], card: RunCard) -> str:
        from torch.utils.tensorboard import SummaryWriter

        folder = card.folder / "tensorboard"
        # a resumed run writes the steps after its checkpoint again; readers drop the earlier ones
        purge = card.first_step + 1 if folder.is_dir() else None
        self.writer = SummaryWriter(str(folder), purge_step=purge)
        self.look = f"tensorboard --logdir {folder}"
        self.table("settings", ("setting", "value"), [(k, str(v)) for k, v in flat_settings(settings).items()])
        return ""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def image(self, step: int, name: str, file: Path) -> None:
        pixels = np.asarray(Image.open(file).convert("RGB"))
        self.writer.add_image(name, pixels, step, dataformats="HWC")

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = [columns, ["---"] * len(columns), *rows]
        text = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
        self.writer.add_text(name, text)

    def finished(self, state: State) -> None:
        self.writer.add_text("state", state)
        self.writer.close()


def _cell(text: str) -> str:
    """Text that stays within a cell of a Markdown table."""
    return " ".join(text.replace("|", r"\|").split())


@hookimpl
def ganzoo_trackers() -> Sequence[type[Tracker]]:
    return [TensorBoard]
