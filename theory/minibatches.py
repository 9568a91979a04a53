"""Minibatches: the drift of full-batch descent, and how much the time of memorisation then varies.

A batch of b of N samples moves the noise of a sample only when the sample is drawn, then N/b times as far. Its clock
v^(2-q) runs down by the number of its visits, so T_i varies as the number of visits in T steps does; the signal, pushed
by every sample alike, hardly notices. Variances are those of log T_i given the start, at first order; they vanish with
eta, since T_i is proportional to 1/eta. Times are gradient steps. Derived here.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory._arguments import one_of
from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]
Drawing = Literal["with", "without"]


def check_batch(samples: float, batch: float) -> None:
    """Refuse a batch that is empty or larger than the training set."""
    if not 1 <= batch <= samples:
        raise ValueError(f"a batch holds between 1 and {samples:g} samples, got {batch:g}")


def visit_variance(samples: float, batch: float) -> float:
    """Variance of the clock's advance in one step over its squared mean, when batches are drawn with replacement.

    b independent draws: the visits are binomial with mean b/N, so ``(N - 1)/b``. Kind: exact.
    """
    check_batch(samples, batch)
    return (samples - 1.0) / batch


def memorisation_time_variance(
    time: ArrayLike, samples: float, batch: float, *, drawing: Drawing, weight_square_ratio: ArrayLike = 1.0
) -> Array:
    """Variance of log T_i over the draws of the batches, T_i = `time` in steps.

    with replacement : ``(N - 1)/(b T)``, one over the number of visits T b/N, times (1 - 1/N)
    without          : every epoch of N/b steps visits once, so only the place within the last epoch is random, uniform:
                       ``((N/b)^2 - 1)/(12 T^2)``, second order in eta

    Parameters
    ----------
    weight_square_ratio : array_like
        ``T^(-1) integral of w^2 dt / w(T)^2`` of the loss weight w of the unmemorised sample, 1 on an ideal plateau;
        the head start of stage I, where w is 1/lam times larger, makes it more (with replacement only).

    Notes
    -----
    Kind: asymptotic, eta -> 0, one dominating feature, decoupled noise.
    """
    check_batch(samples, batch)
    one_of("drawing", drawing, Drawing)
    time = np.asarray(time, dtype=float)
    if drawing == "with":
        return visit_variance(samples, batch) / time * np.asarray(weight_square_ratio, dtype=float)
    return ((samples / batch) ** 2 - 1.0) / (12.0 * time**2)


def discretisation_delay(start: ArrayLike, target: ArrayLike, power: float, *, samples: float, batch: float) -> Array:
    """Steps by which T_i is later than the flow: ``(N/b) (q-1)/2 log(target/start)``, half a visit's growth each.

    Euler's delay (q-1)/2 log(target/start), counted in visits, each of N/b steps. At b = N plain descent. Kind:
    asymptotic, eta -> 0. Without replacement the first visit comes on average (N/b - 1)/2 steps into the epoch, as the
    last does, so nothing is added.
    """
    check_power(power)
    check_batch(samples, batch)
    ratio = np.asarray(target, dtype=float) / np.asarray(start, dtype=float)
    return np.asarray(0.5 * (power - 1.0) * (samples / batch) * np.log(ratio))


def weight_square_ratio(adversarial_weight: float, head_start: ArrayLike, time: ArrayLike) -> Array:
    """``weight_square_ratio`` of `memorisation_time_variance` when the weight falls from 1/2 to lam/2 at T_I =
    `head_start`.

    ``[T_I + lam^2 (T - T_I)] / (lam^2 T)``. Kind: asymptotic.
    """
    lam, early, time = adversarial_weight, np.asarray(head_start, dtype=float), np.asarray(time, dtype=float)
    return np.asarray((early + lam**2 * (time - early)) / (lam**2 * time))
