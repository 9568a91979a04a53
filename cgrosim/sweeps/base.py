"""What all cells share, and how a cell's values change it: the paper's scales go with the dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from cgrosim.errors import ParameterError
from cgrosim.files.words import quoted
from cgrosim.model.params import FACTORS, Params
from cgrosim.model.settings import normalised, plain, real_number

SCALES = {"signal_strength": "signal", "noise_std": "noise", "init_std": "init", "gap": "gap"}
RADIUS = ("gap", "perturbation_radius")


@dataclass(frozen=True)
class Base:
    """The parameters that are not varied.

    Attributes
    ----------
    values : plain values; of `Params.from_paper` where `paper`, else every field of `Params`
    paper : whether what is not given takes the paper's value at a cell's dimension
    """

    values: dict[str, Any]
    paper: bool

    @classmethod
    def of(cls, given: Params | Mapping[str, Any]) -> Base:
        """Parameters, or a dictionary of what `Params.from_paper` takes.

        Raises
        ------
        ParameterError
            If it is neither.
        """
        if isinstance(given, Params):
            return cls(given.dump(), paper=False)
        if not isinstance(given, Mapping):
            raise ParameterError(f"a sweep begins with {quoted(given)}; give Params, or a dictionary for from_paper.")
        return cls({str(name): _read(str(name), value) for name, value in given.items()}, paper=True)

    @cached_property
    def _whole(self) -> Params:
        return Params.load(self.values)

    def params(self, values: Mapping[str, Any]) -> Params:
        """The parameters with some values changed.

        Where the dimension changes and the scales do not, those that stand at the paper's value follow it.

        Raises
        ------
        ParameterError
            If no experiment can have them, or if it is not known how a scale goes with the dimension.
        """
        if self.paper:
            fixed = dict(self.values)
            for one, other in (RADIUS, RADIUS[::-1]):
                if one in values and other not in values:
                    fixed.pop(other, None)
            if "dimension" not in {**fixed, **values}:
                raise ParameterError("the sweep has no dimension; give or vary it, such as 1000.")
            return Params.from_paper(**{**fixed, **values})
        odd = [name for name in values if name in FACTORS]
        if odd:
            raise ParameterError(
                f"{odd[0]} is for Params.from_paper; begin the sweep with a dictionary, such as {{'dimension': 1000}}."
            )
        base = self._whole
        dimension = values.get("dimension", base.dimension)
        if dimension == base.dimension:
            return base.replace(**values)
        return base.replace(**{**_followed(base, dimension, values), **values})


def _read(name: str, value: Any) -> Any:
    """A value as its field reads it, so that one parameter is written in one way only; a list as a list."""
    field = Params.model_fields.get(name)
    if field is not None:
        value = normalised(field, value)
    elif name in FACTORS and isinstance(value, str):
        value = real_number(value)
    return list(value) if isinstance(value, tuple) else plain(value)


def _followed(base: Params, dimension: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The scales at another dimension, for those that stand at the paper's value at the present one."""
    here, there = ({factor: _paper(d, factor) for factor in (None, 1.0)} for d in (base.dimension, dimension))
    found: dict[str, Any] = {}
    for name in SCALES:
        if name in values or (name == "gap" and "perturbation_radius" in values):
            continue
        mine = getattr(base, name)
        fitting = [f for f, paper in here.items() if math.isclose(mine, getattr(paper, name), rel_tol=1e-12)]
        if not fitting and not (name == "gap" and mine in (0.0, 1.0)):
            raise ParameterError(
                f"{name} is {mine:g}, which is not the paper's at dimension {base.dimension}, so it is not known how "
                f"it goes with the dimension; vary it as well, or begin with a dictionary for Params.from_paper."
            )
        found[name] = getattr(there[fitting[0]], name) if fitting else mine
    rate = 0.1 / base.signal_strength**2 if base.signal_strength else 0.1
    if "learning_rate" not in values and math.isclose(base.learning_rate, rate, rel_tol=1e-12):
        signal = float(values.get("signal_strength", found.get("signal_strength", base.signal_strength)))
        found["learning_rate"] = 0.1 / signal**2 if signal else 0.1
    return found


@lru_cache(maxsize=4096)
def _paper(dimension: Any, factor: float | None) -> Params:
    """The paper's scales with its own polylog factors (None), or with all of them 1."""
    return Params.from_paper(dimension, init_polylog=factor, gap_polylog=factor)
