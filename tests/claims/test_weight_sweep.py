"""The claim about the adversarial weight: supported, refutable, and each prediction in it is needed."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import weight_sweep
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.studies.world import CLAIMED

(CLAIM,) = weight_sweep.CLAIMS


@pytest.mark.parametrize("claim", [CLAIM], ids=lambda claim: claim.name)
def test_supported_with_rejected_wrong_worlds(verdict_of, claim):
    verdict = verdict_of(claim)
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
    share = verdict.evidence.panels[0].series[0].y
    # the horizon separates small weights from large ones
    assert share[0] == 0.0
    assert share[-1] == 1.0


def test_a_memorisation_time_without_half_the_weight_is_violated(monkeypatch):
    true_times = weight_sweep.predict_starts
    monkeypatch.setattr(weight_sweep, "predict_starts", lambda params, starts: 1.2 * true_times(params, starts))
    assert combine(CLAIM.measure(Context("quick"), CLAIMED).checks) == "violated"


def test_the_slope_check_sees_a_wrong_exponent():
    outcome = weight_sweep.Outcome(0.1, *[np.nan] * 3, np.ones(2), np.ones(2), *[np.nan] * 5)
    rows = [[outcome._replace(weight=w, memorised=np.full(2, w**-1.3)) for w in weight_sweep.SMALL]]
    assert weight_sweep._slope_check(rows, 0.01, 0.03).outcome == "violated"
    rows = [[outcome._replace(weight=w, memorised=np.full(2, 1.0 / w)) for w in weight_sweep.SMALL]]
    assert weight_sweep._slope_check(rows, 0.01, 0.03).outcome == "supported"
