"""A plugin's class with other defaults, so that the kit can check it at a size that takes no time."""

from __future__ import annotations

from copy import copy
from typing import Any, TypeVar

from pydantic import create_model

from ganzoo import config

Plugin = TypeVar("Plugin")


def configured(cls: type[Plugin], **settings: Any) -> type[Plugin]:
    """`cls` with these settings as the defaults of its Config: `configured(Eyes, source_size=64)`.

    Raises ConfigError for a setting that is unknown or out of range.
    """
    kind: Any = cls
    chosen = config.build(kind.Config, {"options": settings})
    fields: dict[str, Any] = {}
    for name in settings:
        field = copy(kind.Config.model_fields[name])
        field.default = getattr(chosen, name)
        fields[name] = (field.annotation, field)
    smaller = create_model(kind.Config.__name__, __base__=kind.Config, **fields)
    return type(cls.__name__, (cls,), {"Config": smaller, "__module__": cls.__module__, "__configured__": True})
