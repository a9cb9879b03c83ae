"""How near images are to real ones: `fid`, `kid`, `precision-recall`, `density-coverage` on named extractors."""

from __future__ import annotations

from ganzoo import hookimpl
from ganzoo_fid.efficientnet import EfficientNetLite0
from ganzoo_fid.inception import Inception
from ganzoo_fid.metrics import FID, KID, DensityCoverage, PrecisionRecall

ganzoo_contract = 2


@hookimpl
def ganzoo_metrics() -> list[type]:
    return [FID, KID, PrecisionRecall, DensityCoverage]


@hookimpl
def ganzoo_extractors() -> list[type]:
    return [Inception, EfficientNetLite0]
