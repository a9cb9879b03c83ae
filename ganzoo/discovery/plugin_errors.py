"""Errors in a plugin's own code: one sentence that names the plugin's part, what it raised and where."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import GanzooError, PluginError

MEMORY = ("out of memory", "can't allocate memory")  # from torch in RuntimeErrors: not the plugin's fault


@contextmanager
def blaming(part: str) -> Iterator[None]:
    """Turn any exception in the body into a PluginError that names `part`, such as "method mine, phase refiner".

    ganzoo's own errors and a lack of memory pass unchanged.
    """
    try:
        yield
    except PluginError as error:
        raise PluginError(f"{part}: {error}") from error
    except (GanzooError, MemoryError):
        raise
    except Exception as error:
        if any(words in str(error) for words in MEMORY):
            raise
        raise PluginError(f"{part}: {described(error)}") from error


def described(error: BaseException) -> str:
    """An exception in one line, with the place in the code where it was raised."""
    said = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" (in {Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"it raised {type(error).__name__}" + (f": {said}" if said else "") + place
