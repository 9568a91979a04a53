"""Stage III, memorisation: rates and times per sample, with the help the clean loss gives before the signal has grown.

Source: stage III of arXiv 2306.01271; the reduction to one exposure per sample, the pre-phase and the finite-threshold
series are derived here. Everything assumes decoupled noise, off-diagonal Gram entries negligible: chi << 1
(`coupling`). Times and exposures are gradient-descent steps; exposure is time weighted by the loss weight an
unmemorised sample carries, w(t) = (1-lam) s(alpha^q U) + lam s((gap alpha)^q U): 1/2 before the signal has grown,
about lam/2 on the plateau.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from cgrosim.theory._roots import bracketed_roots
from cgrosim.theory.clock import LOG_WEIGHTS, NODES
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.power_growth import check_power, companion_log_growth, growth_integral
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]

MODERATE = 300.0  # logs up to which powers and their products stay inside the range of floats


def coupling(*, init_std: ArrayLike, noise_std: ArrayLike, dimension: ArrayLike) -> Array:
    """Coupling chi = 1/(init_std noise_std dimension): the relative kick a memorised feature gives the others.

    A feature grown to O(1) moves another of its neuron by K_ab/K_aa ~ N(0,1)/sqrt(d); the other started at
    init_std noise_std sqrt(d). Decoupled predictions need chi << 1; at chi ~ 1 they hold within a factor. Kind: order.
    """
    return 1.0 / (
        np.asarray(init_std, dtype=float) * np.asarray(noise_std, dtype=float) * np.asarray(dimension, dtype=float)
    )


def noise_growth_rate(
    *, power: float, samples: float, learning_rate: float, adversarial_weight: float, patch_energy: ArrayLike
) -> Array:
    """Rate of v' = c |v|^(q-1) on the plateau: c = eta q lam kappa / (2N), per step; kappa = |X_i[j]|^2 ~ noise_std^2
    (d-1).

    Kind: asymptotic (clean weight 0, attacked weight 1/2). Before the signal has grown take ``adversarial_weight=1``:
    both losses then drive the noise.
    """
    check_power(power)
    energy = np.asarray(patch_energy, dtype=float)
    return 0.5 * learning_rate * power * adversarial_weight * energy / samples


def memorisation_time(
    largest_start: ArrayLike, *, rate: ArrayLike, power: float, threshold: float | None = MEMORISED
) -> Array:
    """T_i = (v_max^(2-q) - v_thr^(2-q)) / ((q-2) c), v_thr = threshold^(1/q); ``threshold=None`` takes v_thr = inf.

    With c from `noise_growth_rate` and no threshold this is 2N / ((q-2) eta q lam kappa v_max^(q-2)). Infinite for
    starts that are not positive. Kind: asymptotic: one dominating feature, s(V) = 1/2 throughout, no pre-phase.
    """
    start = np.asarray(largest_start, dtype=float)
    end = np.inf if threshold is None else threshold ** (1.0 / power)
    return growth_integral(np.minimum(start, end), end, power) / np.asarray(rate, dtype=float)


def required_exposure(
    projections: ArrayLike,
    patch_energy: ArrayLike,
    *,
    power: float,
    samples: float,
    learning_rate: float,
    threshold: float = MEMORISED,
    saturation: float = 1.0,
) -> Array:
    """Exposure at which V_i reaches `threshold`, from all starts of a sample, one quadrature each.

    All v of a sample run on one clock B with v' = kappa_j |v|^(q-1), so B needs only the feature that blows up first
    and the others follow from it (Lemma L6); exposure = (N/(eta q)) * integral of s(0)/s(V(B)) dB. Kind: exact for
    decoupled noise while the attacked loss carries the weight. For the residual clean weight the true factor lies
    between s(0)/s(V) and e^V: ``saturation=1`` gives the former (a lower bound of the exposure), ``saturation=2`` the
    latter (an upper bound), for V >= 0.

    Parameters
    ----------
    projections : array_like, shape (..., F)
        v_{r,i,j}(0), all neurons and noise patches of a sample on the last axis.
    patch_energy : array_like, broadcastable to `projections`
        kappa = |X_i[j]|^2 of the patch of each entry.

    Returns
    -------
    ndarray, shape (...)
        Steps; 0 where V_i starts above the threshold, infinite where no start is positive.
    """
    excess = check_power(power)
    if saturation not in (1.0, 2.0):
        raise ValueError(f"saturation must be 1 (attacked loss) or 2 (clean tail), got {saturation!r}.")
    starts, energy = np.broadcast_arrays(np.asarray(projections, dtype=float), np.asarray(patch_energy, dtype=float))
    shape = starts.shape[:-1]
    starts, energy = starts.reshape(-1, starts.shape[-1]), energy.reshape(-1, starts.shape[-1])
    initial = np.sum(np.sign(starts) * np.abs(starts) ** power, axis=-1)
    exposure = np.full(starts.shape[0], np.inf)
    exposure[initial >= threshold] = 0.0
    todo = np.flatnonzero((initial < threshold) & np.any(starts > 0, axis=-1))
    if todo.size:
        path = _SamplePath(starts[todo], energy[todo], power, excess)
        exposure[todo] = samples / (learning_rate * power) * path.clock_to(threshold, saturation)
    return exposure.reshape(shape)


def _raised(base: Array, exponent: float) -> Array:
    """``base**exponent``; by multiplication where it is -2 or -3 (powers 4 and 3), which is ten times as fast."""
    if exponent not in (-2.0, -3.0):
        return np.asarray(base**exponent)
    inverse = 1.0 / base
    return inverse * inverse if exponent == -2.0 else inverse * inverse * inverse


class _SamplePath:
    """All features of each sample against the log-growth of the one that blows up first."""

    def __init__(self, starts: Array, energy: Array, power: float, excess: float) -> None:
        self.power, self.excess = power, excess
        with np.errstate(divide="ignore"):
            self.log_starts = np.log(np.abs(starts))
        self.signs = np.sign(starts)
        lead = excess * self.log_starts if excess > 0 else np.zeros_like(self.log_starts)  # not 0 * inf for q = 2
        with np.errstate(divide="ignore"):
            speed = np.where(starts > 0, np.log(energy) + lead, -np.inf)
        row, fastest = np.arange(starts.shape[0]), np.argmax(speed, axis=-1)
        self.log_reference = self.log_starts[row, fastest]
        self.reference_energy = energy[row, fastest]
        top = speed[row, fastest]
        self.ratios = self.signs * np.exp(np.log(energy) + lead - top[:, None])
        with np.errstate(under="ignore"):
            self.powers = self.signs * np.abs(starts) ** power
        largest = power * float(np.max(np.abs(self.log_starts[np.isfinite(self.log_starts)]), initial=0.0))
        self.direct = excess > 0.0 and largest < MODERATE

    def margins(self, growth: Array) -> Array:
        """V_i at reference log-growth of shape (n, L)."""
        if self.direct and self.power * float(np.max(growth, initial=0.0)) < MODERATE:
            left, total = np.exp(-self.excess * growth), np.zeros_like(growth)
            for ratio, start in zip(self.ratios.T[:, :, None], self.powers.T[:, :, None], strict=True):
                shrunk = ratio * left
                shrunk += 1.0 - ratio  # the growth of this feature to the power 2 - q
                total += start * _raised(shrunk, -self.power / self.excess)
            return total
        companions = companion_log_growth(growth[..., None], self.ratios[:, None, :], self.power)
        return np.sum(self.signs[:, None, :] * np.exp(self.power * (self.log_starts[:, None, :] + companions)), axis=-1)

    def clock_to(self, threshold: float, saturation: float) -> Array:
        negative = np.sum(np.where(self.signs < 0, np.exp(self.power * self.log_starts), 0.0), axis=-1)
        high = self._growth_to(threshold, negative)
        # The slowdown is singular at V = i pi and beyond, over a unit of log V off the end of a panel of two: sixteen
        # nodes meet it to rounding. Where V starts below -1 it varies with V itself on its way up.
        largest = float(np.max(negative))
        panels = max(1, int(np.ceil((2.0 if largest > 1.0 else 0.5) * self.power * float(np.max(high)))))
        if largest > 1.0 or self._steep(largest):
            edges = self._graded(panels, largest + threshold)
            middles, halves = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
            points = (high[:, None, None] * (middles[:, None] + halves[:, None] * NODES)).reshape(high.size, -1)
            half, panels, widths = high, len(halves), np.log(halves)
        else:
            half, widths = 0.5 * high / panels, np.zeros(panels)
            points = (half[:, None, None] * (2.0 * np.arange(panels)[:, None] + NODES + 1.0)).reshape(high.size, -1)
        margin = self.margins(points)
        slowdown = np.logaddexp(0.0, margin) - np.log(2.0) if saturation == 1.0 else margin
        log_integrand = slowdown - self.excess * (self.log_reference[:, None] + points)
        weights = (widths[:, None] + LOG_WEIGHTS).reshape(-1)
        with np.errstate(over="ignore", divide="ignore"):
            return np.exp(logsumexp(log_integrand + weights, axis=-1) + np.log(half)) / self.reference_energy

    def _growth_to(self, threshold: float, negative: Array) -> Array:
        """Log-growth of the reference at which V_i reaches the threshold; alone it would grow at most as far.

        Sought in log(V + what negative starts take away at first), a sum of powers and so nearly straight.
        """
        end = np.log(threshold + negative)
        high = np.maximum(end / self.power - self.log_reference, 0.0)

        def above(growth: Array) -> Array:
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(np.maximum(self.margins(growth[:, None])[:, 0] + negative, 0.0)) - end)

        # a start within rounding of the threshold is at it; the other end lies beyond the rounding of logs up to 700 q
        low = np.zeros_like(high)
        reached = above(low) >= 0.0
        high = np.where(reached, 0.0, high + 1e-9 * (1.0 + high))
        return bracketed_roots(lambda x: np.where(reached, 0.0, above(x)), low, high)

    def _steep(self, largest: float) -> bool:
        """Whether negative starts fall too fast for panels two units of log V wide.

        A start of ratio -r is singular at a growth of -log(1 + 1/r)/(q - 2), `off` halves of a panel before its first:
        sixteen nodes miss a share rho^-32 of it, rho the ellipse through that point, and all there is are `largest`.
        """
        if self.excess == 0.0:
            return False
        steepest = max(1.0, float(np.max(np.abs(self.ratios))))
        off = float(np.log1p(1.0 / steepest)) / self.excess * self.power
        ellipse = 1.0 + off + float(np.sqrt(off * (2.0 + off)))
        return largest * ellipse**-32.0 > np.finfo(float).eps

    def _graded(self, panels: int, largest: float) -> Array:
        """Edges in [0, 1] where negative starts are large: halving towards both ends, down to where V is smooth.

        A negative start falls within a growth of 1/|ratio|, and V rises from -`largest` to the threshold within the
        last 1/`largest`: even panels would step over both.
        """
        even = np.linspace(0.0, 1.0, panels + 1)
        steepest = max(1.0, float(np.max(np.abs(self.ratios))))
        first, last = (0.5 ** np.arange(1.0, 4.0 + np.ceil(np.log2(steep))) for steep in (steepest, max(1.0, largest)))
        return np.unique(np.concatenate([even, first / panels, 1.0 - last / panels]))


def noise_margin_after_memorisation(
    time: ArrayLike,
    start: float,
    *,
    power: float,
    samples: float,
    learning_rate: float,
    attacked_weight: float,
    patch_energy: float,
) -> Array:
    """V_i after `time` steps for one dominating feature: V' = (eta q^2 w kappa / N) V^(2-2/q) s(V), w =
    `attacked_weight`.

    The plateau equation again (alpha^2 -> kappa/N), so V grows like log t + (2 - 2/q) log log t. `start` is V at time
    0, positive; `attacked_weight` is lam once the signal is on its plateau, 1 before. Kind: exact for decoupled
    noise, one feature.
    """
    flow = SignalFlow(
        [start ** (1.0 / power)],
        power=power,
        signal_strength=1.0,
        gap=0.0,
        adversarial_weight=0.0,
        learning_rate=learning_rate * attacked_weight * patch_energy / samples,
    )
    return flow.margin_at(time)
