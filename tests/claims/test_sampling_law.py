"""The claims that both samplings have one law and train to the same numbers."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import sampling_law
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.model.sampling import draw_gram
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", sampling_law.CLAIMS, ids=lambda claim: claim.name)
def test_quick_verdict_is_supported_and_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert verdict.verdict == "supported"
    assert verdict.rejection == "violated"


def test_embedding_has_the_drawn_system():
    params = sampling_law.law_experiment()
    drawn = draw_gram(params)
    vectors = sampling_law.embed(params, drawn)
    # 10 x 10 products and Cholesky solves at a condition number below 100
    for name in ("signal", "noise", "gram", "weight_gram"):
        np.testing.assert_allclose(getattr(vectors, name), getattr(drawn, name), atol=1e-13)


@pytest.mark.slow
def test_too_heavy_weights_are_violated(monkeypatch):
    """Right data and training starts; only the Gram matrix of the weights is up to half too large."""
    whole = sampling_law.draw_gram

    def loose(params):
        system = whole(params)
        generator = np.random.default_rng(params.seed)
        system.weight_gram[:] *= 1.0 + 0.5 * generator.random()
        return system

    sampling_law.collect.cache_clear()
    monkeypatch.setattr(sampling_law, "draw_gram", loose)
    outcome = combine(sampling_law.measure_same_law(Context(), CLAIMED).checks)
    sampling_law.collect.cache_clear()
    assert outcome == "violated"


def test_another_learning_rate_is_not_the_same_numbers(monkeypatch):
    from cgrosim.engines.reduced import ReducedEngine

    whole = ReducedEngine.__init__
    monkeypatch.setattr(
        ReducedEngine,
        "__init__",
        lambda self, params, system: whole(
            self, params.replace(learning_rate=params.learning_rate * (1 + 1e-8)), system
        ),
    )
    assert combine(sampling_law.measure_same_numbers(Context(), CLAIMED).checks) == "violated"
