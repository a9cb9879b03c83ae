"""How near the images a method makes are to real ones: `fid` and `kid` on named feature extractors."""

from __future__ import annotations

from ganzoo import hookimpl
from ganzoo_fid.efficientnet import EfficientNetLite0
from ganzoo_fid.inception import Inception
from ganzoo_fid.metrics import FID, KID


@hookimpl
def ganzoo_metrics() -> list[type]:
    return [FID, KID]


@hookimpl
def ganzoo_extractors() -> list[type]:
    return [Inception, EfficientNetLite0]
