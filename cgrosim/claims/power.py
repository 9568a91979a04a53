"""How small an error of the theory a claim would have noticed: one parameter at a time, by bisection.

Every trial simulates with a changed parameter, from the same seeds, what is claimed for the unchanged one. A change
that the rules reject is one that a theory wrong by as much, in that parameter, could not have hidden.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Claim
from cgrosim.errors import ParameterError
from cgrosim.studies.context import Context
from cgrosim.studies.world import CLAIMED, Change, World, plus, times

RELATIVE = (
    "signal_strength", "noise_std", "init_std", "learning_rate", "adversarial_weight", "gap", "samples", "neurons",
    "dimension",
)  # fmt: skip
PARAMETERS = (*RELATIVE, "power")
"""What a prediction can depend on: relative changes, of the power absolute ones."""
LEVELS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Changes that are tried: the same ones for every claim, so that claims of one study share the runs."""
LARGEST = LEVELS[-1]


@dataclass(frozen=True)
class Noticed:
    """The smallest change of one parameter that a claim rejects.

    Attributes
    ----------
    parameter : a field of `cgrosim.Params`
    up, down : smallest increase and decrease of `LEVELS` that are rejected, relative (of the power: absolute); None
        where the largest one is not
    false_alarms : probability that the claimed world is rejected by these rules
    trials : how many worlds were simulated for it
    """

    parameter: str
    up: float | None
    down: float | None
    false_alarms: float
    trials: int

    @property
    def change(self) -> float | None:
        """The larger one of the two: an error of this size is noticed whatever its sign."""
        return None if self.up is None or self.down is None else max(self.up, self.down)


def changed(parameter: str, change: float) -> World:
    """The world in which a parameter is off by a change (relative, of the power absolute)."""
    made: Change = plus(change) if parameter == "power" else times(1.0 + change)
    return World(f"{parameter} off by {change:+.3g}", **{parameter: made})


def smallest_noticed(claim: Claim, context: Context, parameter: str) -> Noticed:
    """Bisect for the smallest change of a parameter, in either direction, that the rules of a claim reject.

    Rejection is taken to grow with the change; common random numbers make it nearly so.

    Raises
    ------
    ParameterError
        If it is no parameter that a prediction can depend on.
    """
    if parameter not in PARAMETERS:
        raise ParameterError(f"power is measured in {', '.join(PARAMETERS)}, not in {parameter!r}.")
    trials = 0

    def rejects(change: float) -> bool:
        nonlocal trials
        trials += 1
        try:
            found = claim.measure(context, changed(parameter, change))
        except ParameterError:  # no such world: a weight above 1, half a neuron
            return False
        return combine(found.checks) == "violated"

    up, down = (_edge(lambda size, sign=sign: rejects(sign * size)) for sign in (1.0, -1.0))  # type: ignore[misc]
    return Noticed(parameter, up, down, _false_alarms(claim, context), trials)


@lru_cache(maxsize=64)
def _false_alarms(claim: Claim, context: Context) -> float:
    return math.fsum(check.error_rate for check in claim.measure(context, CLAIMED).checks)


def _edge(rejects: Callable[[float], bool]) -> float | None:
    """The smallest level that is rejected, by halving; None if the largest is not."""
    low, high = -1, len(LEVELS) - 1
    if not rejects(LEVELS[high]):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rejects(LEVELS[middle]) else (middle, high)
    return LEVELS[high]
