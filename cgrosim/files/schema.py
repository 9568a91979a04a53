"""What a file must hold: names, types and shapes of its arrays, as its own parameters demand them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Values = Literal["finite", "not nan", "any"]


@dataclass(frozen=True)
class Expected:
    """One array: its type, its shape, which of its values are possible, and whether older files lack it."""

    dtype: str
    shape: tuple[int, ...]
    values: Values = "any"
    optional: bool = False

    def check(self, name: str, array: NDArray[Any]) -> None:
        """Refuse an array that is not the expected one.

        Raises
        ------
        ValueError
            Saying which array it is, what it is, and what it must be.
        """
        if array.dtype != np.dtype(self.dtype):
            raise ValueError(f"{name} holds {array.dtype}, but must hold {self.dtype}")
        if array.shape != self.shape:
            raise ValueError(f"{name} has the shape {array.shape}, but must have {self.shape}")
        if self.values == "finite" and not np.isfinite(array).all():
            raise ValueError(f"{name} holds a value that is not finite")
        if self.values == "not nan" and np.isnan(array).any():
            raise ValueError(f"{name} holds a value that is not a number")


def check_arrays(arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, Expected]) -> None:
    """Refuse arrays of which one is missing, too many, or not the expected one.

    Raises
    ------
    ValueError
        In one sentence without its full stop, to stand in brackets.
    """
    for name, one in expected.items():
        if name not in arrays and not one.optional:
            raise ValueError(f"{name} is missing")
    for name, array in arrays.items():
        if name not in expected:
            raise ValueError(f"{name} does not belong there")
        expected[name].check(name, array)
