"""One-dimensional autonomous flows solved by quadrature: time as a function of the state, and the state as one of time.

For x' = rate(x) > 0 the time is the integral of 1/rate. A plateau stretches that integral over hundreds of decades, so
everything is kept as logarithms: panel integrals by Gauss-Legendre, running sums by log-add-exp.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]

# Sixteen nodes a panel: on panels no wider than a third of the distance to the nearest complex singularity the relative
# error is below rho^-32 with rho > 5, i.e. under 1e-22, so rounding is all that is left.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
LOG_WEIGHTS = np.log(WEIGHTS)


def log_panel_integral(log_integrand: Callable[[Array], Array], left: Array, right: Array) -> Array:
    """Log of the integral of exp(log_integrand) over [left, right], elementwise, by 16-point Gauss-Legendre."""
    half = 0.5 * (right - left)
    points = left[..., None] + half[..., None] * (NODES + 1.0)
    with np.errstate(divide="ignore"):
        return logsumexp(log_integrand(points) + LOG_WEIGHTS, axis=-1) + np.log(half)


class MonotoneClock:
    """Time of a one-dimensional flow x' = exp(log_rate(x)) that starts at ``edges[0]``. Kind: exact for the equation.

    Parameters
    ----------
    log_rate : callable
        Vectorised log of dx/dt (any shape to the same shape), smooth inside each panel.
    edges : array_like, shape (K + 1,)
        Strictly increasing panel edges; the caller chooses them so that the rate changes by O(1) factors within a
        panel.
    """

    def __init__(self, log_rate: Callable[[Array], Array], edges: ArrayLike) -> None:
        self.edges: Array = np.asarray(edges, dtype=float)
        if self.edges.ndim != 1 or self.edges.size < 2 or not np.all(np.diff(self.edges) > 0):
            raise ValueError("edges must be a strictly increasing one-dimensional array of at least two states.")
        self.log_rate = log_rate
        panels = log_panel_integral(self._log_slowness, self.edges[:-1], self.edges[1:])
        self.log_times: Array = np.concatenate(([-np.inf], np.logaddexp.accumulate(panels)))

    def _log_slowness(self, state: Array) -> Array:
        return -self.log_rate(state)

    def log_time(self, state: ArrayLike) -> Array:
        """Log of the time needed to reach `state` (-inf at the start); same shape as `state`."""
        state = np.asarray(state, dtype=float)
        if np.any(state < self.edges[0]) or np.any(state > self.edges[-1]):
            raise ValueError(f"state outside the tabulated range [{self.edges[0]!r}, {self.edges[-1]!r}].")
        panel = np.clip(np.searchsorted(self.edges, state, side="right") - 1, 0, self.edges.size - 2)
        left = self.edges[panel]
        return np.logaddexp(self.log_times[panel], log_panel_integral(self._log_slowness, left, state))

    def state(self, log_time: ArrayLike) -> Array:
        """State reached at the given log-times (the inverse of `log_time`); same shape as the argument."""
        log_time = np.asarray(log_time, dtype=float)
        if np.any(log_time > self.log_times[-1]) or np.any(np.isnan(log_time)):
            raise ValueError(f"log-time above the tabulated {self.log_times[-1]!r}; widen the range of states.")
        panel = np.clip(np.searchsorted(self.log_times, log_time, side="right") - 1, 0, self.edges.size - 2)
        left = self.edges[panel]
        with np.errstate(divide="ignore", invalid="ignore"):
            lead = np.where(np.isneginf(log_time), 0.0, np.minimum(self.log_times[panel] - log_time, 0.0))
            wanted = log_time + np.log(-np.expm1(lead))
        wanted = np.where(np.isneginf(self.log_times[panel]), log_time, wanted)
        return self._solve_in_panel(left, self.edges[panel + 1], wanted)

    def _solve_in_panel(self, left: Array, right: Array, wanted: Array) -> Array:
        """Newton in the panel, safeguarded by bisection: integral of 1/rate from `left` to x equals exp(wanted)."""
        low, high = left.copy(), right.copy()
        state = 0.5 * (low + high)
        for _ in range(80):
            reached = log_panel_integral(self._log_slowness, left, state)
            with np.errstate(invalid="ignore"):
                error = reached - wanted  # nan where nothing is wanted: the state stays at the left edge
            low, high = np.where(error <= 0, state, low), np.where(error > 0, state, high)
            with np.errstate(over="ignore", invalid="ignore"):
                # d(error)/dx = slowness(x) / integral: Newton on the log-time, bisection when it leaves the bracket.
                trial = state - error * np.exp(reached - self._log_slowness(state))
            inside = (trial >= low) & (trial <= high)  # an end may be the root itself
            new = np.where(inside, trial, 0.5 * (low + high))
            done = np.abs(new - state) <= 4e-16 * np.maximum(np.abs(new), right - left)
            state = np.where(np.isneginf(wanted), left, new)
            if np.all(done | np.isneginf(wanted)):
                break
        return state
