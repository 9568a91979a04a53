"""Signal growth, plateau and escape as one scalar flow, exact for any neurons while the noise is still small.

Every neuron's signal correlation obeys u_r' = F |u_r|^(q-1) with a common F (Lemma L6), so m neurons reduce to one
clock and the time to any margin is a one-dimensional integral. Source: stages I and II of arXiv 2306.01271 (v1 Sec.
5, v4 Sec. 5); reduction, quadrature and closed forms derived here. Times are gradient-descent steps.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory._arguments import one_of
from cgrosim.theory._roots import bracketed_roots
from cgrosim.theory.clock import MonotoneClock
from cgrosim.theory.power_growth import check_power, companion_log_growth
from cgrosim.theory.thresholds import ESCAPED

Array = NDArray[np.float64]
Threat = Literal["signal_span", "fixed_direction"]

# Beyond the margin at which the clean push equals the attacked one, the clean term has fallen by e^-45 ~ 3e-20: below
# rounding, so panels may widen without resolving it.
NEGLIGIBLE = 45.0
# exp overflows above this log-time.
LARGEST_LOG_TIME = 709.0
# Margins of ordinary size take some thousands of panels; a start whose margin needs this many is out of reach.
MOST_PANELS = 20_000
# Panels are laid at first until the signal has grown, which is all that most questions need, and further when asked.
FIRST_MARGIN = 1.0
# Growth of a correlation beyond which no number holds it: from 5e-324 to 1e308 is e^1454.
LONGEST = 2048.0


def log_sigmoid_weight(margin: ArrayLike) -> Array:
    """Log of s(z) = 1/(1+e^z), minus the derivative of the logistic loss; finite at margins of 1e300. Kind: exact."""
    return -np.logaddexp(0.0, np.asarray(margin, dtype=float))


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else -np.inf


def attacked_ratio_log(margin: ArrayLike, gap: float, threat: Threat = "signal_span") -> Array:
    """Log of (attacked signal coefficient) / alpha.

    The exact inner maximiser moves the signal against the sign of U: alpha - delta = gap alpha while U > 0 but alpha
    + delta = (2 - gap) alpha while U < 0, which happens in half of all initialisations and speeds the signal up until
    U turns positive. The transfer attack always takes alpha - delta. Kind: exact (derived here).
    """
    one_of("threat", threat, Threat)
    if not gap >= 0.0:
        raise ValueError(f"gap must be at least 0, got {gap!r}.")
    margin = np.asarray(margin, dtype=float)
    if threat == "fixed_direction":
        return np.full(margin.shape, _log(gap))
    return np.where(margin < 0, np.log(2.0 - gap), np.where(np.isnan(margin), margin, _log(gap)))


class NeuronsOnOneClock:
    """Signal correlations under one force: all of them, and the margin, from the growth of the largest (Lemma L6).

    Parameters
    ----------
    correlations : array_like, shape (m,)
        u_r(0), of either sign, at least one positive.
    power, signal_strength : float
        q and alpha.

    Raises
    ------
    ValueError
        If no start is positive, or the power is below 2.
    """

    def __init__(self, correlations: ArrayLike, power: float, signal_strength: float) -> None:
        self.excess, self.power, self.signal_strength = check_power(power), float(power), float(signal_strength)
        self.correlations: Array = np.atleast_1d(np.asarray(correlations, dtype=float))
        if self.correlations.ndim != 1 or not np.any(self.correlations > 0):
            raise ValueError("correlations needs at least one positive start: with none the signal is never learnt.")
        self._signs = np.sign(self.correlations)
        with np.errstate(divide="ignore"):
            self._log_starts = np.log(np.abs(self.correlations))
        self.reference = int(np.argmax(self.correlations))
        relative = self._log_starts - self._log_starts[self.reference]
        self._ratios = self._signs * np.exp(self.excess * relative)

    def log_correlations(self, growth: ArrayLike) -> Array:
        """Log|u_r| when the largest correlation has grown by exp(growth); shape ``growth.shape + (m,)``."""
        growth = np.asarray(growth, dtype=float)[..., None]
        return self._log_starts + companion_log_growth(growth, self._ratios, self.power)

    def _margin(self, growth: ArrayLike) -> Array:
        with np.errstate(over="ignore"):
            terms = np.exp(self.power * (self.log_correlations(growth) + np.log(self.signal_strength)))
        return np.asarray(terms @ self._signs)

    def _zero_crossing(self) -> float:
        """Growth of the largest correlation at which U turns positive, 0 if it starts positive."""
        if self._margin(0.0) >= 0:
            return 0.0
        high = 1.0
        while self._margin(high) < 0:
            high *= 2.0
            if high > LONGEST:
                raise ValueError("the signal never turns positive within the range of numbers.")
        return float(self._growth_at_margin(np.array(0.0), high))

    def _growth_at_margin(self, margin: Array, high: float | Array) -> Array:
        wanted = margin.ravel()
        low, top = np.zeros(wanted.shape), np.broadcast_to(high, margin.shape).astype(float).ravel()
        # above its start, or below what the end of the bracket gives, a margin is reached at that end
        early, late = self._margin(low) >= wanted, self._margin(top) <= wanted
        inside = ~(early | late)
        growth = np.where(early, low, top)
        sought = wanted[inside]
        growth[inside] = bracketed_roots(lambda point: self._margin(point) - sought, low[inside], top[inside])
        return growth.reshape(margin.shape)


class SignalFlow(NeuronsOnOneClock):
    """Gradient flow of the signal correlations with negligible noise margins: growth, plateau, drift and escape.

    Kind: exact for gradient flow with V_i = 0; gradient descent differs at first order in the step. Hypotheses: odd
    activation sign(z)|z|^q, second layer +1, at least one positive start, |V_i| << 1 (before memorisation; afterwards
    the attacked term is switched off and the plateau only gets flatter).

    Parameters
    ----------
    correlations : array_like, shape (m,)
        u_r(0), of either sign.
    power, signal_strength, gap, adversarial_weight, learning_rate : float
        q, alpha, (alpha - delta)/alpha, lam and eta.
    threat : {"signal_span", "fixed_direction"}
        Decides the attacked coefficient while U < 0.
    """

    def __init__(
        self,
        correlations: ArrayLike,
        *,
        power: float,
        signal_strength: float,
        gap: float,
        adversarial_weight: float,
        learning_rate: float,
        threat: Threat = "signal_span",
    ) -> None:
        super().__init__(correlations, power, signal_strength)
        one_of("threat", threat, Threat)
        if not 0.0 <= adversarial_weight <= 1.0:
            raise ValueError(f"adversarial_weight must lie in [0, 1], got {adversarial_weight!r}.")
        if not 0.0 <= gap <= 1.0:
            raise ValueError(f"gap must lie in [0, 1], got {gap!r}.")
        if adversarial_weight == 1.0 and gap == 0.0:
            raise ValueError(
                "adversarial_weight 1 with gap 0 leaves no force on the signal; lower the weight or raise the gap."
            )
        if not (0.0 < signal_strength < np.inf and 0.0 < learning_rate < np.inf):
            raise ValueError("signal_strength and learning_rate must be positive and finite.")
        self.gap, self.threat, self.learning_rate = float(gap), threat, float(learning_rate)
        self.log_clean, self.log_attacked = _log(1.0 - adversarial_weight), _log(adversarial_weight)
        self._edges = [0.0]
        zero = self._zero_crossing()
        self._turn = zero if zero > 0 else None
        self._extend(max(FIRST_MARGIN, 2.0 * float(self._margin(0.0))))

    def _push_logs(self, growth: Array) -> tuple[Array, Array, Array]:
        """Logs of the two weights (clean, attacked) that a sample with V = 0 contributes, and of the attacked ratio."""
        margin = self._margin(growth)
        ratio = attacked_ratio_log(margin, self.gap, self.threat)
        clean = self.log_clean + log_sigmoid_weight(margin)
        with np.errstate(over="ignore"):
            attacked = self.log_attacked + log_sigmoid_weight(np.exp(self.power * ratio) * margin)
        return clean, attacked, ratio

    def log_rate(self, growth: Array) -> Array:
        """Log of d log(u_max)/dt = eta q u_max^(q-2) [alpha^q c + (rho alpha)^q a], growth = log(u_max/u_max(0)) being
        the state.
        """
        clean, attacked, ratio = self._push_logs(growth)
        force = np.logaddexp(clean, attacked + self.power * ratio) + self.power * np.log(self.signal_strength)
        log_reference = self._log_starts[self.reference] + growth
        return np.log(self.learning_rate * self.power) + self.excess * log_reference + force

    def _log_weight(self, growth: Array) -> Array:
        return np.logaddexp(*self._push_logs(growth)[:2])

    def _extend(self, last_margin: float) -> None:
        """Lay panels until the margin passes the given value, then rebuild both clocks."""
        saturation = max(0.0, self.log_clean - self.log_attacked - self.power * _log(self.gap)) + NEGLIGIBLE
        base = 0.5 / self.power
        state = self._edges[-1]
        margin = float(self._margin(state))
        while margin < last_margin:
            # from a margin of -s on, the growth that halves it takes at least s/3 panels
            if max(len(self._edges), -margin / 3.0) > MOST_PANELS or not np.isfinite(margin):
                raise ValueError(f"the signal's path to a margin of {last_margin:.3g} is too long to be followed.")
            size = abs(margin)
            if size > saturation:
                size *= self.gap**self.power
            elif margin < 0:
                size *= (2.0 - self.gap) ** self.power
            step = min(base, 1.0 / (self.power * size)) if size > 0 else base
            if self._turn is not None and state < self._turn <= state + step * (1 + 1e-9):
                state = self._turn
            else:
                state += step
            self._edges.append(state)
            margin = float(self._margin(state))
        self._last_margin = margin
        self._clock = MonotoneClock(self.log_rate, self._edges)
        self._exposure_clock = MonotoneClock(lambda x: self.log_rate(x) - self._log_weight(x), self._edges)

    def _reach_margin(self, margin: float) -> None:
        if margin > self._last_margin:
            self._extend(margin)

    def _reach_time(self, clock_name: str, log_time: float, give_up: float = np.inf) -> None:
        while getattr(self, clock_name).log_times[-1] < log_time and self._clock.log_times[-1] < give_up:
            self._extend(4.0 * self._last_margin)

    def panels_until(self, margin: float) -> Array:
        """Panel edges in the growth of the largest correlation, from the start to the given margin."""
        self._reach_margin(margin)
        edges = np.array(self._edges)
        last = self._growth_at_margin(np.array(margin), edges[-1])
        return np.append(edges[edges < last], last)

    def log_time_of_margin(self, margin: ArrayLike) -> Array:
        """Log of the steps until alpha^q U reaches `margin`; -inf where it starts above."""
        margin = np.asarray(margin, dtype=float)
        if np.any(np.isnan(margin)) or np.any(np.isposinf(margin)):
            raise ValueError("margin must be finite.")
        self._reach_margin(float(np.max(margin, initial=1.0)))
        growth = self._growth_at_margin(margin, self._edges[-1])
        log_time = self._clock.log_time(growth)
        return np.where(margin <= self._margin(0.0), -np.inf, log_time)

    def time_of_margin(self, margin: ArrayLike) -> Array:
        """Steps until alpha^q U reaches `margin` (infinite only when above 1e308)."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_time_of_margin(margin))

    def log_growth_at(self, time: ArrayLike) -> Array:
        """Growth log(u_max(t)/u_max(0)) of the largest correlation after `time` steps."""
        log_time = self._log_time(time)
        self._reach_time("_clock", float(np.max(log_time)))
        return self._clock.state(log_time)

    def margin_at(self, time: ArrayLike) -> Array:
        """alpha^q U after `time` steps."""
        return self._margin(self.log_growth_at(time))

    def correlations_at(self, time: ArrayLike) -> Array:
        """u_r after `time` steps; shape ``time.shape + (m,)``."""
        return self._signs * np.exp(self.log_correlations(self.log_growth_at(time)))

    def exposure_at(self, time: ArrayLike) -> Array:
        """Weight accumulated by an unmemorised sample, in steps: integral of (1-lam) s(alpha^q U) + lam s((gap
        alpha)^q U).
        """
        growth = self.log_growth_at(time)  # first: it may extend the range and replace both clocks
        with np.errstate(over="ignore"):
            return np.exp(self._exposure_clock.log_time(growth))

    def time_of_exposure(self, exposure: ArrayLike) -> Array:
        """Steps after which the accumulated weight reaches `exposure` (infinite exposure: never)."""
        exposure = np.asarray(exposure, dtype=float)
        finite = np.isfinite(exposure)
        log_exposure = self._log_time(np.where(finite, exposure, 0.0))
        # Once the signal has escaped, exposure grows like the logarithm of time: times past 1e308 count as never.
        self._reach_time("_exposure_clock", float(np.max(log_exposure)), give_up=LARGEST_LOG_TIME)
        reached = log_exposure <= self._exposure_clock.log_times[-1]
        with np.errstate(over="ignore"):
            state = self._exposure_clock.state(np.where(reached, log_exposure, -np.inf))
            time = np.exp(self._clock.log_time(state))
        return np.where(finite & reached, time, np.inf)

    def escape_time(self, threshold: float = ESCAPED) -> float:
        """Steps until the attacked margin (gap alpha)^q U reaches `threshold`: the network has become robust by
        signal.
        """
        log_margin = _log(threshold) - self.power * _log(self.gap)
        if not np.isfinite(log_margin) or log_margin > 690.0 or (np.isneginf(self.log_attacked) and log_margin > 6.6):
            return np.inf
        return float(self.time_of_margin(np.exp(log_margin)))

    @staticmethod
    def _log_time(time: ArrayLike) -> Array:
        time = np.asarray(time, dtype=float)
        if np.any(~(time >= 0)) or np.any(np.isinf(time)):
            raise ValueError("times must be finite and not negative.")
        with np.errstate(divide="ignore"):
            return np.log(time)
