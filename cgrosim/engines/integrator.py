"""Dormand and Prince's method of order 8, each trial step in compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

from cgrosim import kernels
from cgrosim.engines.closed import Tableau

Array = NDArray[np.float64]

METHOD = Tableau(np.append(DOP853.C, 1.0), np.vstack([DOP853.A, DOP853.B]))
"""The slope of the step itself is the next step's first."""
ESTIMATES = np.array([DOP853.E5, DOP853.E3])
SAFETY, SMALLEST, LARGEST = 0.9, 0.2, 10.0
"""The next step is that of which the error would be 1, a tenth less, and within these factors of the last one."""
EXPONENT = -1.0 / (DOP853.error_estimator_order + 1.0)


class Trial(Protocol):
    """Fills the slopes of a trial step, all but the first, and the state at its end."""

    def __call__(
        self, tableau: Tableau, time: float, vector: Array, step: float, slopes: Array, ahead: Array
    ) -> None: ...


class CompiledDOP853(DOP853):
    """scipy's DOP853 with the stages, and the error, of a step computed by `trial`.

    Interpolant, start and ends of steps are scipy's. Forward in time.
    """

    t: float
    y: Array
    f: Array
    h_abs: float

    def __init__(
        self, rates: Callable[[float, Array], Array], trial: Trial, start: float, vector: Array, end: float, *,
        rtol: float, atol: Array,
    ) -> None:  # fmt: skip
        super().__init__(rates, start, vector, end, rtol=rtol, atol=atol)
        self._trial = trial

    def _step_impl(self) -> tuple[bool, str | None]:
        """One accepted step; scipy's protocol of a solver."""
        start, vector = self.t, self.y
        least = 10.0 * (np.nextafter(start, np.inf) - start)
        size, most = max(self.h_abs, least), LARGEST
        while size >= least:
            end = min(start + size, self.t_bound)
            step, ahead = end - start, np.empty(self.n)
            self.K[0] = self.f
            self._trial(METHOD, start, vector, step, self.K, ahead)
            error = kernels.trial_error(self.K, ESTIMATES, vector, ahead, self.atol, self.rtol, step)
            if error < 1.0:
                factor = min(most, SAFETY * error**EXPONENT) if error > 0.0 else most
                self.h_previous, self.y_old = step, vector
                self.t, self.y, self.f, self.h_abs = end, ahead, self.K[-1].copy(), step * factor
                return True, None
            size = step * max(SMALLEST, SAFETY * error**EXPONENT)  # a nan makes the step smaller as well
            most = 1.0
        return False, self.TOO_SMALL_STEP
