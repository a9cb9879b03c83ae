"""Digits: the archives `mnist`, `mnistm`, `usps`, `svhn`, the pairs of them that papers report, and stacked digits."""

from __future__ import annotations

from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset
from ganzoo.files.archive import Archive
from ganzoo.files.fit import Channels, Resizer
from ganzoo.files.store_pair import StorePairConfig, pair_of
from ganzoo_digits.mnistm import MNISTM
from ganzoo_digits.originals import MNIST, SVHN, USPS
from ganzoo_digits.stacked import StackedMNIST

ganzoo_contract = 2


class ColourConfig(StorePairConfig):
    channels: Channels = Field("rgb", description="Grey digits become RGB by three equal channels.")


class ResizedConfig(StorePairConfig):
    image_height: int = Field(28, ge=0, le=8192, description="Height of the resized images; 0: the target's.")
    image_width: int = Field(28, ge=0, le=8192, description="Width of the resized images; 0: the target's.")
    resizer: Resizer = Field("pillow-bilinear", description="How images of other sizes are resized.")


class GreyConfig(ResizedConfig):
    channels: Channels = Field("grey", description="Colour becomes ITU-R 601 luma.")


@hookimpl
def ganzoo_archives() -> list[type[Archive]]:
    return [MNIST, MNISTM, USPS, SVHN]


@hookimpl
def ganzoo_datasets() -> list[type[Dataset]]:
    return [
        pair_of(MNIST, MNISTM, config=ColourConfig),
        pair_of(MNIST, USPS, config=ResizedConfig),
        pair_of(SVHN, MNIST, config=GreyConfig),
        StackedMNIST,
    ]
