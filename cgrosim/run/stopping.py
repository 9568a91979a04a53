"""Rules that end a run: looked at whenever something is recorded, so that they depend on the record grid alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cgrosim.arguments import checked
from cgrosim.engines.base import Crossings
from cgrosim.errors import ParameterError
from cgrosim.files.words import quoted, suggested
from cgrosim.model.hitting_times import HITTING_TIMES


class StopRule(Protocol):
    """What `simulate(until=...)` takes; rules combine with ``|`` and ``&``."""

    def reached(self, crossings: Crossings, step: int) -> str:
        """What has happened by this step, in words; empty as long as the run goes on."""

    def described(self) -> dict[str, Any]:
        """The rule as plain values, from which `rule_from` makes it again."""

    def events(self) -> set[str]:
        """Names of the hitting times it looks at."""

    def __str__(self) -> str:
        """What is waited for, in words."""


class _Combining:
    """The operators of every rule."""

    def __or__(self, other: Any) -> AnyOf:
        return AnyOf((self, other))  # type: ignore[arg-type]

    def __and__(self, other: Any) -> AllOf:
        return AllOf((self, other))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Reached(_Combining):
    """Whether a hitting time has come, for this share of its entries (1: for all).

    The share is compared as ``count / all >= share``: a quotient of whole numbers is rounded like the literal that
    names it, so that 0.55 of 100 samples is 55 of them.
    """

    event: str
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.event not in HITTING_TIMES:
            hint = suggested(self.event, HITTING_TIMES, "take one of")
            raise ParameterError(f"{quoted(self.event)} is no event to stop at; {hint}")
        if isinstance(self.share, bool) or not isinstance(self.share, int | float) or not 0.0 < self.share <= 1.0:
            raise ParameterError(f"share is {self.share!r}, but must be a number above 0 and at most 1.")

    def reached(self, crossings: Crossings, step: int) -> str:
        """What has happened by this step."""
        times = crossings.times[self.event]
        count = int(np.count_nonzero(times <= step))  # false for nan; the flow knows times beyond the step, too
        return self._words(count, len(times)) if count / len(times) >= self.share else ""

    def _words(self, count: int, size: int) -> str:
        which = f"{count} of {size} samples" if count < size else "every sample"
        return HITTING_TIMES[self.event].happened.format(which=which)

    def described(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {"event": self.event, "share": float(self.share)}

    def events(self) -> set[str]:
        """Names of the hitting times it looks at."""
        return {self.event}

    def __str__(self) -> str:
        which = "every sample" if self.share == 1.0 else f"a share {self.share:g} of the samples"
        return HITTING_TIMES[self.event].happened.format(which=which)


@dataclass(frozen=True)
class AnyOf(_Combining):
    """Whether one of several rules holds."""

    rules: tuple[StopRule, ...]

    def reached(self, crossings: Crossings, step: int) -> str:
        """What has happened by this step."""
        return " and ".join(filter(None, (rule.reached(crossings, step) for rule in self.rules)))

    def described(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {"any": [rule.described() for rule in self.rules]}

    def events(self) -> set[str]:
        """Names of the hitting times it looks at."""
        return {event for rule in self.rules for event in rule.events()}

    def __str__(self) -> str:
        return "(" + " or ".join(map(str, self.rules)) + ")"


@dataclass(frozen=True)
class AllOf(_Combining):
    """Whether all of several rules hold."""

    rules: tuple[StopRule, ...]

    def reached(self, crossings: Crossings, step: int) -> str:
        """What has happened by this step."""
        found = [rule.reached(crossings, step) for rule in self.rules]
        return " and ".join(found) if all(found) else ""

    def described(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {"all": [rule.described() for rule in self.rules]}

    def events(self) -> set[str]:
        """Names of the hitting times it looks at."""
        return {event for rule in self.rules for event in rule.events()}

    def __str__(self) -> str:
        return "(" + " and ".join(map(str, self.rules)) + ")"


@checked
def memorised(share: float = 1.0) -> Reached:
    """Stop when this share of the training samples is memorised (V_i >= 0.7)."""
    return Reached("memorised", share)


@checked
def grown() -> Reached:
    """Stop when the signal has grown (alpha^q U >= 1)."""
    return Reached("grown")


@checked
def escaped() -> Reached:
    """Stop when the attacked signal has escaped: (gap alpha)^q U >= 0.7, so that the network is truly robust."""
    return Reached("escaped")


def rule_from(described: dict[str, Any]) -> StopRule:
    """The rule that describes itself so.

    Raises
    ------
    ParameterError
        If these are no values of a rule.
    """
    try:
        for key, combination in (("any", AnyOf), ("all", AllOf)):
            if key in described:
                return combination(tuple(rule_from(part) for part in described[key]))
        return Reached(described["event"], described["share"])
    except (TypeError, KeyError):
        raise ParameterError(f"{json.dumps(described)[:200]} describes no stop rule; start the run again.") from None
