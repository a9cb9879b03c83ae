"""The names derived from the name of a plugin."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from ganzoo.errors import UsageError

LONGEST = 40  # letters, so that the lines of the templates stay within their length


@dataclass(frozen=True)
class Names:
    """my-method, ganzoo-my-method, ganzoo_my_method and MyMethod."""

    name: str
    package: str
    module: str
    cls: str


def names_of(name: str) -> Names:
    """The names of a plugin called `name`. Raises UsageError for an invalid name."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise UsageError(
            f"{name!r} cannot be the name of a plugin; write it as published, in lower case, with hyphens between "
            f"words and at most {LONGEST} letters: my-method"
        )
    if name.startswith("ganzoo-") or name == "ganzoo":
        raise UsageError(f"{name!r}: leave ganzoo out of the name; the package is called ganzoo-NAME automatically")
    cls = "".join(word.capitalize() for word in name.split("-"))
    if keyword.iskeyword(name) or keyword.iskeyword(cls):
        raise UsageError(f"{name!r} is a reserved word of Python; use another name")
    return Names(name, f"ganzoo-{name}", f"ganzoo_{name.replace('-', '_')}", cls)
