"""How small an error of the theory a claim would have noticed: one parameter at a time, by a guided search.

Every trial simulates with a changed parameter, from the same seeds, what is claimed for the unchanged one. A change
that the rules reject is one that a theory wrong by as much, in that parameter, could not have hidden. A parameter that
no world could change, because the experiments do not have it or do without it, is not in the statement, and nothing is
simulated for it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cgrosim.claims.checks import Check, combine
from cgrosim.claims.claim import Claim
from cgrosim.errors import ParameterError
from cgrosim.studies.context import Context
from cgrosim.studies.world import Asked, Change, World, plus, times, watched

RELATIVE = (
    "signal_strength", "noise_std", "init_std", "learning_rate", "adversarial_weight", "gap", "samples", "neurons",
    "patches", "dimension", "weight_decay", "momentum", "label_smoothing", "label_noise", "unlearnable_fraction",
    "batch_size",
)  # fmt: skip
PARAMETERS = ("power", *RELATIVE)
"""What a prediction can depend on: relative changes, of the power absolute ones."""
LEVELS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Changes that are tried: the same ones for every claim, so that claims of one study share the runs."""
LARGEST = LEVELS[-1]
GOAL = 0.1  # what every claim is meant to notice, and most do; of the power absolute
FIRST = GOAL  # the change tried first
GUIDED = 3  # trials of a direction that are placed by how far the last one moved the checks; halving ends the search
IMPOSSIBLE = (ParameterError, AssertionError, ArithmeticError, LookupError, ValueError)
"""What a study or a rule raises in a world that cannot be, or in which runs diverge and nothing is left to judge."""
OBSERVED = "an observation: it predicts no number of the model"
NOT_MEASURED = "nothing is measured with this effort"


@dataclass(frozen=True)
class Noticed:
    """The smallest change of one parameter that a claim rejects.

    Attributes
    ----------
    parameter : a field of `cgrosim.Params`
    up, down : smallest increase and decrease of `LEVELS` that are rejected, relative (of the power: absolute); None
        where none is
    false_alarms : probability that the claimed world is rejected by these rules
    trials : how many worlds were simulated for it
    absent : why the parameter is not in the statement; empty where it is
    moved : of what would get a check rejected, the largest share that a change of `LARGEST` moved one; 0 where it moved
        no number at all, None where it was not looked at
    """

    parameter: str
    up: float | None
    down: float | None
    false_alarms: float
    trials: int
    absent: str = ""
    moved: float | None = None

    @property
    def change(self) -> float | None:
        """The larger one of the two: an error of this size is noticed whatever its sign."""
        return None if self.up is None or self.down is None else max(self.up, self.down)


class Trial(NamedTuple):
    """Whether a world is rejected (None: it cannot be), and how far the checks went towards that (`_share`)."""

    rejected: bool | None
    share: float


def changed(parameter: str, change: float) -> World:
    """The world in which a parameter is off by a change (relative, of the power absolute)."""
    made: Change = plus(change) if parameter == "power" else times(1.0 + change)
    return World(f"{parameter} off by {change:+.3g}", **{parameter: made})


def smallest_noticed(claim: Claim, context: Context, parameter: str, guess: Noticed | None = None) -> Noticed:
    """Search for the smallest change of a parameter, in either direction, that the rules of a claim reject.

    Rejection is taken to grow with the change; common random numbers make it nearly so. A change that no experiment can
    have, such as a weight above 1, counts as rejected while searching, and as no power where the search ends on it.
    A guess, from another effort or an earlier state of the claim, says where the search begins, not where it ends.

    Raises
    ------
    ParameterError
        If it is no parameter that a prediction can depend on.
    """
    if parameter not in PARAMETERS:
        raise ParameterError(f"power is measured in {', '.join(PARAMETERS)}, not in {parameter!r}.")
    if claim.kind == "observation":
        return Noticed(parameter, None, None, 0.0, 0, OBSERVED)
    checks, asked = _as_claimed(claim, context)
    alarms = math.fsum(check.error_rate for check in checks)
    if not checks or (absent := _absent(parameter, asked)):
        return Noticed(parameter, None, None, alarms, 0, absent if checks else NOT_MEASURED)
    trials, moved = 0, list[float]()

    def rejects(change: float) -> Trial:
        nonlocal trials
        world = changed(parameter, change)
        try:
            if not _changes(world, parameter, asked):  # half a sample more of three is none
                return Trial(False, 0.0)
            found = claim.measure(context, world).checks
            share = _share(checks, found)
        except IMPOSSIBLE:  # no such world (a weight above 1, half a neuron), or one without numbers to judge
            return Trial(None, math.inf)
        trials += 1
        if abs(change) == LARGEST:
            moved.append(share)
        return Trial(combine(found) == "violated", share)

    up = _edge(rejects, guess.up or LARGEST if guess else FIRST)
    down = _edge(lambda size: rejects(-size), (guess.down if guess else up) or LARGEST)  # most notice both ways alike
    return Noticed(parameter, up, down, alarms, trials, "", max(moved, default=None))


@lru_cache(maxsize=64)
def _as_claimed(claim: Claim, context: Context) -> tuple[tuple[Check, ...], Asked]:
    """What is found as claimed, and what a world could have changed.

    The world has a change that nobody asks for, so that nothing kept from elsewhere hides what is asked.
    """
    study = claim.study
    with watched() as asked:
        world = World("watched", watched=claim.name if study is None else f"{study.__module__}.{study.__qualname__}")
        return claim.measure(context, world).checks, asked


def _absent(parameter: str, asked: Asked) -> str:
    """Why no world can change a parameter of what was asked; empty where one can."""
    if not asked.params and parameter not in asked.numbers:
        return "no world changes it: what is compared has the same one, or none"
    for change in (LARGEST, -LARGEST):
        try:
            if _changes(changed(parameter, change), parameter, asked):
                return ""
        except ParameterError:
            return ""
    values = {getattr(params, parameter) for params in asked.params}
    return f"{parameter.replace('_', ' ')} is {values.pop()} in every run" if len(values) == 1 else "no run has it"


def _changes(world: World, parameter: str, asked: Asked) -> bool:
    """Whether a world differs in anything that was asked for from the claimed one.

    Raises
    ------
    ParameterError
        If it cannot be.
    """
    return parameter in asked.numbers or any(world.of(params) != params for params in asked.params)


def _share(claimed: Sequence[Check], found: Sequence[Check]) -> float:
    """Of the way to where it would be violated, the largest share that a check has gone."""
    shares = [0.0]
    for before, after in zip(claimed, found, strict=True):
        gone = after.measured - before.measured
        if gone < 0.0 and before.allowed_low == before.error_rate == 0.0:  # an error, which cannot be below 0
            continue
        way = before.allowed_high - before.low if gone > 0.0 else before.allowed_low - before.high
        if gone != 0.0 and math.isfinite(way) and way != 0.0:
            shares.append(gone / way)
    return max(shares)


def _edge(rejects: Callable[[float], Trial], first: float) -> float | None:
    """The smallest level that is rejected; None if no possible level is.

    The first trials go where a check that moves in proportion to the change would just be rejected, and then one level
    below: three in all where it does so. Whatever guides the search, it ends between two neighbours of `LEVELS`.
    """
    low, high, rejected, place = -1, len(LEVELS), list[float](), LEVELS.index(first)
    for number in itertools.count(1):
        found = rejects(LEVELS[place])
        low, high = (place, high) if found.rejected is False else (low, place)
        rejected += [LEVELS[place]] if found.rejected else []
        if high - low <= 1:
            break
        place = _next(LEVELS[place], found.share, low, high) if number < GUIDED else (low + high) // 2
    return min(rejected, default=None)


def _next(level: float, share: float, low: int, high: int) -> int:
    """Where to look between two places: at the edge as it would be in proportion."""
    edge = level / share if share > 0.0 else math.inf
    return min(max(bisect_left(LEVELS, edge), low + 1), high - 1)
