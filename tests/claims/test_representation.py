"""The claims about memorising networks: supported, refutable, and missed by mutations of the construction."""

from dataclasses import replace

import pytest

import cgrosim.claims.memorising_networks as networks
from cgrosim.claims.catalogue import coverage, representation, representation_needed
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.studies.world import CLAIMED
from cgrosim.theory.balls import CubeDesign
from cgrosim.theory.relu_network import ReluNetwork


@pytest.mark.parametrize(
    "claim", representation.CLAIMS + representation_needed.CLAIMS + coverage.CLAIMS, ids=lambda claim: claim.name
)
def test_supported_with_rejected_wrong_worlds(verdict_of, claim):
    verdict = verdict_of(claim)
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
    assert not verdict.unkilled


def claim_named(name):
    return next(claim for claim in representation.CLAIMS + coverage.CLAIMS if claim.name == name)


def outcome_of(name):
    return combine(claim_named(name).measure(Context("quick"), CLAIMED).checks)


def test_a_changed_bias_is_not_certified(monkeypatch):
    """One ball that is closed by a hair: the certificate speaks of the arrays, not of the formula."""
    build = networks.cgro_classifier

    def spoiled(*arguments, **named):
        built = build(*arguments, **named)
        biases = [bias.copy() for bias in built.network.biases]
        biases[1][0] -= 1.0  # the first indicator, 1 - s / ramp
        return replace(built, network=ReluNetwork(built.network.weights, biases))

    monkeypatch.setattr(networks, "cgro_classifier", spoiled)
    assert outcome_of("cgro-classifier") == "violated"


def test_a_network_with_one_more_weight_a_ball_is_counted(monkeypatch):
    true_count = representation._count
    monkeypatch.setattr(representation, "_count", lambda n, *rest: true_count(n, *rest) + n)
    assert outcome_of("cgro-count") == "violated"


def test_coverage_misses_a_law_without_its_noncentrality(monkeypatch):
    """As if every sample had its own independent chance: what the law would be without conditioning on X."""
    monkeypatch.setattr(coverage.PatchBalls, "coverage", coverage.PatchBalls.independent_coverage)
    assert outcome_of("ball-coverage") == "violated"


def test_the_parameters_of_the_formula_are_those_of_the_design():
    assert CubeDesign(ramp=1.0).parameters(3, 5) == 3 * 31
