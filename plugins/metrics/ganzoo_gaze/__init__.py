"""Gaze labels: `downstream-gaze-error`, `gaze-error`, `label-drift`, `twin-distance`, and the extractor `gaze`."""

from __future__ import annotations

from ganzoo import hookimpl
from ganzoo_gaze.direct import GazeError
from ganzoo_gaze.downstream import DownstreamGazeError
from ganzoo_gaze.drift import LabelDrift
from ganzoo_gaze.extractor import GazeFeatures
from ganzoo_gaze.twin import TwinDistance

ganzoo_contract = 2


@hookimpl
def ganzoo_metrics() -> list[type]:
    return [DownstreamGazeError, GazeError, LabelDrift, TwinDistance]


@hookimpl
def ganzoo_extractors() -> list[type]:
    return [GazeFeatures]
