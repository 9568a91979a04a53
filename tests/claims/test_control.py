"""Standard training: its limit is sharp and refutable; so is the paired control."""

import numpy as np
import pytest

from cgrosim.claims import control_runs
from cgrosim.claims.catalogue import control, control_pairs
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.claims.control_runs import control_experiment, live_starts
from cgrosim.studies.world import CLAIMED


@pytest.mark.slow  # its first wrong world is test_costly's
def test_the_limit_is_supported_and_refutable(verdict_of):
    verdict = verdict_of(control.CLAIMS[0])
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")


def test_a_limit_without_the_number_of_samples_is_violated(monkeypatch):
    true_limit = control_runs.noise_limit

    def mutated(*arguments, samples, **constants):
        return true_limit(*arguments, samples=0.9 * samples, **constants)

    monkeypatch.setattr(control_runs, "noise_limit", mutated)
    assert combine(control.CLAIMS[0].measure(Context("quick"), CLAIMED).checks) == "violated"


@pytest.mark.slow
def test_the_pairs_are_decided(verdict_of):
    verdict = verdict_of(control_pairs.CLAIMS[0])
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
    assert not verdict.unkilled


def test_the_control_stays_below_its_bound_for_a_hundred_memorisation_times():
    (params, _), *_ = live_starts(control_experiment(), Context().seeds("pair-test", 20), 1)
    pair = control_pairs._pair(params, CLAIMED)
    assert pair.attacked.memorised <= control_pairs.HORIZON * pair.told.predicted
    assert pair.steps[-1] == pytest.approx(100.0 * pair.told.predicted, abs=1.0)
    assert pair.excess <= 0.0
    assert np.max(pair.largest) < 1e-3 < 0.7 < np.max(pair.attacked.largest)
    assert 0 < pair.told.least <= pair.wrong.sum()
