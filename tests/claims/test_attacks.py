"""The claims about the inner maximum and the transfer attack."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import attacks
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.model.activations import ACTIVATIONS
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", attacks.CLAIMS, ids=lambda claim: claim.name)
def test_quick_verdict_is_supported_and_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert verdict.verdict == "supported"
    assert verdict.rejection == "violated"


@pytest.mark.slow
def test_only_ends_for_the_smoothed_relu_is_violated(monkeypatch):
    """A kernel that forgets kinks and critical points: the best end of the interval."""

    def best_end(params, signal):
        layer = attacks.output_weights(params.neurons, params.second_layer_sign)
        ends = (params.gap * params.signal_strength, params.signal_strength + params.perturbation_radius)
        values = [min(attacks.signal_margin(params, layer, signal, y, c) for c in ends) for y in (1.0, -1.0)]
        return np.array(values), layer

    monkeypatch.setattr(attacks, "compiled_attack", best_end)
    monkeypatch.setattr(attacks, "ACTIVATIONS", {name: ACTIVATIONS[name] for name in ("smoothed_relu", "power")})
    # some one network in a hundred has its minimum inside: the 30 of a quick measurement may hold none
    outcomes = {c.name: c.outcome for c in attacks.measure_inner_maximum(Context("full"), CLAIMED).checks}
    assert outcomes["not above brute force, in units of round-off [smoothed_relu]"] == "violated"
    assert outcomes["not above brute force, in units of round-off [power]"] == "supported"


def test_a_margin_below_every_admissible_one_is_violated(monkeypatch):
    whole = attacks.compiled_attack
    monkeypatch.setattr(attacks, "compiled_attack", lambda p, u: (whole(p, u)[0] - 1e-9, whole(p, u)[1]))
    assert combine(attacks.measure_inner_maximum(Context(), CLAIMED).checks) == "violated"


def test_attacks_that_are_one_and_the_same_are_violated(monkeypatch):
    """If training ignored the threat, the trajectories would agree for U < 0 too."""
    from cgrosim.engines.reduced import ReducedEngine

    whole = ReducedEngine.__init__
    monkeypatch.setattr(
        ReducedEngine,
        "__init__",
        lambda self, params, system: whole(self, params.replace(threat="signal_span"), system),
    )
    assert combine(attacks.measure_transfer(Context(), CLAIMED).checks) == "violated"
