"""Search for counterexamples: the same machinery that fails to break a lemma must break its sharpened version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import Phase, given, note, settings, target
from hypothesis.strategies import SearchStrategy

Case = TypeVar("Case")

# The sequences take steps of relative size g >= 1e-4 and rounding turns 1 + g into 1 + g (1 +- eps/g), eps = 2.2e-16:
# each piece of an integral is off by 2.2e-12 relative at worst, powers and sums add a few eps.
ROUNDING = 1e-11


def check(
    strategy: SearchStrategy[Case], violation: Callable[[Case], float], tolerance: float = 0.0, examples: int = 100
) -> None:
    """Maximise ``violation(case)`` over the strategy and fail if it ever exceeds the tolerance.

    `violation` is negative or zero where the lemma holds: the slack with its sign reversed, preferably a log-ratio.
    """

    @settings(max_examples=examples)
    @given(strategy)
    def search(case: Case) -> None:
        amount = violation(case)
        note(f"violation {amount:.6g}")
        target(max(min(amount, 1e6), -1e6), label="violation")
        assert amount <= tolerance

    search()


def breaks(
    strategy: SearchStrategy[Case],
    violation: Callable[[Case], float],
    tolerance: float = ROUNDING,
    examples: int = 2500,
) -> bool:
    """Whether the same search finds a counterexample (without shrinking it: only its existence matters)."""

    @settings(max_examples=examples, phases=[Phase.generate, Phase.target], report_multiple_bugs=False)
    @given(strategy)
    def search(case: Case) -> None:
        amount = violation(case)
        target(max(min(amount, 1e6), -1e6), label="violation")
        assert amount <= tolerance

    try:
        search()
    except AssertionError:
        return True
    return False
