"""From flatness to generalization: bounds of the robust generalization gap with explicit constants.

For any function f let ``l_delta(x, y) = max_{|xi| <= delta} l(y f(x + xi))`` and ``gap = E_D l_delta - E_{D_N}
l_delta`` between a distribution D and a sample D_N from it; G_r(x, y) is the largest norm of the gradient of the loss
in the ball of radius r around x, in the dual norm (global flatness). The statement (Theorem 6.3 of the ICLR 2023
predecessor of arXiv 2306.01271; v1 and Appendix B of v4 give its shape): if D has a *smooth density*, then *with
probability 1 - Delta* over the sample

    gap  <~  N^(-1/(D+2)) ( E G_delta + C(D, L) / sqrt(Delta) ).

The factor is not explicit, and the *additive term* C(D, L) / sqrt(Delta), which depends on the law and the loss but not
on flatness, belongs to it: a flat network alone does not make the right side small. Nothing below needs a density; what
each checks of the statement stands beside it. Provable with explicit constants, derived here, all of them for every f
at once, also one that depends on the sample:

1. Lipschitz: ``gap <= Lip(l_delta) W_1(D, D_N)``. A maximum over shifts of one function has no larger a Lipschitz
   constant than the function has on the enlarged domain.
2. Transport: ``gap <= E_pi |X - X'| G_{delta + |X - X'|}(X)`` for every coupling pi of D and D_N that joins equal
   labels. If xi is worst for x, then l_delta(x) - l_delta(x') <= l(x + xi) - l(x' + xi), and the segment between the
   two points stays within delta + |x - x'| of x, and of x'.
3. Cells: ``gap <= h E_D G_{delta + h}(X) + sup l_delta TV`` for convex cells (and labels) of diameter h, TV being the
   total variation between the masses that D and D_N give to the cells: bound 2 for what can be paired within cells,
   sup l_delta for the rest. ``E TV <= sqrt(cells / N) / 2``. In the unit cube with two labels, cells of side
   N^(-1/(D+2)) make both terms of that order: the statement with constants, at a radius larger by h. The first term is
   its E G_delta, the second its additive term, with sup l_delta in place of C(D, L), bounded in the mean over samples.
4. With probability 1 - Delta: another draw of one sample moves TV by 1/N at most, so its variance is at most 1/(4N),
   and ``TV <= E TV + 1 / (2 sqrt(N Delta))`` by Chebyshev's inequality, ``+ sqrt(log(1/Delta) / (2N))`` by McDiarmid's,
   each with probability 1 - Delta. With sides of N^(-1/(D+2)) and r = N^(1/(D+2)) this is the statement itself,

       gap <= N^(-1/(D+2)) ( E G_{delta + 1/r} + C / sqrt(Delta) )

   with C = sup l_delta [ (1 + 1/r)^(D/2) / sqrt(2) + 1/2 ],
   for data in the unit cube with two labels, and without a density.

The other direction, that a steep loss makes a large gap between adversarial and clean loss (Proposition 6.4 there), is
in `flatness_rise`. For D > 2 the first is smaller for large N: W_1 is of order N^(-1/D), but its factor is a supremum,
not a mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def lipschitz_gap_bound(lipschitz: float, distance: float) -> float:
    """Bound 1, ``Lip(l_delta) W_1(D, D_N)``. Kind: bound (Kantorovich-Rubinstein).

    In the patch model the signal is the same for all samples and the loss is 1-Lipschitz in the noise margin, so the
    bound is W_1 between the law of the fresh noise S and the memorised V_i, on the line.
    """
    return lipschitz * distance


def transport_gap_bound(distances: ArrayLike, masses: ArrayLike, flatness: ArrayLike) -> float:
    """Bound 2, ``E_pi |X - X'| G_{delta + |X - X'|}(X)``. Kind: bound.

    Parameters
    ----------
    distances, masses, flatness : array_like of one shape
        For every pair that the coupling joins: |x - x'|, its mass, and G of radius delta + |x - x'| at x or at x'.
    """
    return float(np.sum(np.asarray(distances) * np.asarray(masses) * np.asarray(flatness)))


def cell_gap_bound(diameter: float, mean_flatness: float, largest_loss: float, *, variation: float) -> float:
    """Bound 3, ``h E_D G_{delta + h} + sup l_delta TV``, for a loss that is never negative. Kind: bound."""
    return diameter * mean_flatness + largest_loss * variation


def cell_variation(cells: ArrayLike, weights: ArrayLike, other_cells: ArrayLike, *, other_weights: ArrayLike) -> float:
    """Total variation between the masses of cells, ``sum (D(Q) - D_N(Q))_+``. Kind: exact.

    Parameters
    ----------
    cells, other_cells : array_like of int, shapes (n,) and (m,)
        The cell of every point, labels included.
    """
    names = np.concatenate([np.asarray(cells), np.asarray(other_cells)])
    signed = np.concatenate([np.asarray(weights, dtype=np.float64), -np.asarray(other_weights, dtype=np.float64)])
    _, place = np.unique(names, return_inverse=True)
    return float(np.sum(np.maximum(np.bincount(place.ravel(), weights=signed), 0.0)))


def mean_cell_variation_bound(cells: int, samples: int) -> float:
    """``E TV <= sqrt(cells / N) / 2``. Kind: bound (variance of a binomial share, then Cauchy-Schwarz)."""
    return float(0.5 * np.sqrt(cells / samples))


def mean_cell_variation(weights: ArrayLike, samples: int) -> float:
    """E TV of a sample from cells of these masses, ``sum E |k - N p| / (2N)``. Kind: exact.

    De Moivre's mean absolute deviation of a binomial number k: 2 j C(N, j) p^j (1 - p)^(N - j + 1) with j = floor(N p)
    + 1.
    """
    from scipy.special import gammaln, xlog1py, xlogy

    p = np.asarray(weights, dtype=np.float64)
    p = p[(p > 0.0) & (p < 1.0)]
    j = np.floor(samples * p) + 1.0
    logs = gammaln(samples + 1.0) - gammaln(j) - gammaln(samples - j + 1.0) + xlogy(j, p) + xlog1py(samples - j + 1, -p)
    return float(np.sum(np.exp(logs)) / samples)


def likely_excess(samples: int, risk: float) -> float:
    """How far TV exceeds its mean with probability at most `risk` (Delta). Kind: bound (Chebyshev, McDiarmid)."""
    chebyshev, mcdiarmid = 0.5 / np.sqrt(samples * risk), np.sqrt(-np.log(risk) / (2.0 * samples))
    return float(min(chebyshev, mcdiarmid))


def stated_gap_bound(samples: int, dimension: int, mean_flatness: float, *, largest_loss: float, risk: float) -> float:
    """Bound 4 in the form of the statement, with its constant. Kind: bound, with probability 1 - `risk`.

    Parameters
    ----------
    mean_flatness : E G within delta plus the side 1 / ceil(N^(1/(D+2))) of the cells, for attacks in l_inf
    largest_loss : sup of l_delta
    """
    rate = paper_rate(samples, dimension)
    constant = largest_loss * ((1.0 + rate) ** (0.5 * dimension) / np.sqrt(2.0) + 0.5)
    return float(rate * (mean_flatness + constant / np.sqrt(risk)))


def mean_cell_gap_bound(
    samples: int,
    dimension: int,
    mean_flatness: float,
    *,
    largest_loss: float,
    side: float | None = None,
    classes: int = 2,
) -> float:
    """Mean of bound 3 over samples, for data in the unit cube, l_inf attacks and a fixed upper bound of the flatness.

    ``h E G + (sup l_delta / 2) sqrt(classes h^-D / N)`` with h = 1 / ceil(1 / side), by default the side
    N^(-1/(D+2)) that balances the powers of N. Kind: bound.
    """
    if not (classes >= 1 and (side is None or side > 0)):
        raise ValueError(f"needs at least one class and a positive side, got {classes} and {side}.")
    parts = int(np.ceil(1.0 / (paper_rate(samples, dimension) if side is None else side)))
    variation = min(1.0, mean_cell_variation_bound(classes * parts**dimension, samples))
    return cell_gap_bound(1.0 / parts, mean_flatness, largest_loss, variation=variation)


def paper_rate(samples: int, dimension: int) -> float:
    """N^(-1/(D+2)), the rate of the statement. Kind: asymptotic; a shape without a constant, never a bound.

    In the statement it multiplies flatness *plus* C(D, L)/sqrt(Delta), with probability 1 - Delta and a smooth density.
    """
    return float(samples ** (-1.0 / (dimension + 2)))
