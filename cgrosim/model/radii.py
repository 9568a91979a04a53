"""Radius and gap of an attack and the factors they come from: one from the other, and where neither is given."""

from __future__ import annotations

import math
from typing import Any

from cgrosim.errors import ParameterError
from cgrosim.files.words import quoted
from cgrosim.model.settings import plain, real_number
from cgrosim.model.signal_threats import SIGNAL_THREATS
from cgrosim.model.threats import SEARCH_THREATS


def attacks(threat: str) -> bool:
    """Whether a threat attacks anything."""
    return threat not in SIGNAL_THREATS or SIGNAL_THREATS[threat].attacks


def fill_radius(values: dict[str, Any], dimension: int) -> None:
    """Put the default radius of a threat that searches in the place of the paper's gap, where it is another one."""
    threat = SEARCH_THREATS.get(str(values.get("threat")))
    if threat is None:
        return
    try:
        alpha, patches = float(real_number(values["signal_strength"])), int(real_number(values.get("patches", 3)))
        delta = radius_of(alpha, float(values["gap"]))
        radius = threat.paper_radius(delta, patches * dimension)
    except (TypeError, ValueError, ArithmeticError):
        return  # a bad value, which the validation reports
    if radius != delta:
        del values["gap"]
        values["perturbation_radius"] = radius


def radius_of(alpha: float, gap: float) -> float:
    """The radius that leaves the share `gap` of the signal."""
    return alpha * (1.0 - gap)


def gap_of(alpha: float, radius: float) -> float:
    """The share of the signal that an attack leaves; 1 where there is no signal."""
    return 1.0 - radius / alpha if alpha > 0 else 1.0


def agree(alpha: float, radius: float, gap: float) -> bool:
    """Whether each of radius and gap follows from the other but for rounding; each is then kept as it was given.

    A few roundings in 2^-53 of the larger of radius and signal strength are far below the billionth of it that users
    may round off. No signal goes with gap 1, whatever the radius.
    """
    if alpha == 0.0 and gap == 1.0:
        return True
    return abs(radius_of(alpha, gap) - radius) <= 1e-9 * max(abs(radius), alpha)


def completed(values: dict[str, Any]) -> dict[str, Any]:
    """Values with the one of radius and gap filled in that was not given; a pair that disagrees is refused.

    Raises
    ------
    ValueError
        If they disagree, or one gives no finite other.
    """
    values = dict(values)
    try:
        alpha = float(real_number(values["signal_strength"]))
        radius, gap = (
            None if values.get(k) is None else float(real_number(values[k])) for k in ("perturbation_radius", "gap")
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return without_derived(values)
    if not all(each is None or math.isfinite(each) for each in (alpha, radius, gap)):
        return without_derived(values)
    if radius is None and gap is None:
        values["perturbation_radius"], values["gap"] = 0.0, 1.0
    elif radius is None:
        assert gap is not None
        values["perturbation_radius"] = derived = radius_of(alpha, gap)
        if not math.isfinite(derived):
            raise ValueError(f"gap is {gap:g}, which gives no finite perturbation_radius; raise it.")
    elif gap is None:
        values["gap"] = derived = gap_of(alpha, radius)
        if not math.isfinite(derived):
            raise ValueError(f"perturbation_radius is {radius:g}, which gives no finite gap; lower it.")
    elif not agree(alpha, radius, gap):
        raise ValueError(
            f"perturbation_radius {radius:g} and gap {gap:g} disagree (gap = 1 - radius / signal_strength would be "
            f"{gap_of(alpha, radius):g}); give only one of them."
        )
    return values


def without_derived(values: dict[str, Any]) -> dict[str, Any]:
    """Where radius and gap cannot be compared: what was given, and harmless values of what was not."""
    given = {name: value for name, value in values.items() if value is not None}
    return {**values, **({} if "gap" in given else {"gap": 1.0})} | (
        {} if "perturbation_radius" in given else {"perturbation_radius": 0.0}
    )


def finite_factor(name: str, given: Any) -> float:
    """A polylog factor or an exponent as a finite number."""
    try:
        value = plain(given)
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.nan
    if not math.isfinite(number):
        raise ParameterError(f"{name} is {quoted(given)}, but must be a finite number.")
    return number
