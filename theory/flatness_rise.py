"""How far the worst perturbation must raise the loss where it is steep: a bound from below with constants.

Proposition 6.4 of the ICLR 2023 predecessor of arXiv 2306.01271 states ``L_adv(D) - L_clean(D) = Omega(delta E |grad_x
L(f(x), y)|_q)`` without a constant. Derived here, point by point: let the second derivative of the loss along every
segment from x within the ball of radius delta be at least -H per unit of length squared. Along the dual direction of
the gradient, of length delta, the loss starts with slope |grad|_q, so

    max over |xi|_p <= delta of  l(x + xi) - l(x)  >=  delta |grad|_q - H delta^2 / 2,

and where the second derivative is never negative, as along any line for a linear network, the last term is not needed.
In the mean, with ``delta <= E |grad|_q / E H``, the rise is at least half of ``delta E |grad|_q``: the Omega has the
constant 1/2. The other direction, from flatness to a small gap, is in `flatness_gap`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.flatness import odd_power

Array = NDArray[np.float64]

DUAL = {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}


def dual_norm(gradients: ArrayLike, norm: float) -> Array:
    """|grad|_q, the dual norm of gradients of shape (..., D) for a ball of |xi|_p <= delta, p = 1, 2 or infinity.

    Raises
    ------
    ValueError
        If the norm is another one.
    """
    if norm not in DUAL:
        raise ValueError(f"norm is {norm}, but must be 1, 2 or infinity.")
    return np.asarray(np.linalg.norm(np.asarray(gradients, dtype=np.float64), ord=DUAL[norm], axis=-1))


def least_rise(radius: ArrayLike, gradient: ArrayLike, bend: ArrayLike) -> Array:
    """``max(0, delta |grad|_q - H delta^2 / 2)``, at least which the loss rises within the ball. Kind: bound.

    Parameters
    ----------
    radius : array_like
        delta >= 0.
    gradient : array_like
        |grad|_q of the loss at the sample.
    bend : array_like
        H >= 0, at least minus the second derivative of the loss along any segment from the sample within the ball, per
        length squared in the norm of the ball.
    """
    delta, steep = np.asarray(radius, dtype=np.float64), np.asarray(gradient, dtype=np.float64)
    # the loss rises along a shorter step too: beyond |grad| / H a longer one promises nothing more
    with np.errstate(divide="ignore", invalid="ignore"):
        longest = steep / np.asarray(bend, dtype=np.float64)
        step = np.where(longest < delta, longest, delta)  # without slope and bend neither it is 0 / 0
    return np.asarray(step * steep - 0.5 * np.asarray(bend, dtype=np.float64) * step**2)


def least_mean_rise(radius: float, gradients: ArrayLike, bends: ArrayLike, *, masses: ArrayLike | None = None) -> float:
    """``L_adv - L_clean >= sum of masses times the rise at every point``, Proposition 6.4 with constants. Kind: bound.

    At least ``delta E|grad| / 2`` wherever ``delta H <= |grad|`` at every point. Masses sum to 1; equal by default.
    """
    rises = least_rise(radius, gradients, bends)
    return float(np.mean(rises) if masses is None else np.sum(np.asarray(masses) * rises))


def bend_along_feature(
    radius: ArrayLike, signal_sum: ArrayLike, noise_margin: ArrayLike, *, signal_strength: float, power: float
) -> Array:
    """H of the patch model along w_star: at least minus the second derivative of the loss in c within the radius.

    With h(c) = phi(c) U + V the loss has ``l'' = s(1 - s) h'^2 - s h''`` with s = 1/(1 + e^h); the first term is never
    negative, and in the second ``s <= 1/(1 + e^(least h))`` and ``|h''| <= q (q-1) |U| (alpha + r)^(q-2)`` on
    [alpha - r, alpha + r]. Kind: bound, for q >= 2; derived here.
    """
    if not power >= 2:
        raise ValueError(f"power must be at least 2, got {power}; below, the curvature is unbounded at 0.")
    r, total = np.asarray(radius, dtype=np.float64), np.asarray(signal_sum, dtype=np.float64)
    worst = odd_power(signal_strength - np.sign(total) * r, power) * total + np.asarray(noise_margin, dtype=np.float64)
    curvature = power * (power - 1.0) * np.abs(total) * (signal_strength + r) ** (power - 2.0)
    return np.asarray(np.exp(-np.logaddexp(0.0, worst)) * curvature)
