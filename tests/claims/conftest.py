"""Quick verdicts, computed once a session and held against what is pinned of them; costly ones in one wrong world."""

from collections.abc import Callable
from functools import cache

import pytest
from pinned_regions import assert_pinned

from cgrosim.claims.claim import Claim, Context, Verdict, evaluate

COSTLIEST = {
    "adversarial-weight-sweep",
    "ball-coverage",
    "cgro-classifier",
    "dead-filters-stay-dead",
    "dead-start-probability",
    "fresh-noise-variance",
    "memorisation-kicks",
    "memorisation-law",
    "memorisation-slope-rates",
    "memorisation-slope-starts",
    "noise-growth-dominates",
    "plateau-quadrature",
    "sampling-in-law",
    "signal-growth-law",
    "signal-growth-slopes",
}
"""Claims of which one world takes seconds: left to `-m slow` and `cgrosim verify`."""

COSTLY = {
    "closure",
    "control-limit",
    "initial-laws",
    "memorisation-times",
    "signal-growth-window",
    "threat-gap",
}
"""Claims whose whole kill matrix takes seconds: the ordinary suite puts them to their first wrong world (test_costly),
`-m slow` and `cgrosim verify` to all of them."""


@pytest.hookimpl(tryfirst=True)  # before what is slow is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "verdict_of" in names and (COSTLY | COSTLIEST) & {getattr(getattr(item, "callspec", None), "id", "")}:
            item.add_marker(pytest.mark.slow)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "costly" in metafunc.fixturenames:
        metafunc.parametrize("costly", sorted(COSTLY))


@pytest.fixture(scope="session")
def verdict_of() -> Callable[[Claim], Verdict]:
    """The quick verdict of a claim; its regions and reasons are the pinned ones."""

    @cache
    def find(claim: Claim) -> Verdict:
        verdict = evaluate(claim, Context())
        assert_pinned(verdict)
        return verdict

    return find
