"""What a plugin can add. Every hook only declares classes; none runs inside the training loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganzoo import hookspec

if TYPE_CHECKING:
    from ganzoo.capabilities.base import Capability
    from ganzoo.criterion import Criterion
    from ganzoo.dataset import Dataset
    from ganzoo.engine import Engine
    from ganzoo.files.archive import Archive
    from ganzoo.method import Method
    from ganzoo.metric import Extractor, Metric
    from ganzoo.nn.backbones import Backbone
    from ganzoo.task import Task
    from ganzoo.tracker import Tracker


@hookspec
def ganzoo_methods() -> Sequence[type[Method]]:  # type: ignore[empty-body]
    """Methods this plugin adds."""


@hookspec
def ganzoo_datasets() -> Sequence[type[Dataset]]:  # type: ignore[empty-body]
    """Datasets this plugin adds."""


@hookspec
def ganzoo_metrics() -> Sequence[type[Metric]]:  # type: ignore[empty-body]
    """Metrics this plugin adds."""


@hookspec
def ganzoo_extractors() -> Sequence[type[Extractor]]:  # type: ignore[empty-body]
    """Feature extractors this plugin adds, for the metrics that compare distributions of features."""


@hookspec
def ganzoo_archives() -> Sequence[type[Archive]]:  # type: ignore[empty-body]
    """Archives this plugin can read, for `ganzoo data prepare`."""


@hookspec
def ganzoo_trackers() -> Sequence[type[Tracker]]:  # type: ignore[empty-body]
    """Trackers this plugin adds, for `ganzoo run --track` and `ganzoo bench --track`."""


@hookspec
def ganzoo_engines() -> Sequence[type[Engine]]:  # type: ignore[empty-body]
    """Engines this plugin adds: where `ganzoo bench --engine` runs its cells."""


@hookspec
def ganzoo_capabilities() -> Sequence[type[Capability]]:  # type: ignore[empty-body]
    """Capabilities this plugin adds: further things that a method can do, such as filling holes."""


@hookspec
def ganzoo_tasks() -> Sequence[type[Task]]:  # type: ignore[empty-body]
    """Tasks this plugin adds: further meanings of a label."""


@hookspec
def ganzoo_backbones() -> Sequence[type[Backbone]]:  # type: ignore[empty-body]
    """Backbones this plugin adds: the layers that a predictor can be built from (`--network NAME`)."""


@hookspec
def ganzoo_criteria() -> Sequence[type[Criterion]]:  # type: ignore[empty-body]
    """Criteria this plugin adds: numbers by which runs are chosen when the target has no labels."""
