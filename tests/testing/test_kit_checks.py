"""What holds for checks of every kind, and how pytest runs them."""

import pytest

from ganzoo.settings import Settings
from ganzoo.testing import CHECKS, CheckFailed, configured, generate_checks, parametrize_with_checks

pytest_plugins = ["pytester"]

TRACKER = """
from ganzoo.tracker import Tracker

class Mine(Tracker):
    name = "{name}"
    summary = "Does nothing."
    library = "{library}"
    install = "{library}"
    def started(self, settings, card): return ""
    def log(self, step, values): pass
    def image(self, step, name, file): pass
    def table(self, name, columns, rows): pass
    def finished(self, state): pass
"""
TEST = """
from ganzoo.testing import parametrize_with_checks
from my_tracker import Mine

@parametrize_with_checks([Mine], expected_failures={failures!r})
def test_contract(plugin, check):
    check(plugin)
"""


@pytest.fixture
def outcome(pytester):
    """Run the checks on a tracker under pytest."""

    def run(name="mine", library="", failures=None):
        pytester.makepyfile(my_tracker=TRACKER.format(name=name, library=library))
        pytester.makepyfile(TEST.format(failures=failures or {}))
        return pytester.runpytest_inprocess("-rx")

    return run


def test_every_check_says_what_holds_why_and_how_to_fix_it():
    for check in CHECKS:
        assert check.rule.endswith(".")
        assert "\n" not in check.rule
        assert check.why.endswith(".")
        assert check.fix.endswith(".")


def test_names_of_checks_are_unique():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_class_of_another_kind_gets_no_checks():
    assert not list(generate_checks([Settings]))


def test_an_expected_failure_is_shown_with_its_reason(outcome):
    result = outcome("Loud", failures={"library_is_declared": "Issue 12: the name is a trademark."})
    result.assert_outcomes(passed=4, xfailed=1)
    result.stdout.fnmatch_lines(["*library_is_declared*Issue 12: the name is a trademark.*"])


def test_an_expected_failure_that_passes_fails_so_that_the_list_stays_true(outcome):
    outcome(failures={"library_is_declared": "Issue 12."}).assert_outcomes(passed=4, failed=1)


def test_a_check_that_cannot_be_made_is_a_skipped_test(outcome):
    outcome(library="no_such_library").assert_outcomes(passed=2, skipped=3)


@pytest.mark.parametrize(
    ("failures", "words"),
    [({"halves_ad_up": "Issue 12."}, "no check 'halves_ad_up'"), ({"declares_itself": " "}, "a written reason")],
)
def test_an_expected_failure_needs_a_known_check_and_a_reason(failures, words):
    from honest_method import Honest

    with pytest.raises(ValueError, match=words):
        parametrize_with_checks([Honest], expected_failures=failures)


def test_an_error_in_the_plugin_names_its_line():
    from honest_method import Honest

    broken = type("Broken", (Honest,), {"__module__": __name__, "phases": lambda self: 1 / 0})
    check = next(check for _, check in generate_checks([Honest]) if check.name == "schedule_is_pure")
    with pytest.raises(CheckFailed, match=r"ZeroDivisionError: division by zero \(test_kit_checks.py, line \d+\)"):
        check(broken)


def test_a_configured_method_is_the_method_with_other_defaults():
    from honest_method import Honest

    wide = configured(Honest, width="8")
    assert wide.Config().width == 8
    assert wide.name == "honest"
    for cls, check in generate_checks([wide]):
        if check.name in ("extends_method_directly", "config_is_frozen_and_described", "presets_are_valid"):
            check(cls)
