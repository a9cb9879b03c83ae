"""Vectors that UnityEyes writes as text, such as "(0.1000, 0.2000, -0.9747, 0.0000)"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ganzoo.errors import DatasetError

DECIMAL_COMMA = "numbers have a decimal comma; write them with a decimal point"


def text_numbers(value: object, letters: Sequence[str], what: str) -> list[float]:
    """The numbers of "(1, 2, 3)": exactly as many as there are `letters`, which name them in errors.

    Raises DatasetError otherwise. A program that ran under a locale with decimal commas writes twice as many parts,
    and the first ones could be mistaken for a vector.
    """
    parts = str(value).strip("() ").split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != len(letters):
        why = f" ({DECIMAL_COMMA})" if len(numbers) == 2 * len(letters) else ""
        raise DatasetError(f'{what} must be "({", ".join(letters)})"{why}')
    return numbers


def look_vector(value: object, what: str) -> list[float]:
    """The gaze of UnityEyes' look_vec "(x, y, z, 0)", which has y up; here y is down."""
    x, y, z, zero = text_numbers(value, ("x", "y", "z", "0"), what)
    if zero != 0:
        raise DatasetError(f'{what} must be "(x, y, z, 0)" with a fourth number of 0')
    return [x, -y, z]


def has_decimal_comma(text: str) -> bool:
    """Whether a text is one number with a decimal comma, such as "-0,25"."""
    return re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text) is not None
