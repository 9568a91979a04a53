"""The claims about weight decay, stopping early, momentum, flipped and smoothed labels."""

import numpy as np
import pytest

from cgrosim.claims import decay_runs, unlearnable_runs
from cgrosim.claims.catalogue import cures_clock, cures_decay, cures_robustness, cures_unlearnable
from cgrosim.claims.claim import Context
from cgrosim.model.sampling import draw_explicit
from cgrosim.studies.trained import train
from cgrosim.studies.world import CLAIMED

CLAIMS = (*cures_decay.CLAIMS, *cures_robustness.CLAIMS, *cures_clock.CLAIMS, *cures_unlearnable.CLAIMS)
QUICK = ("smoothing-delays",)  # the others take some two seconds each with all their worlds


@pytest.mark.parametrize(
    "claim", [pytest.param(c, marks=() if c.name in QUICK else pytest.mark.slow) for c in CLAIMS], ids=lambda c: c.name
)
def test_quick_verdict_is_supported_and_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert verdict.verdict == "supported"
    assert verdict.rejection == "violated"
    assert not verdict.unkilled


def test_plateaus_of_a_theory_with_another_loss_weight_are_violated(monkeypatch):
    from cgrosim.theory import decay_plateaus

    whole = decay_plateaus.noise_pull
    monkeypatch.setattr(decay_plateaus, "noise_pull", lambda *a, **k: whole(*a, **(k | {"adversarial_weight": 0.49})))
    claim = next(c for c in CLAIMS if c.name == "decay-plateaus")
    outcomes = [check.outcome for check in claim.measure(Context(), CLAIMED).checks]
    assert outcomes[1:] == ["violated", "supported"]  # nobody memorised: nothing to be wrong about


def test_a_sample_that_nobody_kicks_is_on_its_side_for_certain():
    from cgrosim import Params

    params = Params.from_paper(1000, weight_decay=1.0)
    edges, kicks = np.array([2.0, 0.5, 2.0]), np.array([0.0, 0.0, 0.1])
    run = decay_runs.DecayedSamples(params, edges, kicks, edges > 1.0, 0.5)
    assert run.distance.tolist() == [np.inf, -np.inf, np.log(2.0) / 0.1]


def test_a_sample_whose_starts_are_all_dead_is_never_memorised():
    from types import SimpleNamespace as Of

    from cgrosim import Params

    params = Params.from_paper(1000, samples=2, patches=2, neurons=2, weight_decay=1.0)
    starts, edges = np.array([[-0.1, -0.2], [0.1, 0.2]]), np.array([0.0, 2.0])
    x = Of(params=params, starts=Of(noise=starts), times=np.array([np.inf, 5.0]), rests=Of(noise=1.0))
    x.decay = Of(memorisation_edges=edges)
    kicks = decay_runs._kicks(x)
    run = decay_runs.DecayedSamples(params, edges, kicks, np.array([False, True]), 0.5)
    assert run.distance[0] == -np.inf
    assert 0.0 < run.distance[1] < np.inf


@pytest.mark.parametrize(("edge", "located"), [(1.0, 1.0), (1.05, 2.0), (0.95, 0.5)])
def test_an_edge_is_located(edge, located):
    assert decay_runs.locate(lambda rho: rho < edge, 1.0) == located


def test_a_start_without_a_live_filter_has_no_edge_of_the_signal_and_is_passed_over(monkeypatch):
    """Seed 102 draws one first, of which the theory says 0, and no run takes twenty decay times of nothing."""
    asked = []
    monkeypatch.setattr(decay_runs, "decayed", lambda params, decay, world, *names: asked.append(params) or None)
    monkeypatch.setattr(decay_runs, "locate", lambda below, predicted: 1.0 if below(predicted) is None else predicted)
    monkeypatch.setattr(decay_runs, "memorised", lambda run: np.ones(1, dtype=bool))
    monkeypatch.setattr(decay_runs, "_learnt", lambda run: None)
    monkeypatch.setattr(decay_runs, "_escaped", lambda run: None)
    context = Context(seed=102)
    first, second = context.seeds("decay-phase-diagram", 2)
    dead = decay_runs.experiment_of(decay_runs.small_coupling(1e8, first, samples=8))
    assert dead.decay.signal_edge == 0.0
    edges = decay_runs.edges(context, CLAIMED)
    assert {params.seed for params in asked} == {second}
    assert min(edge.predicted for edge in edges) > 0.0


def test_a_start_with_a_sample_that_kicks_can_turn_over_is_passed_over():
    """Seed 200 draws one first: nine of its ten samples were memorised, and the signal rested elsewhere."""
    context = Context(seed=200)
    first = decay_runs.small_coupling(1e10, context.seeds("decay-plateaus", 1)[0], samples=10, gap=decay_runs.GAP)
    edges = decay_runs.experiment_of(first).decay.memorisation_edges
    assert np.min(edges) < 0.25 * np.median(edges)
    rows = decay_runs.plateaus(context, CLAIMED)
    assert [row.memorised for row in rows] == [1.0, 0.0]
    assert all(row.params.seed != first.seed for row in rows)


def test_samples_without_a_feature_are_turned_over_where_a_filter_holds_several():
    """Seed 0 with the larger effort: in one network all fresh samples fall, in another ascent finds but some."""
    from cgrosim.claims.unlearnable_runs import unlearnable

    rows = unlearnable(Context("full"), CLAIMED)
    radius = (1.0 - rows[0].params.gap) * rows[0].params.signal_strength
    assert all(row.safe <= row.fallen for row in rows)
    assert all(row.patches_test == 0.0 for row in rows if row.safe > radius)
    assert max(row.patches_test for row in rows) == 1.0
    assert any(row.patches_test < 0.5 and row.fallen < radius for row in rows)


def test_overlaps_of_samples_that_all_push_move_the_first_memorisation():
    """At this seed five samples without a feature help one another by a twentieth of the time."""
    seeds = Context("quick", 251).seeds("unlearnable-samples", 10)
    params = unlearnable_runs.setting(next(filter(unlearnable_runs._able, seeds)), 0.25)
    first, predicted = unlearnable_runs._first(params)
    start = draw_explicit(params)
    assert start.features[first] == 0.0
    measured = train(params, unlearnable_runs.STEPS, vectors=True).memorization_times[first]
    assert np.log(measured / np.min(unlearnable_runs._predicted(params, start))) < -0.05
    assert abs(np.log(measured / predicted)) < 0.005


def test_a_start_whose_only_sample_without_a_feature_has_no_live_filter_is_passed_over():
    """One in 256; a verification once stopped there."""
    seeds = Context("full", 301).seeds("unlearnable-samples", 60)
    dead = [seed for seed in seeds if np.isinf(unlearnable_runs._first(unlearnable_runs.setting(seed, 0.05))[1])]
    assert dead
    assert not any(unlearnable_runs._able(seed) for seed in dead)
