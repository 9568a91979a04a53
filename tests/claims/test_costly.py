"""Costly claims in the ordinary suite: supported as claimed, and violated in the first of their wrong worlds."""

import dataclasses

from pinned_regions import assert_pinned

from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context, evaluate
from cgrosim.claims.registry import all_claims


def test_it_is_supported_and_the_first_wrong_world_is_not(costly):
    claim = all_claims()[costly]
    found = evaluate(dataclasses.replace(claim, worlds=claim.worlds[:1]), Context())
    assert_pinned(found)
    assert combine(found.evidence.checks) == "supported", found.evidence.checks
    assert found.trials[0].outcome == "violated", found.trials[0].evidence.checks
    assert found.evidence.panels
