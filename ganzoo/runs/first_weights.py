"""`--from RUN`: a run that starts from the weights of another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganzoo.configuration.toml import as_table
from ganzoo.errors import CheckpointError, ConfigError
from ganzoo.method import Method
from ganzoo.runs.origin import WeightsRecord, origin_of
from ganzoo.runs.run_folder import RunFolder, differing
from ganzoo.training import checkpoint


@dataclass(frozen=True)
class FirstWeights:
    """The newest whole checkpoint of the run that gives its weights."""

    giver: RunFolder
    path: Path
    noted: WeightsRecord

    def load(self, method: Method) -> None:
        """Give `method` all parameters and buffers. Raises ConfigError if they do not fit it."""
        try:
            checkpoint.load(self.path, method)
        except CheckpointError as error:
            old = self.giver.settings()
            given = {"method": old.get("method", {}), "run": old.get("data", {})}
            wanted = {"method": as_table(method.config), "run": method.spec.as_table()}
            different = [each.removeprefix("run.") for each in differing(given, wanted)]
            said = f"these differ: {'; '.join(different)}" if different else str(error)
            raise ConfigError(f"--from {self.giver.path}: its weights do not fit this {method.name}; {said}") from error


def first_weights(giver: Path | None, method: type[Method], folder: RunFolder) -> FirstWeights | None:
    """The weights from which the run in `folder` starts; None if it has its own, or resumes from its checkpoint.

    Raises ConfigError if `giver` is not a run of the method, or has other weights than when the run began,
    CheckpointError if it has saved nothing.
    """
    if giver is None or checkpoint.latest(folder.path) is not None:
        return None
    of = RunFolder(giver)
    if giver.resolve() == folder.path.resolve():
        raise ConfigError(f"--from {giver} is the run folder itself; to resume a run, run its own command again")
    if not of.settings_file.is_file():
        raise ConfigError(f"--from {giver} holds no run: there is no run.toml in it")
    run = of.settings().get("run", {})
    name = run.get("method") if isinstance(run, dict) else None
    if name != method.name:
        raise ConfigError(f"--from {giver} is a run of {name}, and this is {method.name}; it must be the same method")
    newest = checkpoint.latest(giver)
    if newest is None:
        raise CheckpointError(f"--from {giver} has no whole checkpoint yet")
    noted = WeightsRecord(step=int(newest.name[-8:]), sha256=checkpoint.weights_hash(giver))
    if folder.settings_file.exists() and origin_of(folder).weights not in (None, noted):
        raise ConfigError(
            f"--from {giver} has other weights now than when {folder.path} began, which has saved nothing yet; "
            "give another --out"
        )
    return FirstWeights(of, newest, noted)
