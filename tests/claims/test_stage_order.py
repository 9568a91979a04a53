"""The claim that noise is still small at T_I: supported, refutable, and not vacuous."""

import dataclasses

import numpy as np

from cgrosim.claims.catalogue import stage_order
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.claims.growth_runs import long_growth
from cgrosim.model.sampling import draw_gram
from cgrosim.studies.world import CLAIMED


def test_supported_with_rejected_wrong_worlds(verdict_of):
    (claim,) = stage_order.CLAIMS
    verdict = verdict_of(claim)
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
    # the bound is within a factor two of what happens, so a mistake of that size in it would show
    assert verdict.evidence.checks[0].measured > 0.5


def test_a_mutated_gram_matrix_breaks_the_bound(monkeypatch):
    """A bound that takes the noise patches for half as energetic as they are must be violated."""
    true_bound = stage_order._bound

    def weaker(params, system):
        assert system.gram is not None
        return true_bound(params, dataclasses.replace(system, gram=0.5 * system.gram))

    monkeypatch.setattr(stage_order, "_bound", weaker)
    assert combine(stage_order.CLAIMS[0].measure(Context("quick"), CLAIMED).checks) == "violated"


def test_the_bound_has_no_room_where_the_noise_wins():
    params = long_growth(signal_strength=0.5, seed=1)
    system = draw_gram(params)
    assert stage_order._bound(params, system)[1] < 0.0
    assert np.isinf(stage_order._bound(params, system)[0])
