"""The noise S in the margin of fresh samples of a trained network: exact draws, and conditional probabilities.

Given the weights, (<w_r, xi_j>)_r ~ N(0, noise_std^2 G) for every noise patch, G the Gram matrix of the weights
projected off w_star (arXiv 2306.01271, Def. 5.1: noise patches are Gaussian and orthogonal to w_star).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

# Normal quantile at half of checks.ERROR_RATE, for means of many bounded draws.
NORMAL = 4.417


def signed_power(values: Array, power: float) -> Array:
    """The activation sign(z)|z|^q; with 1/q for q its inverse."""
    return np.asarray(np.sign(values) * np.abs(values) ** power)


def draw_fresh_noise(
    generator: np.random.Generator, count: int, gram: Array, *, power: float, noise_std: float, patches: int
) -> Array:
    """Draw `count` values of S exactly in law."""
    factor = noise_std * np.linalg.cholesky(gram)
    total = np.zeros(count)
    for _ in range(patches - 1):
        total += signed_power(generator.standard_normal((count, len(gram))) @ factor.T, power).sum(axis=1)
    return total


def small_ball(
    generator: np.random.Generator, count: int, gram: Array, level: float, *, power: float, noise_std: float
) -> tuple[float, float]:
    """P(0 <= S <= level) for two patches, with its standard error, by conditional Monte Carlo.

    The event is split by which neuron r has the largest |<w_r, xi>| in units of its standard deviation. Given the
    other neurons that one is Gaussian, and the event is an interval of its value outside a ball: its probability is
    exact, however small, and bounded by a multiple of `level` (without the split it is as large as level^(1/q) where
    the others cancel, and the variance explodes). By symmetry of S half of P(|S| <= level) is returned.
    """
    scale = noise_std * np.sqrt(np.diag(gram))
    values = noise_std * generator.standard_normal((count, len(gram))) @ np.linalg.cholesky(gram).T
    precision = np.linalg.inv(gram) / noise_std**2
    width = 1.0 / np.sqrt(np.diag(precision))
    mean = values - values @ precision * width**2
    terms = signed_power(values, power)
    rest = terms.sum(axis=1, keepdims=True) - terms
    low, high = (signed_power(side * level - rest, 1.0 / power) for side in (-1.0, 1.0))
    outside = _largest_other(np.abs(values) / scale) * scale
    found = np.zeros(count)
    for left, right in ((np.maximum(low, outside), high), (low, np.minimum(high, -outside))):
        inside = ndtr((right - mean) / width) - ndtr((left - mean) / width)
        found += np.where(right > left, inside, 0.0).sum(axis=1)
    found *= 0.5
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(count))


def _largest_other(sizes: Array) -> Array:
    """For every entry of a row the largest of the others."""
    two = np.partition(sizes, -2, axis=1)[:, -2:]
    return np.where(sizes >= two[:, 1:], two[:, :1], two[:, 1:])


def spherical_second_moments(
    generator: np.random.Generator, count: int, gram: Array, *, power: float, noise_std: float, patches: int
) -> Array:
    """Values whose mean is Var S: S(omega)^2 times E R^(2q), omega uniform on the sphere.

    S is homogeneous of degree q in its n = m (P-1) standard normal inputs, whose length R is independent of their
    direction: integrating R^2 ~ chi^2_n exactly leaves a bounded variable, where S^2 itself has tails as heavy as
    z^(2q) and its sample mean converges too slowly for a normal interval.
    """
    from scipy.special import gammaln

    inputs = (patches - 1) * len(gram)
    normal = generator.standard_normal((count, inputs))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    factor = noise_std * np.linalg.cholesky(gram)
    projections = normal.reshape(count, patches - 1, len(gram)) @ factor.T
    total = signed_power(projections, power).sum(axis=(1, 2))
    radial = float(np.exp(power * np.log(2.0) + gammaln(0.5 * inputs + power) - gammaln(0.5 * inputs)))
    return np.asarray(radial * total**2)
