"""A plugin's class with other defaults: a small size for fast checks, or the settings of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, TypeVar

from pydantic import create_model

from ganzoo.configuration import layers
from ganzoo.method import Method

Plugin = TypeVar("Plugin")


def configured(cls: type[Plugin], **settings: Any) -> type[Plugin]:
    """`cls` with these settings as the defaults of its Config: `configured(Eyes, source_size=64)`.

    Raises ConfigError for a setting that is unknown or out of range.
    """
    return _configured(cls, settings, getattr(cls, "__preset__", ""))


def original(cls: type[Plugin]) -> type[Plugin]:
    """The class itself, without the settings of `configured`."""
    return cls.__bases__[0] if "__configured__" in vars(cls) else cls


def settings_of(cls: type) -> dict[str, Any]:
    """The settings that `configured` gave a class."""
    return dict(vars(cls).get("__configured__", {}))


def name_of(subject: Any) -> str:
    """The name of a plugin, with its preset if it has the settings of one: "simgan[averaged]"."""
    name = str(getattr(subject, "name", getattr(subject, "__name__", subject)))
    preset = getattr(subject, "__preset__", "")
    return f"{name}[{preset}]" if preset else name


def subjects(cls: type) -> list[type]:
    """What to check of a class: itself and, for a method, each preset whose settings differ from all before it.

    The first has the default settings. The others are reduced to the sizes of `Method.checked_at_most`, so that
    checking a published size takes no longer than checking the default.
    """
    if not issubclass(cls, Method):
        return [cls]
    own: dict[str, Any] = dict(settings_of(cls))
    found: dict[str, type] = {}
    try:
        presets = {"default": {}, **cls.presets}
        for name, preset in presets.items():
            settings = {**preset.get("method", {}), **own}
            if name != "default":
                settings = {**settings, **_smaller(cls, settings)}
            chosen = layers.build_config(original(cls).Config, {f"preset {name!r}": settings})
            given = _configured(cls, settings, "" if name == "default" else name) if settings != own else cls
            found.setdefault(chosen.model_dump_json(), given)
    except Exception:  # presets_are_valid reports what is wrong with them
        return list(found.values()) or [cls]
    return list(found.values())


def _smaller(cls: type[Method], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes among the settings that are larger than `checked_at_most`; one that is not set is not large."""
    chosen = layers.build_config(original(cls).Config, {"preset": settings})
    sizes = {name: getattr(chosen, name) for name in cls.checked_at_most}
    limits = cls.checked_at_most
    return {name: limits[name] for name, size in sizes.items() if size is not None and size > limits[name]}


def _configured(cls: type[Plugin], settings: Mapping[str, Any], preset: str) -> type[Plugin]:
    kind: Any = original(cls)
    settings = {**settings_of(cls), **settings}
    chosen = layers.build_config(kind.Config, {"options": settings})
    fields: dict[str, Any] = {}
    for name in settings:
        field = copy(kind.Config.model_fields[name])
        field.default = getattr(chosen, name)
        fields[name] = (field.annotation, field)
    smaller = create_model(kind.Config.__name__, __base__=kind.Config, **fields)
    members = {"Config": smaller, "__module__": kind.__module__, "__configured__": settings, "__preset__": preset}
    return type(kind.__name__, (kind,), members)
