"""Claims about the scaling of the memorisation time."""

from collections.abc import Callable

import numpy as np
import pytest

from cgrosim.claims.catalogue import memorisation_slopes
from cgrosim.claims.catalogue.memorisation_slopes import CLAIMS, a_priori_log_exposure
from cgrosim.claims.claim import Claim, Context, Verdict
from cgrosim.studies.memorisation import small_coupling
from cgrosim.studies.world import CLAIMED

Verdicts = Callable[[Claim], Verdict]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_quick_decides_and_every_slope_breaks_in_a_world_of_its_own(verdict_of: Verdicts, claim: Claim) -> None:
    found = verdict_of(claim)
    assert found.verdict == "supported", found.evidence.checks
    assert found.rejection == "violated"
    assert not found.unkilled


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_one_seed_alone_gives_no_limits(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    # the sizes of one seed share its starts: however smooth, they are one replicate
    monkeypatch.setattr(memorisation_slopes, "QUICK_SEEDS", 1)
    for check in claim.measure(Context("quick", 0), CLAIMED).checks:
        assert (check.low, check.high) == (-np.inf, np.inf)
        assert check.outcome == "underpowered"


@pytest.mark.parametrize(("power", "slope"), [(3.0, -3.0), (4.0, -4.0)])
def test_the_a_priori_exposure_scales_as_noise_std_to_minus_q(power: float, slope: float) -> None:
    base = small_coupling(10**12, 0, power=power)
    change = a_priori_log_exposure(base.replace(noise_std=2 * base.noise_std)) - a_priori_log_exposure(base)
    # finite threshold: (v / v_thr)^(q-2) below 1e-3 of the time at d = 1e12 (start 1e-4 for q = 3)
    assert change / np.log(2.0) == pytest.approx(slope, abs=2e-3)
