"""The claims about the plateau: supported, refutable, with a tolerance that the integrator explains."""

import pytest

from cgrosim.claims.catalogue import stagnation
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.engines.flow import FlowEngine
from cgrosim.studies.recording import record
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", stagnation.CLAIMS, ids=lambda claim: claim.name)
def test_supported_with_rejected_wrong_worlds(verdict_of, claim):
    verdict = verdict_of(claim)
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")


def test_the_quadrature_misses_a_mutated_adversarial_weight(monkeypatch):
    true_flow = stagnation.signal_flow
    monkeypatch.setattr(stagnation, "signal_flow", lambda p, u: true_flow(p.replace(adversarial_weight=0.49), u))
    evidence = stagnation.CLAIMS[0].measure(Context("quick"), CLAIMED)
    assert combine(evidence.checks) == "violated"


def test_the_log_law_misses_a_plateau_that_the_attack_leaves(monkeypatch):
    """With a gap of 1e-4 the attacked push takes over at a margin of about 28: the slope rises above the law."""
    true_experiment = stagnation._experiment
    monkeypatch.setattr(stagnation, "_experiment", lambda **changes: true_experiment(**{**changes, "gap": 1e-4}))
    evidence = stagnation.CLAIMS[1].measure(Context("quick"), CLAIMED)
    assert combine(evidence.checks) == "violated"


def test_the_integrator_takes_fewer_steps_than_the_tolerance_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tolerance of the quadrature counts STEPS_A_DECADE local errors a decade; the integrator takes fewer."""
    params, system = stagnation._live_system(stagnation._experiment(), list(range(10)))
    taken: list[int] = []
    find = FlowEngine._find_crossings
    monkeypatch.setattr(FlowEngine, "_find_crossings", lambda self: (taken.append(1), find(self))[1])
    for decade in range(0, 17, 4):
        taken.clear()
        record(params, [10**decade], start=system)
        assert len(taken) <= stagnation.STEPS_A_DECADE * (decade + 1), decade
    assert len(taken) > 100
