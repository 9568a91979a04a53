"""What the theory predicts for one run, as plain arrays, so that figures need no theory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Quantiles:
    """An a-priori law in three numbers, in gradient steps: the probability of a value below each is in `levels`.

    `high` is infinite where the event does not happen with a probability above ``1 - levels[2]``.
    """

    low: float
    median: float
    high: float
    levels: tuple[float, float, float] = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Predictions:
    """Predictions for one run; a field is None where the theory says nothing, and `notes` says why.

    Attributes
    ----------
    signal_growth_time
        Step at which alpha^q U reaches 1, from the starts u_r(0) of this run; infinite if every neuron starts dead.
    signal_growth_quantiles
        The same before the start has been drawn.
    plateau_steps, plateau_margin : (K,) arrays
        The predicted curve of alpha^q U against gradient steps, from the starts of this run.
    memorization_times : (N,) array
        Step at which each V_i reaches 0.7, decoupled, from the starts v_{r,i,j}(0) of this run; infinite for never.
    memorization_quantiles, last_memorization_quantiles
        A-priori laws of that step for one sample, and for the last of all samples.
    law_steps, law_probability : (K,) arrays
        A-priori distribution function of the memorisation time of one sample on a logarithmic grid of steps.
    escape_time
        Step at which the attacked signal alone would carry the margin, (gap alpha)^q U = 0.7; infinite for never.
    coupling
        The kick chi = 1/(sigma_0 sigma_p d); the times of single samples are sharp only where it is well below 1.
    notes
        Which parts apply and how far, in sentences.
    """

    signal_growth_time: float | None = None
    signal_growth_quantiles: Quantiles | None = None
    plateau_steps: Array | None = None
    plateau_margin: Array | None = None
    memorization_times: Array | None = None
    memorization_quantiles: Quantiles | None = None
    last_memorization_quantiles: Quantiles | None = None
    law_steps: Array | None = None
    law_probability: Array | None = None
    escape_time: float | None = None
    coupling: float | None = None
    notes: tuple[str, ...] = ()
