"""The contract, executable: `CHECKS` are its rules, and a plugin's tests run them with `parametrize_with_checks`."""

from ganzoo.testing import (
    capability_checks,
    dataset_checks,
    declaration,
    method_data,
    method_declaration,
    method_halves,
    method_outputs,
    method_replays,
    method_runs,
    method_schemes,
    method_slow,
    method_updates,
    metric_checks,
    tracker_checks,
)
from ganzoo.testing.checks import (
    CHECKS,
    Check,
    CheckFailed,
    CheckSkipped,
    generate_checks,
    parametrize_with_checks,
)
from ganzoo.testing.configured import configured

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailed",
    "CheckSkipped",
    "capability_checks",
    "configured",
    "dataset_checks",
    "declaration",
    "generate_checks",
    "method_data",
    "method_declaration",
    "method_halves",
    "method_outputs",
    "method_replays",
    "method_runs",
    "method_schemes",
    "method_slow",
    "method_updates",
    "metric_checks",
    "parametrize_with_checks",
    "tracker_checks",
]
