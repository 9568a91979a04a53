"""No redesign moves what a claim allows, or why: every check of every claim against the pinned ones."""

import dataclasses

import pytest
from pinned_regions import PINNED, assert_pinned

from cgrosim.claims.claim import Context
from cgrosim.claims.registry import all_claims
from cgrosim.claims.runner import verify


def test_every_claim_is_pinned():
    assert list(PINNED["claims"]) == sorted(all_claims())


def test_a_region_that_moved_and_another_reason_are_noticed(verdict_of):
    verdict = verdict_of(all_claims()["transfer-attack"])

    def changed(**change):
        first, *others = verdict.evidence.checks
        checks = (dataclasses.replace(first, **change), *others)
        return dataclasses.replace(verdict, evidence=dataclasses.replace(verdict.evidence, checks=checks))

    assert_pinned(changed(measured=1.0))
    for change in ({"allowed_high": 1e-3}, {"reason": "because"}, {"name": "other"}):
        with pytest.raises(AssertionError):
            assert_pinned(changed(**change))
    with pytest.raises(AssertionError):
        assert_pinned(dataclasses.replace(verdict, claim=dataclasses.replace(verdict.claim, name="unheard-of")))


@pytest.mark.slow
def test_every_quick_verdict_keeps_its_regions_and_reasons():
    for verdict in verify(context=Context("quick", 0)):
        assert_pinned(verdict)
