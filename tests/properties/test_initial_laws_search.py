"""L8, initial laws: searched for violations of their bounds and identities; sharpened constants break."""

import numpy as np
from hypothesis import strategies as st
from searching import breaks, check

from cgrosim.testing import log_uniform, powers
from cgrosim.theory.initial_laws import GrowthTimeLaw, MaximumLaw, expected_maximum, noise_start_cdf

COUNTS = log_uniform(1.0, 1e12)


def test_quantiles_invert_the_law() -> None:
    """In log-probability, whose rounding is eps times count times |log Phi| / count = eps |log p| plus eps x^2."""

    def error(case: tuple[float, float, float]) -> float:
        count, std, log_probability = case
        law = MaximumLaw(count, std)
        back = float(law.log_cdf(law.ppf(np.exp(log_probability))))
        return abs(back - log_probability) / abs(log_probability)

    # Near p = 1 the conditioning of p itself is eps / |log p|: keep |log p| above 1e-3; x^2 stays below 100 here, and
    # ndtri and log_ndtr are good to a few eps, amplified by x^2.
    check(st.tuples(COUNTS, log_uniform(1e-6, 1e3), st.floats(-40, -1e-3)), error, 1e-12)


def test_expected_maximum_below_the_elementary_bound() -> None:
    def above(count: float, share: float = 1.0) -> float:
        return expected_maximum(count) - share * np.sqrt(2 * np.log(count))

    check(log_uniform(1.001, 1e12), above, 1e-12)
    assert breaks(log_uniform(1.001, 1e12), lambda count: above(count, 0.95))


def test_maximum_grows_with_the_count() -> None:
    cases = st.tuples(COUNTS, st.floats(1.0, 100.0), st.floats(-8, 8))
    check(cases, lambda c: float(MaximumLaw(c[0] * c[1]).cdf(c[2]) - MaximumLaw(c[0]).cdf(c[2])))


LAWS = st.builds(
    GrowthTimeLaw,
    starts=st.builds(MaximumLaw, count=log_uniform(1.0, 1e4), std=log_uniform(1e-6, 1.0)),
    rate=log_uniform(1e-9, 1.0),
    power=powers(2.0, 6.0),
    target=log_uniform(0.1, 10.0),
)


def test_time_law_is_the_law_of_the_start() -> None:
    """P(T <= t(x)) = P(start >= x) for every positive start x below the target, to the conditioning of x(t)."""

    def error(case: tuple[GrowthTimeLaw, float]) -> float:
        law, share = case
        start = share * law.target
        back = float(law.start_needed(law.time_from(start)))
        return abs(np.log(back / start))

    # x(t) by powers and logarithms: eps times (q-2) log(target/start) <= 4 * 60 eps, over q - 2 >= 0.01 at worst.
    check(st.tuples(LAWS, log_uniform(1e-9, 0.999)), error, 1e-11)


def test_some_runs_never_grow() -> None:
    def error(law: GrowthTimeLaw) -> float:
        # At rate * t = 1e30 the start that still needs that long is below 1e-5 of every std drawn here when q <= 6.
        slow = law.start_needed(1e60 / law.rate)
        early = float(1 - law.cdf(1e60 / law.rate))
        bound = float(law.starts.cdf(slow))
        return max(law.never - early - 1e-15, early - bound - 1e-15)

    check(LAWS, error)
    # Forgetting that a negative start never grows (two-sided maxima) breaks.
    assert breaks(LAWS, lambda law: float(law.cdf(1e60 / law.rate)) - (1 - 2 * law.never) - 1e-3)


def correction(case: tuple[float, float, float]) -> tuple[float, float]:
    """Exact minus concentrated law of the largest start of one noise patch, and its leading term in 1/(d-1)."""
    neurons, dimension, share = case
    law = MaximumLaw(neurons)
    x = float(law.ppf(share))
    std = np.sqrt(dimension - 1)
    exact = float(noise_start_cdf(x * std, neurons, dimension, init_std=1.0, noise_std=1.0)) - share
    # With y = log(|X|^2/(d-1)), E y = -1/(d-1) and E y^2 = 2/(d-1) to first order; F(y) = Phi(x e^{-y/2})^m.
    step = 1e-3
    left, right = (float(law.cdf(x * np.exp(-y / 2))) for y in (-step, step))
    first, second = (right - left) / (2 * step), (right + left - 2 * share) / step**2
    return exact, (second - first) / (dimension - 1)


def test_random_norms_correct_the_law_at_order_one_over_d() -> None:
    """Exact minus leading term is of order (d-1)^{-2}.

    The next term is ``(-F'/3 + 3 F''/2 - 5 F'''/3 + F''''/2) / (d-1)^2`` (cumulants of log chi-square), and each
    derivative in y of Phi(x e^{-y/2})^m brings a factor of at most about 1 + x^2/2: four of them, and 4 for the sum.
    """
    cases = st.tuples(log_uniform(1.0, 1e3), log_uniform(1e3, 1e9), st.floats(0.05, 0.95))

    def error(case: tuple[float, float, float]) -> float:
        exact, leading = correction(case)
        x = float(MaximumLaw(case[0]).ppf(case[2]))
        # 1e-4 of the leading term for the difference quotient, 1e-13 for rounding of the probabilities
        return (
            abs(exact - leading)
            - 1e-4 * abs(leading)
            - 4 * (1 + x * x / 2) ** 4 / (case[1] - 1) ** 2
            - 1e-9 / case[1]
            - 1e-13
        )

    check(cases, error)
    assert breaks(cases, lambda c: abs(correction(c)[0]) - 1e-2 / c[1], 0.0)
