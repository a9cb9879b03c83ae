import numpy as np
import pytest

from ganzoo.dataset import Domain
from ganzoo.errors import DatasetError

IMAGES = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 4, 5), np.uint8)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"samples": IMAGES.astype(float)}, "uint8"),
        ({"samples": IMAGES[:, 0]}, "uint8"),
        ({"samples": IMAGES[:0]}, "no images"),
        ({"samples": IMAGES, "labels": np.zeros((9, 2))}, "10 images, but 9 rows of labels"),
        ({"samples": IMAGES, "groups": np.zeros(11)}, "10 images, but 11 rows of groups"),
        ({"samples": IMAGES, "extra": {"pupil_center": np.zeros((1, 2))}}, "pupil_center"),
    ],
)
def test_columns_that_do_not_fit_are_refused(given, words):
    with pytest.raises(DatasetError, match=words):
        Domain("eyes", **given)


def test_taking_rows_takes_all_columns():
    domain = Domain("d", IMAGES, np.arange(20.0).reshape(10, 2), np.arange(10), {"x": np.arange(10)})
    taken = domain.take(np.array([3, 7]))
    assert taken.images[:, 0, 0, 0].tolist() == [3, 7]
    assert taken.labels[:, 0].tolist() == [6, 14]
    assert taken.groups.tolist() == taken.extra["x"].tolist() == [3, 7]


def test_spread_rows_reach_from_end_to_end():
    domain = Domain("d", IMAGES)
    assert domain.spread(4).images[:, 0, 0, 0].tolist() == [0, 3, 6, 9]
    assert domain.spread(50) is domain


def test_what_a_method_sees_of_the_target_has_no_labels():
    bare = Domain("d", IMAGES, np.zeros((10, 2)), np.zeros(10), {"gaze": np.zeros(10)}).unlabelled()
    assert bare.labels is None
    assert bare.groups is None
    assert not bare.extra


def test_a_fingerprint_tells_images_and_labels_apart():
    labels = np.zeros((10, 2), np.float32)
    changed = IMAGES.copy()
    changed[4, 0, 1, 1] += 1
    prints = {
        Domain("a", IMAGES, labels).fingerprint(),
        Domain("b", changed, labels).fingerprint(),
        Domain("c", IMAGES, labels + 1).fingerprint(),
        Domain("d", IMAGES).fingerprint(),
    }
    assert len(prints) == 4
    assert Domain("other name", IMAGES, labels).fingerprint() in prints
