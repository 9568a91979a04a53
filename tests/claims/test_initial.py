"""The claims about the random start and about dead filters."""

import dataclasses

import numpy as np
import pytest

from cgrosim.claims.catalogue import dead_filters, initial
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context, evaluate
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", initial.CLAIMS + dead_filters.CLAIMS, ids=lambda claim: claim.name)
def test_quick_verdict_is_supported_and_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert verdict.verdict == "supported"
    assert verdict.rejection == "violated"


@pytest.mark.parametrize(
    "change",
    [
        {"dimension": 36, "noise_std": 0.2},
        *(
            pytest.param(more, marks=pytest.mark.slow)
            for more in ({"init_std": 0.36}, {"noise_std": 0.24}, {"neurons": 8})
        ),
    ],
)
def test_laws_of_another_experiment_are_violated(monkeypatch, change):
    """Twenty per cent more degrees of freedom, or of either standard deviation, or another width."""
    laws = initial.start_laws
    monkeypatch.setattr(initial, "start_laws", lambda params: laws(params.replace(**change)))
    assert combine(initial.measure_start_laws(Context(), CLAIMED).checks) == "violated"


def test_patches_whose_projections_share_too_much_are_violated(monkeypatch):
    """Correct marginals with a wrong correlation between patches: only the whitened law can tell."""

    def correlated(params):
        system = initial.draw_gram(params)
        scale = np.sqrt(np.diag(system.gram))
        return initial.ClosedSystem(
            system.labels, system.signal, scale[:, None] * (system.noise[0] / scale[0]), system.gram,
            system.weight_gram, system.second_layer,
        )  # fmt: skip

    monkeypatch.setattr(initial, "DRAWS", {"gram": correlated})
    outcomes = {check.name: check.outcome for check in initial.measure_start_laws(Context(), CLAIMED).checks}
    assert outcomes["v(0) given the data, whitened ~ N(0, 1) [gram]"] == "violated"
    assert outcomes["max_r v_r(0) of one patch [gram]"] == "supported"


@pytest.mark.slow
def test_dead_count_of_two_neurons_more_is_violated(monkeypatch):
    draw = dead_filters.draw_gram
    monkeypatch.setattr(
        dead_filters, "draw_gram", lambda params: draw(params.model_copy(update={"neurons": params.neurons + 2}))
    )
    assert combine(dead_filters.measure_dead_probability(Context(), CLAIMED).checks) == "violated"


def test_long_steps_make_the_claim_not_applicable(monkeypatch):
    whole = dead_filters.dead_experiment
    monkeypatch.setattr(dead_filters, "dead_experiment", lambda q, s: whole(q, s).replace(learning_rate=0.5, steps=20))
    alone = dataclasses.replace(dead_filters.CLAIMS[1], worlds=())
    assert evaluate(alone, Context()).verdict == "not applicable"


def test_a_silent_run_is_violated(monkeypatch):
    from cgrosim.run.results import Run

    monkeypatch.setattr(Run, "message", property(lambda self: ""))
    assert combine(dead_filters.measure_dead_dynamics(Context(), CLAIMED).checks) == "violated"
