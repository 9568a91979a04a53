"""How much of the patch distribution the training balls cover: the laws of distances between samples.

Two samples of the patch distribution (arXiv 2306.01271 v4, Definition 5.1) with noise patches of squared norm
``sigma_p^2 r_j``, r_j independent chi-square with d - 1 degrees of freedom, n = (P - 1)(d - 1) in all. Derived here:

- signals at the same position (probability 1/P): squared distance ``[0 or 4 alpha^2] + sigma_p^2 chi'^2_n(r)``, equal
  or opposite labels, with noncentrality r = sum_j r_j of the one sample held fixed;
- at different positions: a signal lies over noise patch t of the fixed sample, ``2 alpha^2 + sigma_p^2 [r_t +
  chi'^2_n(r - r_t)]``, whatever the labels.

So p(X), the probability that another sample lies within delta, depends on X, and N balls cover a fresh sample with
probability ``E[1 - (1 - p(X))^N]``. By convexity this is at most ``1 - (1 - E p(X))^N``: balls leave more uncovered
than N independent chances would.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtr, chndtr, erf, gammaln, xlogy

from cgrosim.theory._quadrature import panel_nodes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Balls(ABC):
    """Balls of one radius around samples of the patch distribution, in a norm that the subclass chooses."""

    radius: float
    dimension: int
    patches: int
    signal_strength: float
    noise_std: float

    def __post_init__(self) -> None:
        """Reject values for which the formulas mean nothing."""
        for name in ("radius", "signal_strength", "noise_std"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value}.")
        if self.dimension < 2 or self.patches < 2:
            raise ValueError(f"dimension and patches must be at least 2, got {self.dimension} and {self.patches}.")

    @property
    @abstractmethod
    def pair_probability(self) -> float:
        """Probability p_delta that two samples are within the radius of each other."""

    def independent_coverage(self, samples: int) -> float:
        """``1 - (1 - p_delta)^N``, as if every sample had its own independent chance. Kind: bound, from above."""
        chance = self.pair_probability
        return 1.0 if chance >= 1 else float(-np.expm1(samples * np.log1p(-chance)))


@dataclass(frozen=True)
class PatchBalls(_Balls):
    """l_2 balls of one radius around samples of the patch distribution.

    Attributes
    ----------
    radius : delta
    dimension, patches : d and P, at least 2
    signal_strength, noise_std : alpha and sigma_p
    """

    @property
    def freedom(self) -> int:
        """Degrees of freedom n = (P - 1)(d - 1) of the noise of a sample."""
        return (self.patches - 1) * (self.dimension - 1)

    def _reach(self, signals: float) -> float:
        """What is left of delta^2 after `signals` times alpha^2, in units of sigma_p^2."""
        return (self.radius**2 - signals * self.signal_strength**2) / self.noise_std**2

    def ball_probability(self, energies: ArrayLike) -> Array:
        """p(X): probability that another sample lies within the radius of X. Kind: exact.

        Parameters
        ----------
        energies : array_like, shape (..., P - 1)
            r_j, squared norms of the noise patches of X over sigma_p^2.
        """
        energies = np.asarray(energies, dtype=np.float64)
        if energies.shape[-1] != self.patches - 1:
            raise ValueError(f"energies have shape {energies.shape}, but there are {self.patches - 1} noise patches.")
        total = energies.sum(axis=-1)
        same = 0.5 * (self._noise_within(self._reach(0), total) + self._noise_within(self._reach(4), total))
        elsewhere = np.zeros(total.shape)
        if self._reach(2) > 0:
            rest = np.maximum(total[..., None] - energies, 0.0)
            elsewhere = self._noise_within(self._reach(2) - energies, rest).sum(axis=-1)
        return (same + elsewhere) / self.patches

    def _noise_within(self, reach: ArrayLike, noncentrality: Array) -> Array:
        """P(chi'^2_n(noncentrality) <= reach)."""
        reach, noncentrality = np.broadcast_arrays(np.maximum(reach, 0.0), noncentrality)
        central = noncentrality == 0
        found = chndtr(reach, self.freedom, np.where(central, 1.0, noncentrality))
        return np.asarray(np.where(central, chdtr(self.freedom, reach), np.where(reach > 0, found, 0.0)))

    @property
    def pair_probability(self) -> float:
        """E p(X): probability p_delta that two samples are within the radius of each other. Kind: exact.

        Two independent noise patches differ by sigma_p^2 2 chi^2; with signals at different positions two patches of
        either sample stand alone.
        """
        within = [chdtr(self.freedom, max(self._reach(signals) / 2, 0.0)) for signals in (0, 4)]
        same = 0.5 * (within[0] + within[1])
        alone, shared = 2 * (self.dimension - 1), (self.patches - 2) * (self.dimension - 1)
        reach = self._reach(2)
        if reach <= 0:
            elsewhere = 0.0
        elif shared == 0:
            elsewhere = float(chdtr(alone, reach))
        else:
            energy, weight = _chi_square_nodes(alone, reach)
            elsewhere = float(np.sum(weight * chdtr(shared, np.maximum(reach - energy, 0.0) / 2)))
        return float(same / self.patches + (1 - 1 / self.patches) * elsewhere)

    def coverage(self, samples: int) -> float:
        """Probability that a fresh sample lies in one of N balls around samples. Kind: exact to 1e-16.

        Raises
        ------
        ValueError
            With more than two patches and delta^2 > 2 alpha^2, where p(X) depends on every noise patch apart; average
            ``1 - (1 - ball_probability)^N`` over draws there.
        """
        if self.patches > 2 and self._reach(2) > 0:
            raise ValueError(
                f"radius is {self.radius}, more than sqrt(2) signal strengths, with {self.patches} patches: average "
                "ball_probability over draws instead, or take a smaller radius."
            )
        energy, weight = _chi_square_nodes(self.freedom, self._reach(2))
        noise = np.zeros((energy.size, self.patches - 1))
        noise[:, 0] = energy
        inside = np.minimum(self.ball_probability(noise), 1.0)
        with np.errstate(divide="ignore"):
            covered = -np.expm1(samples * np.log1p(-inside))
        return float(np.sum(weight * covered))


@dataclass(frozen=True)
class CubeBalls(_Balls):
    """l_inf balls of one radius around samples of the patch distribution whose w_star is a coordinate axis.

    Then all coordinates are independent: ``P(|z - z'| <= delta)`` is ``erf(delta / (2 sigma_p))`` for two noise
    coordinates and ``erf(delta / (sqrt(2) sigma_p))`` for one of them against zero. Derived here. The chance of a noise
    patch is the (d - 1)-th power of such a number, no chi-square probability: it vanishes with d unless delta grows
    like sigma_p sqrt(4 log d).

    Attributes
    ----------
    radius, dimension, patches, signal_strength, noise_std : as those of `PatchBalls`
    """

    @property
    def pair_probability(self) -> float:
        """Probability p_delta that two samples are within the radius of each other. Kind: exact.

        Signals at the same position: of equal labels, or of any if 2 alpha <= delta, and P - 1 pairs of noise patches;
        at different ones: alpha <= delta, two noise patches against zero and P - 2 pairs.
        """
        size, share = self.dimension - 1, self.radius / self.noise_std
        both, alone = float(erf(share / 2.0)) ** size, float(erf(share / np.sqrt(2.0))) ** size
        labels = 1.0 if 2.0 * self.signal_strength <= self.radius else 0.5
        same = labels * both ** (self.patches - 1)
        elsewhere = alone**2 * both ** (self.patches - 2) if self.signal_strength <= self.radius else 0.0
        return same / self.patches + (1.0 - 1.0 / self.patches) * elsewhere


def _chi_square_nodes(freedom: int, kink: float) -> tuple[Array, Array]:
    """Nodes and probability weights for expectations over chi^2_n of functions with a kink, smooth elsewhere.

    Taken in the square root x, smooth for every n, of standard deviation about 0.7 whatever n; beyond the ends lies a
    probability of 1e-17. A distribution function of ``kink - x^2`` begins like a power of its root, which is smooth in
    the angle whose sine is x / sqrt(kink).
    """
    low, high = _chi_ends(freedom)
    edge = min(max(np.sqrt(max(kink, 0.0)), low), high)
    nodes, weights = panel_nodes(edge, high, 0.25)
    if edge > low:
        root = np.sqrt(kink)
        angles, widths = panel_nodes(np.arcsin(low / root), np.arcsin(min(edge / root, 1.0)), min(0.25 / root, 0.25))
        nodes = np.concatenate([root * np.sin(angles), nodes])
        weights = np.concatenate([widths * root * np.cos(angles), weights])
    # the density of chi_n
    constant = np.log(2) - 0.5 * np.log(2) * freedom - gammaln(0.5 * freedom)
    return nodes**2, weights * np.exp(constant + xlogy(freedom - 1.0, nodes) - 0.5 * nodes**2)


@functools.lru_cache(maxsize=64)
def _chi_ends(freedom: int) -> tuple[float, float]:
    """Beyond them chi_n has a probability of 1e-17 each."""
    from scipy.stats import chi

    return float(chi.ppf(1e-17, freedom)), float(chi.isf(1e-17, freedom))
