"""The noise S in the margin of fresh samples of a trained network: exact draws, and conditional probabilities.

Given the weights, (<w_r, xi_j>)_r ~ N(0, noise_std^2 G) for every noise patch, G the Gram matrix of the weights
projected off w_star (arXiv 2306.01271, Def. 5.1: noise patches are Gaussian and orthogonal to w_star).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

# Normal quantile at half of checks.ERROR_RATE, for means of many bounded draws.
NORMAL = 4.417

CHUNK = 4096  # rows of draws, whose arrays then stay in the processor's cache


def signed_power(values: Array, power: float) -> Array:
    """The activation sign(z)|z|^q; with 1/q for q its inverse."""
    return np.asarray(np.sign(values) * np.abs(values) ** power)


def draw_fresh_noise(
    generator: np.random.Generator,
    count: int,
    gram: Array,
    *,
    power: float,
    noise_std: float,
    patches: int,
    mean: float = 0.0,
) -> Array:
    """Draw `count` values of S exactly in law; a `mean` of the normals, 0 in the theory, breaks their symmetry."""
    factor = noise_std * np.linalg.cholesky(gram)
    total = np.zeros(count)
    for _ in range(patches - 1):
        normals = generator.standard_normal((count, len(gram))) + mean
        total += signed_power(normals @ factor.T, power).sum(axis=1)
    return total


def noise_probabilities(
    generator: np.random.Generator,
    count: int,
    gram: Array,
    intervals: Sequence[tuple[float, float]],
    *,
    power: float,
    noise_std: float,
    patches: int = 2,
    integrated: int | None = None,
) -> tuple[Array, Array]:
    """P(low <= S <= high) of every interval, with standard errors, by conditional Monte Carlo on the same draws.

    The event is split by which projection |<w_r, xi_j>| is the largest. Given the others that one is Gaussian, and the
    event is an interval of its value outside a ball: its probability is exact, however small, and for short intervals
    bounded by a multiple of their length (without the split it is as large as length^(1/q) where the others cancel, and
    the variance explodes); for tails the estimator of Asmussen and Kroese (2006), whose relative error stays bounded.
    Where one filter dominates, its number as `integrated` saves the split: the others hardly matter, and nearly no
    variance is left.

    Returns
    -------
    probabilities, errors : arrays, one entry an interval
    """
    inputs = np.kron(np.eye(patches - 1), gram)
    values = noise_std * generator.standard_normal((count, len(inputs))) @ np.linalg.cholesky(inputs).T
    precision = np.linalg.inv(inputs) / noise_std**2
    width = 1.0 / np.sqrt(np.diag(precision))
    mean = values - values @ precision * width**2
    terms = signed_power(values, power)
    rest = terms.sum(axis=1, keepdims=True) - terms
    if integrated is None:
        outside = _largest_other(np.abs(values))
    else:
        rest, mean, width = (x[..., [integrated]] for x in (rest, mean, width))
        outside = np.zeros((count, 1))
    found = np.empty((len(intervals), count))
    for first in range(0, count, CHUNK):
        some = slice(first, first + CHUNK)
        for row, (start, end) in zip(found, intervals, strict=True):
            row[some] = _between(start, end, rest[some], mean[some], width, outside[some], power)
    return found.mean(axis=1), found.std(axis=1, ddof=1) / np.sqrt(count)


def _between(start: float, end: float, rest: Array, mean: Array, width: Array, outside: Array, power: float) -> Array:
    """P(start <= S <= end) of every draw (count,), given all but one projection, which lies outside of a ball."""
    low, high = (signed_power(side - rest, 1.0 / power) for side in (start, end))
    found = np.zeros(len(rest))
    for left, right in ((np.maximum(low, outside), high), (low, np.minimum(high, -outside))):
        # where both ends are above the mean, the difference of the upper tails keeps its digits
        flip = np.where(left > mean, -1.0, 1.0)
        inside = flip * (ndtr(flip * (right - mean) / width) - ndtr(flip * (left - mean) / width))
        found += np.where(right > left, inside, 0.0).sum(axis=1)
    return found


def small_ball(
    generator: np.random.Generator,
    count: int,
    gram: Array,
    level: float,
    *,
    power: float,
    noise_std: float,
    patches: int,
) -> tuple[float, float]:
    """P(0 <= S <= level), by symmetry half of P(|S| <= level), with its standard error."""
    found, error = noise_probabilities(
        generator, count, gram, [(-level, level)], power=power, noise_std=noise_std, patches=patches
    )
    return 0.5 * float(found[0]), 0.5 * float(error[0])


def _largest_other(sizes: Array) -> Array:
    """For every entry of a row the largest of the others."""
    two = np.partition(sizes, -2, axis=1)[:, -2:]
    return np.where(sizes >= two[:, 1:], two[:, :1], two[:, 1:])


def spherical_second_moments(
    generator: np.random.Generator, count: int, gram: Array, *, power: float, noise_std: float, patches: int
) -> Array:
    """Values whose mean is Var S: S(omega)^2 times E R^(2q), omega uniform on the sphere, less two control variates.

    S is homogeneous of degree q in its n = m (P-1) standard normal inputs, whose length R is independent of their
    direction: integrating R^2 ~ chi^2_n exactly leaves a bounded variable, where S^2 itself has tails as heavy as
    z^(2q) and its sample mean converges too slowly for a normal interval. The sum of the |x_k|^(2q), and the square of
    sum_k s_k^(q-1) x_k, have known means and together explain nine tenths of its variance and more.
    """
    from scipy.special import gammaln

    inputs, sizes = (patches - 1) * len(gram), noise_std * np.sqrt(np.diag(gram))
    normal = generator.standard_normal((count, inputs))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    factor = noise_std * np.linalg.cholesky(gram)
    projections = normal.reshape(count, patches - 1, len(gram)) @ factor.T

    def radial(degree: float) -> float:
        return float(np.exp(0.5 * degree * np.log(2.0) + gammaln(0.5 * (inputs + degree)) - gammaln(0.5 * inputs)))

    weights = sizes ** (power - 1.0)
    alone = (np.abs(projections) ** (2.0 * power)).sum(axis=(1, 2))
    linear = (projections @ weights).sum(axis=1) ** 2
    moment = np.exp(power * np.log(2.0) + gammaln(power + 0.5) - gammaln(0.5))  # E|z|^(2q)
    controls = np.column_stack([
        alone * radial(2.0 * power) - (patches - 1) * moment * np.sum(sizes ** (2.0 * power)),
        linear * radial(2.0) - (patches - 1) * float(np.sum((factor.T @ weights) ** 2)),
    ])  # fmt: skip
    values = radial(2.0 * power) * signed_power(projections, power).sum(axis=(1, 2)) ** 2
    centred = controls - controls.mean(axis=0)
    slopes = np.linalg.lstsq(centred, values - values.mean(), rcond=None)[0]
    return np.asarray(values - controls @ slopes)
