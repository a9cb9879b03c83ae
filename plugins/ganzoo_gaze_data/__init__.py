"""Gaze: readers of the data sets that papers use, and the pairs of them."""

from __future__ import annotations

from ganzoo import hookimpl
from ganzoo.files.archive import Archive
from ganzoo_gaze_data.mpiigaze import MPIIGaze
from ganzoo_gaze_data.unityeyes import UnityEyes


@hookimpl
def ganzoo_archives() -> list[type[Archive]]:
    return [UnityEyes, MPIIGaze]
