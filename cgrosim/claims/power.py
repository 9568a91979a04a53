"""How small an error of the theory a claim would have noticed: one parameter at a time, by bisection.

Every trial simulates with a changed parameter, from the same seeds, what is claimed for the unchanged one. A change
that the rules reject is one that a theory wrong by as much, in that parameter, could not have hidden.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
LARGEST = 0.5  # change that is tried first: what it does not move is not seen
SMALLEST = 1e-3  # below it nobody asks
RESOLUTION = 1.2  # factor to which the edge is found


@dataclass(frozen=True)
class Noticed:
    """The smallest change of one parameter that a claim rejects.

    Attributes
    ----------
    parameter : a field of `cgrosim.Params`
    up, down : smallest increase and decrease that are rejected, relative (of the power: absolute); None where one of
        `LARGEST` is not
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
    rates = math.fsum(check.error_rate for check in claim.measure(context, CLAIMED).checks)
    return Noticed(parameter, up, down, rates, trials)


def _edge(rejects: Callable[[float], bool]) -> float | None:
    if not rejects(LARGEST):
        return None
    low, high = SMALLEST, LARGEST
    if rejects(low):
        return low
    while high / low > RESOLUTION:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if rejects(middle) else (middle, high)
    return high
