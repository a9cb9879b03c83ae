"""Images in a folder, as the plain loops read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class PngFolder(Dataset[tuple[Tensor, Tensor]]):
    """The PNG files of a folder, in [-1, 1], with labels [N, L] from its labels.npy."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.files = sorted(folder.glob("*.png"))
        self.labels = np.load(folder / "labels.npy")
        self.mode = "L" if channels == 1 else "RGB"
        half = (0.5,) * channels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(half, half)])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = Image.open(self.files[index]).convert(self.mode)
        return self.transform(image), torch.from_numpy(self.labels[index])


def write_folder(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """uint8 images [N, C, H, W] as PNG files, and their labels. Returns the folder."""
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{number:06d}.png")
    np.save(folder / "labels.npy", labels)
    return folder


def endless(folder: Path, channels: int, batch_size: int, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches, epoch after epoch."""
    loader = DataLoader(
        PngFolder(folder, channels),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while True:
        yield from loader
