"""Weights & Biases: only on this machine, unless the user has an API key."""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from ganzoo import hookimpl
from ganzoo.tracker import RunCard, State, Tracker

ganzoo_contract = 2

SERVER = "https://api.wandb.ai"
WITHOUT_LOGIN = ("offline", "dryrun", "disabled")  # values of WANDB_MODE that need no key
EXIT_CODES: Mapping[State, int] = {"complete": 0, "failed": 1, "diverged": 1, "interrupted": 130}


class WandB(Tracker):
    name = "wandb"
    summary = "Weights & Biases; offline without an API key, and `wandb sync` uploads it later."
    library = "wandb"
    install = "pip install 'ganzoo[wandb]'"
    run: Any  # wandb.Run

    def started(self, settings: Mapping[str, Any], card: RunCard) -> str:
        import wandb

        quiet = wandb.Settings(console="off", silent=True)  # the terminal belongs to the run
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "ganzoo"),
            name=card.name,
            group=card.group or None,
            config={key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()},
            dir=str(card.folder),
            id=card.id or None,
            resume="allow" if card.id else None,
            mode=_mode(os.environ),
            settings=quiet,
        )
        place = Path(self.run.dir).parent
        self.look = f"wandb sync {place}" if self.run.offline else str(self.run.url)
        return str(self.run.id)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def image(self, step: int, name: str, file: Path) -> None:
        import wandb

        self.run.log({name: wandb.Image(str(file))}, step=step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        import wandb

        self.run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

    def finished(self, state: State) -> None:
        self.run.summary["state"] = state
        self.run.finish(exit_code=EXIT_CODES[state])


def _mode(environment: Mapping[str, str]) -> Literal["offline"] | None:
    """Offline if going online would ask for a login; else None, which leaves it to the user's settings."""
    if environment.get("WANDB_MODE") in WITHOUT_LOGIN or environment.get("WANDB_API_KEY"):
        return None
    host = urlsplit(environment.get("WANDB_BASE_URL", SERVER)).hostname or ""
    file = Path(environment.get("NETRC") or Path.home() / ".netrc")  # where `wandb login` keeps the key
    try:
        return None if netrc.netrc(file).authenticators(host) else "offline"
    except (OSError, netrc.NetrcParseError):
        return "offline"


@hookimpl
def ganzoo_trackers() -> Sequence[type[Tracker]]:
    return [WandB]
