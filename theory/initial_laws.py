"""Laws of the random start (L8) and of the times it sets.

``u_r(0) ~ N(0, sigma_0^2)`` independent; ``|X_i[j]|^2 / sigma_p^2 ~ chi^2_{d-1}``; given the data,
``v_{r,i,j}(0) ~ N(0, sigma_0^2 |X_i[j]|^2)``, independent over r (arXiv 2306.01271, Def. 5.1 and the initialisation).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtr, ndtri, ndtri_exp

from cgrosim.theory._quadrature import panel_nodes
from cgrosim.theory.power_growth import growth_integral, growth_start


@dataclass(frozen=True)
class MaximumLaw:
    """Law of the maximum of `count` independent N(0, std^2): ``P(max <= x) = Phi(x / std)^count``.

    Kind: exact for the signal starts u_r(0) (count = neurons, std = init_std), and for one noise patch given its norm
    (count = neurons, std = init_std |X_i[j]|). For the maximum of a sample over its P - 1 patches or over all samples
    it is asymptotic: patches of the same neuron are correlated by their Gram matrix, at order d^{-1/2}. Count may be
    any positive real number. Source: initialisation of arXiv 2306.01271; derived here.
    """

    count: float
    std: float = 1.0

    def __post_init__(self) -> None:
        """Reject laws that do not exist."""
        if not (self.count > 0 and self.std > 0):
            raise ValueError(f"count and std must be positive, got count {self.count}, std {self.std}")

    def log_cdf(self, value: ArrayLike) -> NDArray[np.float64]:
        """``count log Phi(value / std)``, accurate in both tails."""
        return np.asarray(self.count * log_ndtr(np.asarray(value, dtype=np.float64) / self.std))

    def cdf(self, value: ArrayLike) -> NDArray[np.float64]:
        """P(maximum <= value)."""
        return np.exp(self.log_cdf(value))

    def sf(self, value: ArrayLike) -> NDArray[np.float64]:
        """P(maximum > value), accurate far out."""
        value = np.asarray(value, dtype=np.float64) / self.std
        # In the upper tail log Phi(x) = log1p(-Phi(-x)) keeps the digits that log_ndtr rounds away.
        logarithm = np.where(value > 0, np.log1p(-ndtr(-np.maximum(value, 0.0))), log_ndtr(np.minimum(value, 0.0)))
        return -np.expm1(self.count * logarithm)

    def pdf(self, value: ArrayLike) -> NDArray[np.float64]:
        """Density ``(count / std) phi(x) Phi(x)^{count-1}`` at x = value / std."""
        x = np.asarray(value, dtype=np.float64) / self.std
        exponent = (self.count - 1) * log_ndtr(x) - x * x / 2
        return self.count / self.std * np.exp(exponent) / np.sqrt(2 * np.pi)

    def ppf(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Quantiles: the value x with P(maximum <= x) = probability."""
        with np.errstate(divide="ignore"):
            return self._from_log_cdf(np.log(np.asarray(probability, dtype=np.float64)))

    def isf(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Upper quantiles: the value x with P(maximum > x) = probability, accurate for small probabilities."""
        with np.errstate(divide="ignore"):
            return self._from_log_cdf(np.log1p(-np.asarray(probability, dtype=np.float64)))

    def _from_log_cdf(self, log_cdf: NDArray[np.float64]) -> NDArray[np.float64]:
        single = log_cdf / self.count
        # ndtri_exp loses the upper tail when the logarithm rounds to 0; there Phi(-x) = -expm1(log Phi(x)).
        upper = -ndtri(-np.expm1(np.maximum(single, -0.5)))
        return self.std * np.where(single > -0.5, upper, ndtri_exp(np.minimum(single, -0.5)))

    def median(self) -> float:
        """The median."""
        return float(self.ppf(0.5))

    def mean(self) -> float:
        """Expected maximum, by exact integral (:func:`expected_maximum`)."""
        return self.std * expected_maximum(self.count)


def expected_maximum(count: float, moment: int = 1) -> float:
    """``E[max^k]`` of `count` independent standard normals, k = `moment` (1, 2, ...).

    ``E = integral of x^k m phi(x) Phi(x)^{m-1}``, by Gauss-Legendre over the range outside which the density is below
    1e-40 of its maximum; m = 2: 1/sqrt(pi), m = 3: 3/(2 sqrt(pi)). Kind: exact (quadrature error at rounding
    level). Never above the elementary bound sqrt(2 log m), which it approaches only like log log m / log m.
    """
    if count <= 0:
        raise ValueError(f"the count must be positive, got {count}")
    law = MaximumLaw(count)
    low, high = float(law.ppf(1e-40)), 14.0 + float(np.sqrt(2 * np.log(max(count, 2.0))))
    nodes, weights = panel_nodes(low, high, 0.25)
    return float(np.sum(weights * nodes**moment * law.pdf(nodes)))


def patch_energy_law(dimension: float, noise_std: float) -> Any:
    """Law of ``|X_i[j]|^2``: ``sigma_p^2 chi^2_{d-1}`` as a frozen scipy distribution.

    The noise lives in the d - 1 directions off the signal. Kind: exact (arXiv 2306.01271, Def. 5.1).
    Mean sigma_p^2 (d-1), relative standard deviation sqrt(2/(d-1)).
    """
    if not (dimension > 1 and noise_std > 0):
        raise ValueError(f"need dimension > 1 and noise_std > 0, got {dimension}, {noise_std}")
    from scipy import stats  # the only use of it here, and a third of what every command takes to start

    return stats.gamma((dimension - 1) / 2, scale=2 * noise_std**2)


def noise_start_cdf(
    value: ArrayLike, neurons: float, dimension: float, *, init_std: float, noise_std: float
) -> NDArray[np.float64]:
    """P(max_r v_{r,i,j}(0) <= value) for one noise patch, its random norm averaged out.

    ``E_chi[ Phi(value / (sigma_0 sigma_p chi))^m ]``, chi^2 ~ chi^2_{d-1}. Kind: exact at every dimension > 1; tends to
    ``MaximumLaw(m, sigma_0 sigma_p sqrt(d-1))`` as d grows, with relative difference of order 1/d. Derived here.
    With k = d - 1 and y = log(|X|^2 / (sigma_p^2 k)) the density of y is proportional to ``exp(-(k/2)(e^y - 1 - y))``,
    which stays accurate at any k; the quadrature covers all y where it is above e^{-80}.
    """
    degrees = dimension - 1
    if not (degrees > 0 and neurons > 0 and init_std > 0 and noise_std > 0):
        raise ValueError("need dimension > 1 and positive neurons, init_std and noise_std")
    width = np.sqrt(320 / degrees)
    # e^y - 1 - y is at least y^2/2 above 0 and at least min(y^2/4, |y|/3) below: e^{-80} is reached inside this range.
    low, high = -max(np.sqrt(2) * width, 480 / degrees), width
    nodes, weights = panel_nodes(float(low), float(high), min(1.0, float(high - low) / 64))
    weights = weights * np.exp(-degrees / 2 * _exp_remainder(nodes))
    values = np.asarray(value, dtype=np.float64)[..., None]
    norms = noise_std * np.sqrt(degrees) * np.exp(nodes / 2)
    conditional = np.exp(neurons * log_ndtr(values / (init_std * norms)))
    return np.sum(weights * conditional, axis=-1) / np.sum(weights)


def _exp_remainder(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """``e^y - 1 - y`` without cancellation; the series' first omitted term is y^7/5040 < 1e-17 y^2 below 0.005."""
    small = np.minimum(np.abs(y), 0.005) * np.sign(y)
    series = small**2 / 2 * (1 + small / 3 * (1 + small / 4 * (1 + small / 5 * (1 + small / 6))))
    return np.where(np.abs(y) < 0.005, series, np.expm1(y) - y)


@dataclass(frozen=True)
class GrowthTimeLaw:
    """Law of the time at which the largest of several random starts has grown to a target.

    The flow ``x' = rate x^{q-1}`` from the maximum of the starts reaches `target` at
    ``T = I(x_max, target, q) / rate``, so ``P(T <= t) = P(x_max >= x_t) = 1 - Phi(x_t / sigma)^m`` with x_t the start
    that needs time t. A start that is not positive never grows: ``P(T = infinity) = Phi(0)^m = 2^-m``.

    Used for T_I (starts u_r(0), rate c1, target 1/alpha) and, per sample, T_i (starts v_{r,i,j}(0)). Kind: exact for
    the flow at constant rate with starts as in `starts`; for gradient descent T is later by about
    ((q-1)/2) log(target/x) steps (L1). Units: time in units of 1/rate, steps when the rate is per step. Derived here.
    """

    starts: MaximumLaw
    rate: float
    power: float
    target: float

    def __post_init__(self) -> None:
        """Reject laws that do not exist."""
        if not (self.rate > 0 and self.power >= 2 and self.target > 0):
            raise ValueError(f"need rate > 0, power >= 2, target > 0, got {self.rate}, {self.power}, {self.target}")
        if self.power == 2 and np.isinf(self.target):
            raise ValueError("with power 2 an infinite target is never reached")

    def start_needed(self, time: ArrayLike) -> NDArray[np.float64]:
        """The start x_t that needs exactly `time`."""
        return growth_start(self.target, self.rate * np.asarray(time, dtype=np.float64), self.power)

    def time_from(self, start: ArrayLike) -> NDArray[np.float64]:
        """Time from a given maximal start: infinite if not positive, zero if already above the target."""
        x = np.asarray(start, dtype=np.float64)
        inside = np.where((x > 0) & (x < self.target), x, 1.0 if np.isinf(self.target) else self.target)
        time = growth_integral(inside, self.target, self.power) / self.rate
        return np.where(x <= 0, np.inf, np.where(x >= self.target, 0.0, time))

    def cdf(self, time: ArrayLike) -> NDArray[np.float64]:
        """P(T <= time); tends to 1 - 2^-m, not to 1."""
        t = np.asarray(time, dtype=np.float64)
        return np.where(t < 0, 0.0, self.starts.sf(self.start_needed(np.maximum(t, 0.0))))

    def ppf(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Quantiles; infinite above ``1 - 2^-m``."""
        p = np.asarray(probability, dtype=np.float64)
        return self.time_from(self.starts.isf(p))

    def all_cdf(self, time: ArrayLike, groups: float) -> NDArray[np.float64]:
        """P(all of `groups` independent such times <= time): the time at which every sample is memorised."""
        with np.errstate(divide="ignore"):
            return np.exp(groups * np.log(self.cdf(time)))

    def all_ppf(self, probability: ArrayLike, groups: float) -> NDArray[np.float64]:
        """Quantiles of the latest of `groups` independent times."""
        return self.ppf(np.exp(np.log(np.asarray(probability, dtype=np.float64)) / groups))

    @property
    def never(self) -> float:
        """P(T = infinity) = 2^-m."""
        return float(np.exp2(-self.starts.count))
