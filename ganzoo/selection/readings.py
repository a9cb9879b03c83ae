"""The values of criteria for runs, each computed once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from ganzoo.configuration.layers import did_you_mean
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.discovery.registry import registry
from ganzoo.errors import CriterionUnavailableError, GanzooError, PluginError, UnknownNameError
from ganzoo.evaluation.fitted_networks import code_of_class
from ganzoo.selection.contenders import Contender, candidate
from ganzoo.task import Task


class Entry(BaseModel):
    """One criterion's value for one run, or the reason why there is none."""

    model_config = ConfigDict(strict=True, frozen=True)
    value: float | None = None
    unit: str = ""
    facts: dict[str, float | int] = {}
    reason: str = ""
    key: str = ""  # what it depends on: the criterion, the run's predictions, the others' if it compares


Entries = dict[str, Entry]  # by the name of the criterion


def chosen_criteria(names: Sequence[str] = ()) -> list[Criterion]:
    """The named criteria with default settings; none named: all that are not on request; "none": none."""
    known: Mapping[str, type[Criterion]] = registry().found["criteria"]
    if tuple(names) == ("none",):
        return []
    for name in names:
        if name not in known:
            raise UnknownNameError(f"there is no criterion {name!r}{did_you_mean(name, known)}")
    wanted = list(names) or [name for name, cls in known.items() if cls.by_default]
    return [known[name](known[name].Config()) for name in wanted]


def applies(criterion: Criterion, task: Task) -> bool:
    return not criterion.tasks or isinstance(task, criterion.tasks)


def read_all(
    contenders: Sequence[Contender],
    criteria: Sequence[Criterion],
    known: Mapping[str, Entries],
    *,
    compared: Collection[str],
    doing: Callable[[str], None] = lambda text: None,
) -> dict[str, Entries]:
    """The value of each criterion for each run, by the run's name; those in `known` with the same key are reused.

    `compared` names the runs that are shown to others: no oracles, and none that are set aside.
    """
    found: dict[str, Entries] = {}
    for contender in contenders:
        others = [each for each in contenders if each is not contender and each.name in compared]
        entries: Entries = {}
        seen: Candidate | None = None
        for criterion in criteria:
            if not applies(criterion, contender.task):
                continue
            key = _key(criterion, contender, others)
            old = known.get(contender.name, {}).get(criterion.name)
            if old is not None and old.key == key:
                entries[criterion.name] = old
                continue
            doing(f"{criterion.name} of {contender.name}")
            try:
                seen = seen or candidate(contender, others)
                entries[criterion.name] = _entry(checked(criterion, seen), key)
            except GanzooError as error:
                entries[criterion.name] = Entry(reason=str(error), key=key)
        found[contender.name] = entries
        contender.network.release()
    return found


def checked(criterion: Criterion, seen: Candidate) -> Reading:
    """The reading of a criterion. Raises PluginError, naming the criterion, for anything but a finite number."""
    with blaming(f"criterion {criterion.name}"):
        reading = criterion.read(seen)
        if not isinstance(reading, Reading) or not isinstance(reading.value, float | int):
            raise PluginError(f"it must return a Reading with a number, not {reading!r:.200}")
        if not math.isfinite(reading.value):
            raise CriterionUnavailableError(f"the value of {criterion.name} is not finite")
    return reading


def _entry(reading: Reading, key: str) -> Entry:
    facts = {str(name): float(value) for name, value in reading.facts.items() if math.isfinite(value)}
    return Entry(value=float(reading.value), unit=reading.unit, facts=facts, key=key)


def _key(criterion: Criterion, contender: Contender, others: Iterable[Contender]) -> str:
    facts: list[object] = [code_of_class(type(criterion)), criterion.config.model_dump_json()]
    facts += [contender.predictions.key, sorted(contender.predictions.data.items())]
    if criterion.compares:
        facts.append(sorted((each.name, each.family, each.predictions.key) for each in others))
    return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()
