"""The claims about the gradient flow: what it conserves, and the order at which gradient descent tends to it."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import flow_limit
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", flow_limit.CLAIMS, ids=lambda claim: claim.name)
def test_quick_verdict_is_supported_and_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert verdict.verdict == "supported"
    assert verdict.rejection == "violated"


def test_defect_shrinks_with_the_tolerance_of_the_integrator(verdict_of):
    panel = verdict_of(flow_limit.CLAIMS[0]).evidence.panels[0]
    for series in panel.series[: len(flow_limit.POWERS)]:
        assert series.y[-1] < series.y[0]


def test_patches_that_are_not_orthogonal_break_the_noise_invariant(monkeypatch):
    monkeypatch.setattr(flow_limit, "replace", lambda system, gram: system)
    outcomes = {check.name: check.outcome for check in flow_limit.measure_conserved(Context(), CLAIMED).checks}
    assert outcomes["spread of the clocks over the clock: noise correlations of one sample [q = 3]"] == "violated"
    assert outcomes["spread of the clocks over the clock: signal correlations [q = 3]"] == "supported"


@pytest.mark.parametrize(("order", "outcome"), [(1.0, "supported"), (2.0, "violated"), (0.5, "violated")])
def test_orders_are_told_apart(order, outcome):
    sizes = 0.1 * 0.5 ** np.arange(7)
    checks = flow_limit._order_checks("made up", sizes, sizes**order * (1.0 + sizes))
    assert combine(checks) == outcome


def test_a_flow_of_the_wrong_time_is_violated(monkeypatch):
    """The flow stops one per cent early."""
    whole = flow_limit.record

    def early(params, *arguments, **named):
        rate = 0.99 if params.engine == "flow" else 1.0
        return whole(params.replace(learning_rate=rate * params.learning_rate), *arguments, **named)

    monkeypatch.setattr(flow_limit, "record", early)
    assert combine(flow_limit.measure_order(Context(), CLAIMED).checks) == "violated"
