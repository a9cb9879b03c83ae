"""Draws batches. Draw k of a run is a pure function of (seed, k, rank)."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ganzoo import devices, dist
from ganzoo.batch import Batch, OracleBatch
from ganzoo.dataset import Domain
from ganzoo.errors import DatasetError
from ganzoo.mapped import MappedRows

RESIDENT_BYTES = 4 << 30  # images up to this size are kept on a GPU; larger ones stream from the host


def derive_seed(*parts: object) -> int:
    """A 63-bit seed that is a pure function of `parts`."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def reseed(device: torch.device, *parts: object) -> None:
    """Make the device's noise a function of `parts`. A run has no other random state."""
    devices.seed(device, derive_seed(*parts))


def to_unit_range(images: Tensor) -> Tensor:
    """uint8 as float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] as uint8: the inverse of `to_unit_range`, rounded."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class Rows:
    """An endless stream of row numbers: one shuffled epoch after the other, without dropping any."""

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


class _Images:
    """uint8 images, on the device where they fit, else gathered on the host and copied."""

    def __init__(self, images: np.ndarray, device: torch.device) -> None:
        self.host = images
        self.device = device
        resident = device.type != "cpu" and images.nbytes <= RESIDENT_BYTES
        self.mapped = None if resident else MappedRows.of(images)
        self.resident = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(device) if resident else None

    def gather(self, rows: np.ndarray) -> Tensor:
        """These images, float [N, C, H, W] in [-1, 1], channels last."""
        if self.mapped is not None:
            self.mapped.ask(rows)
        if self.resident is not None:
            picked = self.resident[_moved(torch.from_numpy(rows), self.device)]
        elif self.device.type != "cpu":  # a quarter of the bytes to copy: bytes become numbers there
            picked = _moved(torch.from_numpy(self.host[rows]), self.device)
        else:
            return _channels_last(self.host[rows])
        return to_unit_range(picked).contiguous(memory_format=torch.channels_last)


def _channels_last(images: np.ndarray) -> Tensor:
    """`to_unit_range`, to the bit, by numpy: torch would open a second team of threads beside the one that trains."""
    unit = images.transpose(0, 2, 3, 1).astype(np.float32, order="C")
    unit /= 127.5
    unit -= 1
    return torch.from_numpy(unit).permute(0, 3, 1, 2)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device. CUDA copies it from pinned memory, for which nobody has to wait."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Loader:
    """Draws from two domains of different length, on every process its own part of each batch.

    `batch_size` is per process. `oracle` adds the target's labels; raises DatasetError where there are none.
    """

    def __init__(
        self,
        source: Domain,
        target: Domain,
        *,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        oracle: bool = False,
    ) -> None:
        if source.labels is None:
            raise DatasetError(f"{source.name}: the source must be labelled")
        if oracle and target.labels is None:
            raise DatasetError(f"{target.name}: an oracle learns from target labels, and this target has none")
        self.device = torch.device(device)
        self.batch_size = batch_size
        self.source_domain, self.target_domain = source, target
        self.source, self.target = _Images(source.images, self.device), _Images(target.images, self.device)
        self.source_label = torch.from_numpy(np.array(source.labels, np.float32))
        self.target_label = torch.from_numpy(np.array(target.labels, np.float32)) if oracle else None
        self._source_rows = Rows(len(source), seed, "source")
        self._target_rows = Rows(len(target), seed, "target")
        self._ahead: tuple[int, Future[dict[str, Tensor]]] | None = None
        self._worker = ThreadPoolExecutor(1, "ganzoo-loader")

    def draw(self, index: int, progress: float) -> Batch:
        """Batch `index` of the run. The next one is gathered meanwhile."""
        ahead, self._ahead = self._ahead, None
        parts = ahead[1].result() if ahead and ahead[0] == index else self._gather(index)
        self._ahead = index + 1, self._worker.submit(self._gather, index + 1)
        now = torch.full((), progress, device=self.device)
        return OracleBatch(progress=now, **parts) if self.target_label is not None else Batch(progress=now, **parts)

    def resize(self, batch_size: int) -> None:
        """Draw batches of another size from now on."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and not ahead[1].cancel():
            ahead[1].exception()  # wait until it has let go of its memory
        self.batch_size = batch_size

    def close(self) -> None:
        """Stop gathering ahead."""
        self._worker.shutdown(cancel_futures=True)

    def _gather(self, index: int) -> dict[str, Tensor]:
        start = (index * dist.world() + dist.rank()) * self.batch_size
        source = self._source_rows.at(start, self.batch_size)
        target = self._target_rows.at(start, self.batch_size)
        parts = {
            "source": self.source.gather(source),
            "source_label": _moved(self.source_label[torch.from_numpy(source)], self.device),
            "target": self.target.gather(target),
        }
        if self.target_label is not None:
            parts["target_label"] = _moved(self.target_label[torch.from_numpy(target)], self.device)
        return parts
