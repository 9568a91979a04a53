"""Learning-rate schedules by name: constant, piecewise, cosine and (linear) cyclic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from cgrosim.errors import ParameterError

Name = Literal["constant", "piecewise", "cosine", "cyclic"]
PEAK = 0.4  # share of the training at which the cyclic schedule peaks (Wong et al. 2020, arXiv 2001.03994)


@dataclass(frozen=True)
class Schedule:
    """How the learning rate moves over training.

    Attributes
    ----------
    name
        ``constant``; ``piecewise``: times `factor` from each milestone on (the schedule under which Rice et al. 2020,
        arXiv 2002.11569, saw robust overfitting); ``cosine``: half a cosine down to 0; ``cyclic``: linear from 0 up to
        the full rate at two fifths of the training and linear back to 0.
    milestones
        Shares of the training, increasing, between 0 and 1; only for ``piecewise``.
    factor
        Only for ``piecewise``; between 0 and 1.

    Raises
    ------
    ParameterError
        If name, milestones or factor are none of these.
    """

    name: Name = "constant"
    milestones: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1

    def __post_init__(self) -> None:
        if self.name not in get_args(Name):
            raise ParameterError(f"schedule is {self.name!r}, but must be one of {', '.join(get_args(Name))}.")
        if list(self.milestones) != sorted(set(self.milestones)) or not all(0 < m < 1 for m in self.milestones):
            raise ParameterError(
                f"schedule has the milestones {self.milestones}, but they must increase and lie between 0 and 1 "
                "(shares of the training)."
            )
        if not 0.0 < self.factor <= 1.0:
            raise ParameterError(f"schedule has the factor {self.factor:g}, but it must lie between 0 and 1.")

    def rate(self, base: float, done: float) -> float:
        """Learning rate at the share `done` of the training, in [0, 1)."""
        if self.name == "piecewise":
            return base * self.factor ** sum(done >= milestone for milestone in self.milestones)
        if self.name == "cosine":
            return base * 0.5 * (1.0 + math.cos(math.pi * done))
        if self.name == "cyclic":
            return base * min(done / PEAK, (1.0 - done) / (1.0 - PEAK))
        return base

    def describe(self) -> str:
        """The schedule as the text that `parse` reads."""
        if self.name != "piecewise":
            return self.name
        return f"piecewise:{','.join(f'{m:g}' for m in self.milestones)}:{self.factor:g}"

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read ``constant``, ``cosine``, ``cyclic``, ``piecewise`` or ``piecewise:0.5,0.75:0.1``.

        Raises
        ------
        ParameterError
            If the text is none of these.
        """
        name, *rest = text.split(":")
        if rest and (name != "piecewise" or len(rest) > 2):
            raise ParameterError(f"schedule is {text!r}; only piecewise takes numbers, as in piecewise:0.5,0.75:0.1.")
        try:
            milestones = tuple(float(part) for part in rest[0].split(",")) if rest else cls.milestones
            factor = float(rest[1]) if len(rest) == 2 else cls.factor
        except ValueError:
            raise ParameterError(
                f"schedule is {text!r}, but its numbers cannot be read; write for example piecewise:0.5,0.75:0.1."
            ) from None
        return cls(name, milestones, factor)  # type: ignore[arg-type]  # checked above by __post_init__


CONSTANT = Schedule()
