"""The forms a prediction takes beside a plain number: a law, a window, a curve, one number a sample, a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Quantiles:
    """An a-priori law in three numbers: the probability of a value below each is in `levels`.

    `high` is infinite where the event does not happen with a probability above ``1 - levels[2]``.
    """

    low: float
    median: float
    high: float
    levels: tuple[float, float, float] = LEVELS

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """The quantiles at `LEVELS`, lowest first."""
        low, median, high = (float(value) for value in np.asarray(values))
        return cls(low, median, high)


@dataclass(frozen=True)
class Window:
    """A quantity that lies between two numbers."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Curve:
    """A predicted function of the gradient step.

    Attributes
    ----------
    steps, values : (K,) arrays
    """

    steps: Array
    values: Array


Value = float | str | Array | Quantiles | Window | Curve
