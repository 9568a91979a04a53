"""Growth by a power under weight decay: who grows, who does not, when, and in law.

With a decay rho the flow is x' = c |x|^(q-1) - rho x. Put x = e^(-rho t) y: then y' = c e^(-(q-2) rho t) |y|^(q-1), so
decay is nothing but a discount of the clock. Every identity of plain growth (`power_growth`, `conserved`) therefore
holds for y, and a start below (rho/c)^(1/(q-2)) never grows, because the discounted clock stops at c / ((q-2) rho).
Rates and decay share one unit of time: both a step (rate with the learning rate in it, decay eta rho) or both of flow
time. Derived here; the rates are those of stages I and III of arXiv 2306.01271.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from cgrosim.theory.power_growth import check_power, grow, growth_integral

Array = NDArray[np.float64]


def check_decay(decay: float) -> float:
    """Return the decay after refusing a negative or infinite one."""
    if not (np.isfinite(decay) and decay >= 0.0):
        raise ValueError(f"the decay must be a finite number of at least 0, got {decay!r}")
    return float(decay)


def discounted_time(time: ArrayLike, decay: float, power: float) -> Array:
    """``(1 - e^(-(q-2) rho t)) / ((q-2) rho)``: the time that plain growth would need for what decay lets happen.

    Equals t at decay 0 or q = 2, and stops at 1/((q-2) rho). Kind: exact for a constant rate.
    """
    discount = check_power(power) * check_decay(decay)
    time = np.asarray(time, dtype=float)
    return time if discount == 0.0 else np.asarray(-np.expm1(-discount * time) / discount)


def decayed_growth(start: ArrayLike, time: ArrayLike, *, rate: ArrayLike, decay: float, power: float) -> Array:
    """State after `time` of ``x' = rate |x|^(q-1) - decay x``, from any sign; infinite from the blow-up on.

    ``x(t) = e^(-rho t) y``, y the plain growth from the same start over the discounted time. Kind: exact.
    """
    time = np.asarray(time, dtype=float)
    exposure = np.asarray(rate, dtype=float) * discounted_time(time, decay, power)
    return np.exp(-check_decay(decay) * time) * grow(start, exposure, power)


def critical_start(rate: ArrayLike, decay: float, power: float) -> Array:
    """The start (rho/c)^(1/(q-2)) at which growth and decay balance: an unstable state, below it everything decays.

    At q = 2 growth beats decay from every start or from none: 0 where rate > decay, else infinite. Kind: exact.
    """
    excess = check_power(power)
    rate = np.asarray(rate, dtype=float)
    if excess == 0.0:
        return np.where(rate > check_decay(decay), 0.0, np.inf)
    with np.errstate(divide="ignore"):
        return (check_decay(decay) / rate) ** (1.0 / excess)


def decay_edge(start: ArrayLike, rate: ArrayLike, power: float) -> Array:
    """The largest decay that a start outgrows, ``c x_0^(q-2)``; 0 for a start that is not positive.

    For the noise of a sample take its largest start and c = lam q kappa / (2N) (`memorisation.noise_growth_rate`), for
    the signal u_max(0) and c1 (`stages.signal_growth_rate`); per unit of flow time with the learning rate 1. Kind:
    exact at constant rate.
    """
    excess = check_power(power)
    start = np.asarray(start, dtype=float)
    return np.where(start <= 0, 0.0, np.asarray(rate, dtype=float) * np.maximum(start, 0.0) ** excess)


def growth_edge(starts: ArrayLike, rate: float, *, rate_below: float, power: float) -> float:
    """The largest decay that some start outgrows, where the rate is another one while ``sum x^q`` over all is below 0.

    The signal, under an attack that strengthens it while U < 0: ``rate`` is c1 of U > 0, ``rate_below`` that of U < 0.
    Decay is a discount of the clock, so U changes its sign at an exposure E that does not know the decay, and the edge
    is ``1 / ((q-2) [E / rate_below + (I - E) / rate])``, I the exposure of the blow-up of the largest start; with
    U > 0 from the start it is `decay_edge`. Kind: exact for two constant rates.
    """
    starts, excess = np.asarray(starts, dtype=float), check_power(power)
    largest = float(np.max(starts))

    def total(exposure: float) -> float:
        grown = grow(starts / largest, exposure, power)
        return float(np.sum(np.sign(grown) * np.abs(grown) ** power))

    if largest <= 0.0 or excess == 0.0 or total(0.0) >= 0.0:
        return float(decay_edge(largest, rate, power))
    whole = 1.0 / excess  # of the largest start, 1 in its own unit
    turn = brentq(total, 0.0, whole * (1.0 - 1e-9))
    return float(largest**excess / (excess * (turn / rate_below + (whole - turn) / rate)))


def decayed_growth_time(start: ArrayLike, target: ArrayLike, *, rate: ArrayLike, decay: float, power: float) -> Array:
    """Time in which ``x' = rate |x|^(q-1) - decay x`` first takes a start up to `target`; infinite where it never does.

    x^(2-q) obeys a linear equation, so ``T = log[(c/rho - v^(2-q)) / (c/rho - x_0^(2-q))] / ((q-2) rho)``, evaluated as
    ``I / h * log1p(y) / y`` with I the growth integral, ``h = c - rho x_0^(2-q)`` and ``y = (q-2) rho I / h``, which
    keeps its digits as rho -> 0 (T = I/c) and as q -> 2 (T = I/(c - rho)). 0 where the start is above the target.
    Kind: exact.
    """
    excess = check_power(power)
    start, target, rate = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (start, target, rate)))
    inside = np.where((start > 0) & (start < target), start, np.where(np.isinf(target), 1.0, target))
    integral = growth_integral(inside, target, power)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        push = rate - check_decay(decay) * inside**-excess
        ratio = excess * decay * integral / push
        stretch = np.where(ratio > 0, np.log1p(ratio) / np.where(ratio > 0, ratio, 1.0), 1.0)
        time = np.where(push > 0, integral / push * stretch, np.inf)
    time = np.where(np.isnan(start), start, time)  # no start is none that is there already
    return np.where(start <= 0, np.inf, np.where(start >= target, 0.0, time))


def start_needed(target: ArrayLike, time: ArrayLike, *, rate: float, decay: float, power: float) -> Array:
    """The start that reaches `target` after exactly `time` under decay; the inverse of `decayed_growth_time`.

    ``x_0^(2-q) = v^(2-q) e^(-(q-2) rho t) + (q-2) c t~`` with t~ the discounted time; ``x_0 = v e^(-(c - rho) t)`` at
    q = 2. It tends to the critical start as time goes on. Kind: exact.
    """
    excess = check_power(power)
    target, time = np.broadcast_arrays(np.asarray(target, dtype=float), np.asarray(time, dtype=float))
    if excess == 0.0:
        return np.asarray(target * np.exp(-(rate - check_decay(decay)) * time))
    with np.errstate(divide="ignore", over="ignore"):
        left = np.exp(-excess * (np.log(target) + check_decay(decay) * time))
        return (left + excess * rate * discounted_time(time, decay, power)) ** (-1.0 / excess)


def memorisation_edge(
    largest_start: ArrayLike,
    *,
    rate: ArrayLike,
    adversarial_weight: float,
    signal_growth_time: float,
    power: float,
) -> Array:
    """The largest decay under which a sample is memorised, with the head start that stage I gives it.

    Before the signal has grown both losses push (weight 1), afterwards only the attacked one (weight lam), so the
    discounted clock ends at ``(c/(q-2) rho) [1 - (1-lam) e^(-(q-2) rho T_I)]`` and the edge solves
    ``rho = c x_0^(q-2) [1 - (1-lam) e^(-(q-2) rho T_I)]``: lam times `decay_edge` at T_I = 0, more with a head start.

    Parameters
    ----------
    largest_start : array_like
        v_max,i(0), the largest over the features of the sample.
    rate : array_like
        c = q kappa / (2N) a unit of flow time, or with the learning rate a step: that of stage I, both losses pushing.
    signal_growth_time : float
        T_I in the same unit.

    Notes
    -----
    Kind: asymptotic (decoupled noise, s = 1/2 until the signal switches the clean loss off at once; the kicks of other
    samples, of relative size chi, lift samples just below the edge over it).
    """
    excess, lam = check_power(power), adversarial_weight
    if not (0.0 <= lam <= 1.0 and signal_growth_time >= 0.0):
        raise ValueError(
            f"need a weight in [0, 1] and a time of at least 0, got {adversarial_weight!r} and {signal_growth_time!r}"
        )
    plain = decay_edge(largest_start, rate, power)

    def solved(edge: float) -> float:
        def excess_decay(decay: float) -> float:
            return decay - edge * (1.0 - (1.0 - lam) * float(np.exp(-excess * decay * signal_growth_time)))

        # at rho = lam * edge the head start leaves the right side at least as large, at rho = edge at most as large
        return (
            edge * lam
            if not edge > 0.0 or excess_decay(edge * lam) >= 0.0
            else float(brentq(excess_decay, edge * lam, edge))
        )

    return np.vectorize(solved, otypes=[float])(plain)
