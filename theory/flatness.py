"""The loss landscape along the true feature, in closed form: how far and how steeply the loss of the patch model moves.

Moving the signal patch of a sample to ``c y w_star`` (c = alpha: the sample itself; c = alpha - r: attacked with radius
r) makes its margin ``h(c) = phi(c) U + V`` with phi(c) = sign(c)|c|^q, whatever the activations of the single neurons:
U = sum_r phi(u_r), V the contribution of the noise patches (arXiv 2306.01271, the model of Sec. 5; the radii and the
question are those of its Appendix B in v4). So the loss log(1 + e^-h) has slope ``s(h) q |U| |c|^(q-1)`` in c, with
s(h) = 1/(1 + e^h). Closed forms derived here; every one is exact. Numbers broadcast: V may be an array over samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, wrightomega

Array = NDArray[np.float64]


def odd_power(position: ArrayLike, power: float) -> Array:
    """phi(c) = sign(c) |c|^q."""
    position = np.asarray(position, dtype=np.float64)
    return np.sign(position) * np.abs(position) ** power


def margin_change(radius: ArrayLike, signal_sum: ArrayLike, *, signal_strength: float, power: float) -> Array:
    """Margin lost at radius r along -w_star: ``alpha^q U [1 - (1 - r/alpha)^q]``. Kind: exact.

    Beyond alpha the power is the odd one; without cancellation for small r.
    """
    share = np.asarray(radius, dtype=np.float64) / signal_strength
    with np.errstate(divide="ignore", invalid="ignore"):
        before = -np.expm1(power * np.log1p(-np.minimum(share, 1.0)))
    lost = np.where(share <= 1, before, 1.0 + np.abs(share - 1.0) ** power)
    return signal_strength**power * np.asarray(signal_sum, dtype=np.float64) * lost


def margin_slope(radius: ArrayLike, signal_sum: ArrayLike, *, signal_strength: float, power: float) -> Array:
    """Margin lost per length at radius r along -w_star: ``q U |alpha - r|^(q-1)``. Kind: exact.

    Along the attack it falls from ``q U alpha^(q-1)`` at the sample to 0 at r = alpha: in this direction the margin is
    flattest where the attack ends, so a flat point does not mean a robust one.
    """
    left = np.abs(signal_strength - np.asarray(radius, dtype=np.float64))
    return power * np.asarray(signal_sum, dtype=np.float64) * left ** (power - 1.0)


def loss_slope(position: ArrayLike, signal_sum: ArrayLike, noise_margin: ArrayLike, *, power: float) -> Array:
    """|d loss / d c| at signal coefficient c, the local flatness along w_star. Kind: exact."""
    position = np.asarray(position, dtype=np.float64)
    total, noise = np.asarray(signal_sum, dtype=np.float64), np.asarray(noise_margin, dtype=np.float64)
    margin = odd_power(position, power) * total + noise
    return expit(-margin) * power * np.abs(total) * np.abs(position) ** (power - 1.0)


def steepest_position(signal_sum: ArrayLike, noise_margin: ArrayLike, power: float) -> Array:
    """Signal coefficient c > 0 at which the loss is steepest, for U > 0 and q > 1. Kind: exact.

    The slope grows with c until ``q x / (1 + e^(-x-V)) = q - 1``, x = U c^q, and falls from there on. With
    k = (q - 1)/q: ``(x - k) e^(x-k) = k e^(-V-k)``, so x = k + W(k e^(-V-k)), W the Lambert function.
    """
    share = (power - 1.0) / power
    level = share + np.real(wrightomega(np.log(share) - share - np.asarray(noise_margin, dtype=np.float64)))
    return (level / np.asarray(signal_sum, dtype=np.float64)) ** (1.0 / power)


def global_flatness(
    radius: ArrayLike, signal_sum: ArrayLike, noise_margin: ArrayLike, *, signal_strength: float, power: float
) -> Array:
    """Largest |d loss / d c| for c in [alpha - r, alpha + r]. Kind: exact.

    Parameters
    ----------
    radius : array_like, r >= 0
    signal_sum, noise_margin : array_like
        U and V, of any sign.
    signal_strength, power
        alpha > 0 and q > 1.
    """
    if not power > 1:
        raise ValueError(f"power must exceed 1, got {power}; a linear margin has the same slope everywhere.")
    radius, total, noise = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (radius, signal_sum, noise_margin))
    )
    low, high = signal_strength - radius, signal_strength + radius
    # Where U phi(c) < 0 the margin falls and steepens away from 0, so only the ends count; elsewhere the peak does too.
    # For U < 0 that is left of 0, where every slope is below that of the mirrored point, and so of the right end.
    ends = np.maximum(loss_slope(low, total, noise, power=power), loss_slope(high, total, noise, power=power))
    reach = steepest_position(np.where(total > 0, total, 1.0), noise, power)
    inside = (total > 0) & (reach >= low) & (reach <= high)
    peak = loss_slope(np.where(inside, reach, 0.0), np.where(inside, total, 0.0), noise, power=power)
    return np.maximum(peak, ends)
