"""A stated gaze range keeps exactly the rows inside it."""

import numpy as np
import pytest

from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError
from ganzoo.files.gaze_range import gaze_range, restrict_gaze

PITCH_YAW_DEG = [(-20, 0), (-10, 5), (0, -18), (1.5, 18), (2, 0), (0, 19)]


def domain() -> Domain:
    images = np.arange(6, dtype=np.uint8).repeat(4).reshape(6, 1, 2, 2)
    return Domain("source", images, labels=np.deg2rad(PITCH_YAW_DEG).astype(np.float32), groups=np.arange(6))


def test_keeps_the_rows_inside_with_all_their_columns() -> None:
    kept = restrict_gaze(domain(), (-20.001, 1.501, -18.001, 18.001))
    assert kept.groups is not None
    assert kept.groups.tolist() == kept.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_pitch_comes_before_yaw_and_both_are_degrees() -> None:
    kept = restrict_gaze(domain(), (-25, -5, -1, 6))
    np.testing.assert_allclose(np.rad2deg(kept.labels), [(-20, 0), (-10, 5)], atol=1e-5)


def test_states_the_range_that_is_there() -> None:
    assert gaze_range(domain()) == pytest.approx((-20, 2, -18, 19), abs=1e-5)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ((1.5, -20, -18, 18), r"gaze range 1\.5,-20,-18,18 must be PITCH_MIN,PITCH_MAX,YAW_MIN,YAW_MAX"),
        ((-20, 1.5, 18, -18), "each minimum at most its maximum"),
        ((float("nan"), 1, 0, 1), "must be PITCH_MIN"),
        ((40, 50, 40, 50), r"source: 0 of 6 images lie in .*the images cover -20,2,-18,19"),
        ((-11, -9, 4, 6), r"source: 1 of 6 images lie in .*at least 2 are needed"),
    ],
)
def test_an_impossible_range_is_refused_in_words(wanted: tuple[float, float, float, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        restrict_gaze(domain(), wanted)


def test_a_domain_without_labels_has_no_range() -> None:
    with pytest.raises(ConfigError, match="source has no labels"):
        restrict_gaze(domain().unlabelled(), (-1, 1, -1, 1))
