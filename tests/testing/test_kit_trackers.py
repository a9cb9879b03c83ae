"""Each check of trackers passes an honest one and catches a liar."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest
from honest_tracker import Honest
from kit_liars import Liars

from ganzoo.testing import CheckSkipped, parametrize_with_checks

LIARS = Liars(Honest)
lie = LIARS.lie


def phones(self, state):
    with suppress(OSError):  # and nobody would know
        socket.create_connection(("192.0.2.1", 443), timeout=0.01)


def asks(self, settings, card):
    raise SystemExit("please log in")


lie("library_is_declared", "is not lower-case", name="Honest Tracker")
lie("library_is_declared", "library and install must be given together", library="json")
lie("a_whole_run_is_taken", "it ends the program: please log in", started=asks)
lie("a_whole_run_is_taken", "not the id of the run as text", started=lambda self, settings, card: None)
lie("a_whole_run_is_taken", "raised KeyError", finished=lambda self, state: {"complete": 1, "failed": 2}[state])
lie(
    "a_whole_run_is_taken", "raised ValueError", table=lambda self, name, columns, rows: [float(row[0]) for row in rows]
)
lie(
    "a_run_goes_on",
    "has 'run-",
    started=lambda self, settings, card: Honest.started(self, settings, card) and f"run-{card.first_step}",
)
lie("needs_no_network", "it connects to 192.0.2.1", finished=phones)


@parametrize_with_checks([Honest])
def test_an_honest_tracker_passes(plugin, check):
    check(plugin)


@LIARS.cases()
def test_a_lie_is_caught_in_words(name, what, cls):
    LIARS.caught(name, what, cls)


def test_every_check_has_a_liar():
    assert LIARS.names | {"imports_only_the_contract"} == set(LIARS.checks)


def test_a_tracker_whose_library_is_absent_is_skipped_with_the_command_that_installs_it():
    absent = type("Absent", (Honest,), {"library": "no_such_library", "install": "pip install no-such-library"})
    with pytest.raises(CheckSkipped, match="pip install no-such-library"):
        LIARS.checks["a_whole_run_is_taken"](absent)
