"""A plugin file with one archive."""

from counted import Counted

from ganzoo import hookimpl
from ganzoo.files.archive import Archive


@hookimpl
def ganzoo_archives() -> list[type[Archive]]:
    return [Counted]
