"""L4, comparison of two sequences: searched for violations; broken without its kappa, its margin or its constant."""

import numpy as np
import pytest
from hypothesis import strategies as st
from searching import ROUNDING, breaks, check

from cgrosim.testing import ComparisonPair, comparison_pairs, log_uniform, powers
from cgrosim.theory.power_growth import growth_integral
from cgrosim.theory.tensor_power import comparison_bound, comparison_log_margin

COARSE = comparison_pairs(relative_growth=log_uniform(1e-2, 1e3), max_steps=6)
SUPERLINEAR = comparison_pairs(power=powers(2.1, 8.0))


def slack_of_slow(pair: ComparisonPair, bounds: list[float]) -> float:
    """Largest excess of the slow sequence over its bounds, as flow time of y in units of y_0^{2-q}.

    In these units rounding of y (60 steps of 2.2e-16 each) costs 1.4e-14, wherever y is; the logarithm of y itself
    would amplify it without limit near the blow-up.
    """
    worst = -np.inf
    for y, bound in zip(pair.slow[1:], bounds, strict=True):
        if y >= 1e100 or np.isinf(bound):
            continue
        excess = growth_integral(bound, y, pair.power) * pair.slow[0] ** (pair.power - 2)
        worst = max(worst, float(excess))
    return worst if np.isfinite(worst) else -1.0


def violation(pair: ComparisonPair, sharp: bool = True, kappa: float | None = None, ratio: float = 1.0) -> float:
    growth = pair.kappa if kappa is None else kappa
    bounds = [
        comparison_bound(
            pair.fast[0],
            pair.slow[0],
            ratio * pair.rate_ratio,
            relative_growth=growth,
            power=pair.power,
            fast_value=x,
            sharp=sharp,
        )
        for x in pair.fast[1:]
    ]
    return slack_of_slow(pair, bounds)


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("cases", [comparison_pairs(), COARSE], ids=["fine", "coarse"])
def test_comparison_holds_at_every_step(cases, sharp: bool) -> None:
    check(cases, lambda pair: violation(pair, sharp), ROUNDING, examples=80)


def margin_violation(pair: ComparisonPair, extra_log_margin: float = 0.0) -> float:
    """The form with a margin: y never exceeds y_0 [1 - (1+eps)^{-(q-2)}]^{-1/(q-2)}, at T as well as at T - 1."""
    excess = pair.power - 2
    margin = comparison_log_margin(
        pair.fast[0], pair.slow[0], pair.rate_ratio, relative_growth=pair.kappa, power=pair.power
    )
    margin += extra_log_margin
    if margin <= 0:
        return -1.0
    cap = pair.slow[0] * np.exp(-np.log(-np.expm1(-excess * margin)) / excess)
    return slack_of_slow(pair, [cap] * (len(pair.slow) - 1))


def test_comparison_with_a_margin_holds_until_the_end() -> None:
    check(SUPERLINEAR, margin_violation, ROUNDING)


def test_margin_cannot_be_lowered() -> None:
    assert breaks(SUPERLINEAR, lambda pair: margin_violation(pair, extra_log_margin=0.05))


def test_slow_stays_small_only_with_a_margin() -> None:
    """Without x_0 ahead by the margin the slow sequence can reach any multiple of its start first."""
    assert breaks(SUPERLINEAR, lambda pair: float(np.log(pair.slow[-1] / pair.slow[0]) - np.log(1e6)))


def test_kappa_is_needed() -> None:
    assert breaks(COARSE, lambda pair: violation(pair, kappa=0.0))


def test_factor_cannot_be_lowered() -> None:
    """R_q(kappa) S lowered by 3 per cent is broken: the sharp constant is sharp in the comparison too."""
    assert breaks(COARSE, lambda pair: violation(pair, ratio=0.97), examples=6000)


def test_power_two_has_no_margin() -> None:
    with pytest.raises(ValueError, match="power 2"):
        comparison_log_margin(1.0, 0.1, 1.0, relative_growth=0.1, power=2.0)
    pairs = comparison_pairs(power=st.just(2.0), advantage=log_uniform(10.0, 100.0))
    assert breaks(pairs, lambda pair: float(np.log(pair.slow[-1] / pair.slow[0]) - np.log(10.0)))
