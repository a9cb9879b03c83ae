"""The range of gaze that a labelled domain covers, and its restriction to a given one."""

from __future__ import annotations

import numpy as np

from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError

Range = tuple[float, float, float, float]  # pitch from, pitch to, yaw from, yaw to, in degrees
_LEAST = 2


def gaze_range(domain: Domain) -> Range:
    """The minimum and maximum pitch and yaw of the labels, in degrees. Raises ConfigError if there are none."""
    degrees = _degrees(domain)
    (pitch_min, yaw_min), (pitch_max, yaw_max) = degrees.min(axis=0).tolist(), degrees.max(axis=0).tolist()
    return pitch_min, pitch_max, yaw_min, yaw_max


def restrict_gaze(domain: Domain, range_deg: Range) -> Domain:
    """The rows whose pitch and yaw lie in `range_deg` (degrees, bounds included).

    Raises ConfigError if the range is empty, or holds fewer than two rows of the domain.
    """
    pitch_min, pitch_max, yaw_min, yaw_max = range_deg
    if not np.isfinite(range_deg).all() or pitch_min > pitch_max or yaw_min > yaw_max:
        raise ConfigError(
            f"the gaze range {_numbers(range_deg)} must be PITCH_MIN,PITCH_MAX,YAW_MIN,YAW_MAX in degrees, "
            "each minimum at most its maximum"
        )
    degrees = _degrees(domain)
    low, high = np.array([pitch_min, yaw_min]), np.array([pitch_max, yaw_max])
    rows = np.flatnonzero(((degrees >= low) & (degrees <= high)).all(axis=1))
    if len(rows) < _LEAST:
        raise ConfigError(
            f"{domain.name}: {len(rows)} of {len(domain):,} images lie in the gaze range {_numbers(range_deg)} "
            f"(PITCH_MIN,PITCH_MAX,YAW_MIN,YAW_MAX in degrees), but at least {_LEAST} are needed; "
            f"the images cover {_numbers(gaze_range(domain))}"
        )
    return domain.take(rows)


def _degrees(domain: Domain) -> np.ndarray:
    """Pitch and yaw, float64 [N, 2]."""
    if domain.labels is None:
        raise ConfigError(f"{domain.name} has no labels, so its gaze range is not known")
    return np.rad2deg(domain.labels.astype(np.float64))


def _numbers(values: Range) -> str:
    return ",".join(f"{value:.6g}" for value in values)
