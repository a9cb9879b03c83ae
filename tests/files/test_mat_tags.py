"""What SciPy is given of a mat file is what stands in it, or nothing."""

import io
import struct

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from ganzoo.files.mat_tags import checked

VALUES = {
    "data": {
        "left": {"image": np.arange(12, dtype=np.uint8).reshape(2, 2, 3), "gaze": np.array([[0.1, 0.2, -1.0]])},
        "many": np.array([{"a": 1.5, "b": "text"}, {"a": 1j, "b": ""}]),
        "flag": True,
        "empty": np.zeros((0, 3)),
    },
    "filenames": np.array(["0001.jpg", "0002.jpg"], dtype=object),
    "other": np.eye(2),
}


def saved(values, **options) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, values, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("compressed", [True, False])
def test_variables_of_these_names_come_through_as_they_are(compressed):
    data = saved(VALUES, do_compression=compressed)
    plain = checked(data, ("data", "filenames"), 2**20)
    names = ["data", "filenames"]
    before, after = (loadmat(io.BytesIO(each), simplify_cells=True, variable_names=names) for each in (data, plain))
    np.testing.assert_equal({name: after[name] for name in names}, {name: before[name] for name in names})
    assert "other" not in loadmat(io.BytesIO(plain))


@pytest.mark.parametrize("kind", [0, 8, 14, 19, 20, 200, 40_000])
def test_a_type_of_numbers_that_there_is_not_is_refused(kind):
    """SciPy looks it up beyond the end of a table, which can end the process."""
    data = saved({"data": np.array([0.1, 0.2, 0.3])}, do_compression=False)
    tag = struct.pack("<2I", 9, 24)
    assert data.count(tag) == 1
    with pytest.raises(ValueError, match=f"element of type {kind} where it cannot be"):
        checked(data.replace(tag, struct.pack("<2I", kind, 24)), ("data",), 2**20)


def test_what_unpacks_to_too_much_or_goes_too_deep_is_refused():
    with pytest.raises(ValueError, match="cut off"):
        checked(saved({"data": np.zeros(10_000)}, do_compression=True), ("data",), 1_000)
    deep = np.zeros(1)
    for _ in range(20):
        deep = {"in": deep}
    with pytest.raises(ValueError, match="more than 8 deep"):
        checked(saved({"data": deep}), ("data",), 2**20)


def test_other_formats_are_refused():
    for data in (saved({"data": np.zeros(2)}, format="4"), b"\x89HDF\r\n\x1a\n" + bytes(200), b"", bytes(200)):
        with pytest.raises(ValueError, match="not a MATLAB 5 file"):
            checked(data, ("data",), 2**20)
