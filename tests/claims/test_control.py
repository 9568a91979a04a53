"""Standard training: its limit is sharp and refutable; the paired control is underpowered when quick, by design."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import control, control_pairs
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.studies.world import CLAIMED


def test_the_limit_is_supported_and_refutable(verdict_of):
    verdict = verdict_of(control.CLAIMS[0])
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")


def test_a_limit_without_the_number_of_samples_is_violated(monkeypatch):
    true_limit = control.noise_limit

    def mutated(*arguments, samples, **constants):
        return true_limit(*arguments, samples=0.9 * samples, **constants)

    monkeypatch.setattr(control, "noise_limit", mutated)
    assert combine(control.CLAIMS[0].measure(Context("quick"), CLAIMED).checks) == "violated"


def test_the_pairs_all_succeed_but_are_too_few_when_quick(verdict_of):
    verdict = verdict_of(control_pairs.CLAIMS[0])
    success, robust_error = verdict.evidence.checks
    assert success.measured == 1.0
    assert verdict.verdict == "underpowered"
    assert robust_error.low < 0.5 < robust_error.high
    assert verdict.trials[0].evidence.checks[0].measured == 0.0


def test_the_control_stays_below_its_bound_for_a_hundred_memorisation_times():
    (params, system), *_ = control.live_starts(control.control_experiment(), Context().seeds("pair-test", 20), 1)
    pair = control_pairs._pair(params, system, CLAIMED, 6)
    assert pair.memorised <= pair.horizon
    assert pair.steps[-1] == pytest.approx(100.0 * pair.memorised, abs=1.0)
    assert pair.control_excess <= 0.0
    assert np.max(pair.control) < 1e-3 < 0.7 < np.max(control_pairs.largest_memorised(params, system, pair.steps))
