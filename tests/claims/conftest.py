"""Quick verdicts, computed once a session and held against what is pinned of them."""

from collections.abc import Callable
from functools import cache

import pytest
from pinned_regions import assert_pinned

from cgrosim.claims.claim import Claim, Context, Verdict, evaluate


@pytest.fixture(scope="session")
def verdict_of() -> Callable[[Claim], Verdict]:
    """The quick verdict of a claim; its regions and reasons are the pinned ones."""

    @cache
    def find(claim: Claim) -> Verdict:
        verdict = evaluate(claim, Context())
        assert_pinned(verdict)
        return verdict

    return find
