"""The contract, executable: `CHECKS` are its rules, and a plugin's tests run them with `parametrize_with_checks`."""

from ganzoo.testing import method_declaration, method_outputs, method_runs, method_updates
from ganzoo.testing.checks import CHECKS, Check, CheckFailed, generate_checks, parametrize_with_checks

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailed",
    "generate_checks",
    "method_declaration",
    "method_outputs",
    "method_runs",
    "method_updates",
    "parametrize_with_checks",
]
