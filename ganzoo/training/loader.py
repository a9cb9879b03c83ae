"""Draws batches. Draw k of a run is a pure function of (seed, k, rank)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import Batch, OracleBatch
from ganzoo.dataset import Domain, column_of
from ganzoo.errors import DatasetError
from ganzoo.pixels import to_unit_range
from ganzoo.system import dist
from ganzoo.training import devices
from ganzoo.training.prefetch import MappedRows

RESIDENT_BYTES = 4 << 30  # images up to this size are kept on a GPU; larger ones stream from the host


def derive_seed(*parts: object) -> int:
    """A 63-bit seed that is a pure function of `parts`."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def reseed(device: torch.device, *parts: object) -> None:
    """Make the device's noise a function of `parts`. A run has no other random state."""
    devices.seed(device, derive_seed(*parts))


class RowOrder:
    """An endless stream of row numbers: one shuffled epoch after the other, without dropping rows."""

    def __init__(self, length: int, *seed: object) -> None:
        self.length, self.seed = length, seed
        self._orders: dict[int, np.ndarray] = {}

    def at(self, start: int, count: int) -> np.ndarray:
        """Rows `start` to `start + count` of the stream."""
        positions = np.arange(start, start + count)
        epochs, offsets = np.divmod(positions, self.length)
        wanted = np.unique(epochs)
        self._orders = {int(epoch): self._order(int(epoch)) for epoch in wanted}
        return np.concatenate([self._orders[int(epoch)][offsets[epochs == epoch]] for epoch in wanted])

    def _order(self, epoch: int) -> np.ndarray:
        if epoch in self._orders:
            return self._orders[epoch]
        return np.random.Generator(np.random.Philox(derive_seed(*self.seed, epoch))).permutation(self.length)


class _ColumnRows:
    """The rows of one column, on the device if they fit there, else gathered on the host and copied."""

    def __init__(self, values: np.ndarray, device: torch.device) -> None:
        self.kind = column_of(values).kind
        wide = values if values.ndim > 1 else values[:, None]
        self.host = wide if self.kind == "image" else np.asarray(wide, np.float32)
        self.device = device
        resident = device.type != "cpu" and self.host.nbytes <= RESIDENT_BYTES
        self.mapped = None if resident else MappedRows.of(self.host)
        self.resident = (
            torch.from_numpy(np.require(self.host, requirements=["C", "W"])).to(device) if resident else None
        )

    def gather(self, rows: np.ndarray) -> Tensor:
        """These rows as float32: images in [-1, 1] and channels last, all else as it is."""
        if self.mapped is not None:
            self.mapped.ask(rows)
        if self.resident is not None:
            picked = self.resident[_moved(torch.from_numpy(rows), self.device)]
        elif self.kind == "image" and self.device.type == "cpu":
            return _channels_last(self.host[rows])
        else:  # a quarter of the bytes to copy: uint8 becomes float32 on the device
            picked = _moved(torch.from_numpy(self.host[rows]), self.device)
        return to_unit_range(picked).contiguous(memory_format=torch.channels_last) if self.kind == "image" else picked


def _channels_last(images: np.ndarray) -> Tensor:
    """`to_unit_range` in numpy, bit by bit the same: torch would start a second thread pool next to the training's."""
    unit = images.transpose(0, 2, 3, 1).astype(np.float32, order="C")
    unit /= 127.5
    unit -= 1
    return torch.from_numpy(unit).permute(0, 3, 1, 2)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A host tensor on the device. CUDA copies it from pinned memory, asynchronously."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Loader:
    """Draws the columns that a method reads. Each process draws its own part of each batch.

    Source and target are drawn independently, or row by row together if `paired`. `batch_size` is per process. Only
    `oracle` may read target labels. Raises DatasetError if the data lack a column.
    """

    def __init__(
        self,
        source: Domain | None,
        target: Domain | None,
        *,
        reads: Sequence[str] = ("source", "source_label", "target"),
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        oracle: bool = False,
        paired: bool = False,
    ) -> None:
        self.device = torch.device(device)
        self.batch_size, self.oracle = batch_size, oracle
        self.source_domain, self.target_domain = source, target
        visible = target if oracle or target is None else target.unlabelled()
        self._columns = {
            "source": _columns_of("source", source, reads, self.device),
            "target": _columns_of("target", visible, reads, self.device),
        }
        self._columns = {side: columns for side, columns in self._columns.items() if columns}
        lengths = {"source": source, "target": target}
        self._rows = {
            side: RowOrder(len(domain), seed, "source" if paired else side)
            for side, domain in lengths.items()
            if side in self._columns and domain is not None
        }
        self._ahead: tuple[int, Future[dict[str, Tensor]]] | None = None
        self._last: tuple[int, Batch] | None = None
        self._worker = ThreadPoolExecutor(1, "ganzoo-loader")

    def draw(self, index: int, progress: float) -> Batch:
        """Batch `index` of the run; the same one again for each phase that shares it. The next one is gathered
        meanwhile."""
        if self._last is not None and self._last[0] == index:
            return self._last[1]
        ahead, self._ahead = self._ahead, None
        columns = ahead[1].result() if ahead and ahead[0] == index else self._gather(index)
        self._ahead = index + 1, self._worker.submit(self._gather, index + 1)
        now = torch.full((), progress, device=self.device)
        batch = OracleBatch(columns, now) if self.oracle else Batch(columns, now)
        self._last = index, batch
        return batch

    def resize(self, batch_size: int) -> None:
        """Draw batches of another size from now on."""
        ahead, self._ahead, self._last = self._ahead, None, None
        if ahead is not None and not ahead[1].cancel():
            ahead[1].exception()  # wait until its memory is free
        self.batch_size = batch_size

    def close(self) -> None:
        """Stop gathering ahead."""
        self._worker.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _gather(self, index: int) -> dict[str, Tensor]:
        start = (index * dist.world() + dist.rank()) * self.batch_size
        gathered = {}
        for side, columns in self._columns.items():
            rows = self._rows[side].at(start, self.batch_size)
            gathered.update({name: column.gather(rows) for name, column in columns.items()})
        return gathered


def _columns_of(side: str, domain: Domain | None, reads: Sequence[str], device: torch.device) -> dict[str, _ColumnRows]:
    """The columns of one domain that are read, by the names that a batch gives them."""
    wanted = [name for name in reads if name == side or name.startswith(f"{side}_")]
    known = {} if domain is None else {f"{side}_{key}" if key else side: v for key, v in domain.columns().items()}
    for name in wanted:
        if name not in known:
            where = f"there is no {side}" if domain is None else f"{domain.name} has only {', '.join(known)}"
            hint = "; only an oracle is given the target's labels" if name == "target_label" else ""
            raise DatasetError(f"the method reads the column {name!r}, but {where}{hint}")
    return {name: _ColumnRows(known[name], device) for name in wanted}
