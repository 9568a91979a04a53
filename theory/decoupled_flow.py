"""The whole training of decoupled samples as N + 1 numbers: with weight decay, smoothed, flipped and featureless
labels.

All signal correlations run on one clock and all features of a sample on another (Lemma L6, with decay discounted as in
`decay`), so the order parameters reduce to the log-growth of one neuron and of one feature a sample, whatever m and P.
The back-reaction of the memorised samples on the signal is kept; left out are only the off-diagonal entries of the Gram
matrix (chi << 1). Derived here; the equations are those of arXiv 2306.01271 with the terms of each algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from cgrosim.theory._arguments import one_of, share
from cgrosim.theory.decay import check_decay
from cgrosim.theory.label_smoothing import smoothed_weight
from cgrosim.theory.plateau import Threat
from cgrosim.theory.power_growth import check_power, companion_log_growth
from cgrosim.theory.thresholds import ESCAPED, MEMORISED, SIGNAL_GROWN

Array = NDArray[np.float64]

TOLERANCE = 1e-9  # relative, of the log-growths


@dataclass(frozen=True, eq=False)
class DecoupledFlow:
    """Gradient flow with a diagonal Gram matrix. Kind: exact for decoupled noise. Unit of time: flow time.

    Attributes
    ----------
    signal : (m,) starts u_r(0), at least one positive
    noise, energy : (N, F) starts v of every feature of a sample, times its label, and |X_i[j]|^2 of its patch
    power, signal_strength, gap, adversarial_weight : q, alpha, 1 - delta/alpha, lam
    weight_decay, label_smoothing : rho, eps
    features : (N,) +1 where the label is right, -1 where it is flipped, 0 where the sample carries no feature
    threat : what decides the attacked coefficient
    """

    signal: Array
    noise: Array
    energy: Array
    power: float
    signal_strength: float
    gap: float
    adversarial_weight: float
    weight_decay: float = 0.0
    label_smoothing: float | Array = 0.0
    features: Array | None = None
    threat: Threat = "signal_span"

    def __post_init__(self) -> None:
        """Refuse starts from which nothing is defined."""
        check_power(self.power)
        check_decay(self.weight_decay)
        one_of("threat", self.threat, Threat)
        share("gap", self.gap)
        share("adversarial_weight", self.adversarial_weight)
        if not np.any(np.asarray(self.signal) > 0):
            raise ValueError("the signal needs at least one positive start: with none it is never learnt.")
        if np.shape(self.noise) != np.shape(self.energy) or np.ndim(self.noise) != 2:
            raise ValueError(f"noise and energy must be (N, F), got {np.shape(self.noise)} and {np.shape(self.energy)}")
        if not np.all(np.any(np.asarray(self.noise) > 0, axis=1)):
            raise ValueError("every sample needs a positive start of its noise; leave out those that have none.")

    @cached_property
    def _signal_path(self) -> _Path:
        return _Path(np.asarray(self.signal, dtype=float)[None, :], np.ones((1, np.size(self.signal))), self.power)

    @cached_property
    def _noise_path(self) -> _Path:
        return _Path(np.asarray(self.noise, dtype=float), np.asarray(self.energy, dtype=float), self.power)

    @cached_property
    def _feature(self) -> Array:
        return np.ones(len(self.noise)) if self.features is None else np.asarray(self.features, dtype=float)

    def margins(self, time: float, growth: Array) -> tuple[float, Array]:
        """alpha^q U and every V_i of a state: log-growth of the reference neuron, then of the reference features."""
        discount = self.weight_decay * time
        signal = self._signal_path.sums(growth[:1], discount)[0]
        return float(self.signal_strength**self.power * signal), self._noise_path.sums(growth[1:], discount)

    def _weights(self, total: float, noise: Array) -> tuple[Array, Array, Array]:
        """Loss weights of every sample (clean, attacked) and its attacked coefficient over alpha."""
        lam, q = self.adversarial_weight, self.power
        toward = self._feature * total  # the clean margin of the signal
        if self.threat == "fixed_direction":
            ratio = np.full(toward.shape, self.gap)
        else:
            ratio = np.where(toward < 0, 2.0 - self.gap, self.gap)
        clean = (1.0 - lam) * smoothed_weight(toward + noise, self.label_smoothing)
        return clean, lam * smoothed_weight(ratio**q * toward + noise, self.label_smoothing), ratio

    def _pull(self, total: float, noise: Array) -> float:
        """u'/|u|^(q-1) of every neuron, without the decay."""
        clean, attacked, ratio = self._weights(total, noise)
        push = np.mean(self._feature * (clean + ratio**self.power * attacked))
        return float(self.power * self.signal_strength**self.power * push)

    def rates(self, time: float, growth: Array) -> Array:
        """Time derivative of the N + 1 log-growths."""
        q, excess = self.power, self.power - 2.0
        total, noise = self.margins(time, growth)
        clean, attacked, _ = self._weights(total, noise)
        on_signal = self._pull(total, noise) * self._signal_path.reference(growth[:1]) ** excess
        per_sample = q / len(noise) * (clean + attacked) * self._noise_path.reference_energy
        on_noise = per_sample * self._noise_path.reference(growth[1:]) ** excess
        return np.concatenate([on_signal, on_noise]) - self.weight_decay

    def run(self, end: float, tolerance: float = TOLERANCE) -> DecoupledPath:
        """Integrate up to a flow time (LSODA, restarted where U changes sign and the attack turns round).

        Raises
        ------
        ArithmeticError
            If the attack on flipped samples holds the signal at 0, where the flow has no derivative.
        """

        def rising(time: float, growth: Array) -> float:
            return self.margins(time, growth)[0]

        def falling(time: float, growth: Array) -> float:
            return self.margins(time, growth)[0]

        for event, direction in ((rising, 1.0), (falling, -1.0)):
            event.terminal, event.direction = True, direction  # type: ignore[attr-defined]
        state, begin, pieces = np.zeros(1 + len(self.noise)), 0.0, []
        turning = self.threat == "signal_span" and self.adversarial_weight > 0.0
        events: tuple[Any, ...] = (rising, falling) if turning else ()
        while begin < end:
            found = solve_ivp(
                self.rates, (begin, end), state, method="LSODA", rtol=tolerance, atol=tolerance, dense_output=True,
                events=events or None,
            )  # fmt: skip
            if found.status < 0:
                raise ArithmeticError(f"the flow cannot be followed beyond time {found.t[-1]:g}: {found.message}")
            pieces.append(found.sol)
            begin, state = float(found.t[-1]), found.y[:, -1]
            events = events[1:]  # it rises once; a start that rounds below 0 is no second time
            if found.status == 1 and self._pull(np.finfo(float).tiny, self.margins(begin, state)[1]) < 0.0:
                raise ArithmeticError(
                    f"from time {begin:g} on the attack holds the signal at 0, because it strengthens the feature of "
                    "flipped samples (label_noise.largest_label_noise)"
                )
        return DecoupledPath(self, pieces)


class DecoupledPath:
    """What a `DecoupledFlow` did, at any time up to its end."""

    def __init__(self, flow: DecoupledFlow, pieces: list[Any]) -> None:
        self.flow, self._pieces = flow, pieces
        self.end = float(pieces[-1].t_max)
        self._times = np.concatenate([piece.ts for piece in pieces])

    def growth(self, time: float) -> Array:
        """The log-growths at a time."""
        piece = next(piece for piece in self._pieces if time <= piece.t_max)
        return np.asarray(piece(time))

    def signal_margin(self, time: float) -> float:
        """alpha^q U."""
        return self.flow.margins(time, self.growth(time))[0]

    def noise_margins(self, time: float) -> Array:
        """(N,) V_i."""
        return self.flow.margins(time, self.growth(time))[1]

    def noise(self, time: float) -> Array:
        """(N, F) every v at a time, in the order of the starts."""
        return self.flow._noise_path.values(self.growth(time)[1:], self.flow.weight_decay * time)

    def signal(self, time: float) -> Array:
        """(m,) every u_r at a time."""
        return self.flow._signal_path.values(self.growth(time)[:1], self.flow.weight_decay * time)[0]

    def signal_growth_time(self, threshold: float = SIGNAL_GROWN) -> float:
        """Flow time at which alpha^q U first reaches `threshold`; infinite where it does not before the end."""
        return self._first(lambda t: np.array([self.signal_margin(t)]), threshold)[0]

    def escape_time(self, threshold: float = ESCAPED) -> float:
        """Flow time at which (gap alpha)^q U first reaches `threshold`."""
        return self.signal_growth_time(threshold / self.flow.gap**self.flow.power) if self.flow.gap > 0 else np.inf

    def memorisation_times(self, threshold: float = MEMORISED) -> Array:
        """(N,) flow times at which V_i first reaches `threshold`; infinite where it does not before the end."""
        return self._first(self.noise_margins, threshold)

    def _first(self, values: Any, threshold: float) -> Array:
        seen = np.array([values(t) for t in self._times])
        found = np.full(seen.shape[1], np.inf)
        for i in range(seen.shape[1]):
            above = np.flatnonzero(seen[:, i] >= threshold)
            if above.size == 0:
                continue
            k = int(above[0])
            low, high = (0.0, 0.0) if k == 0 else (float(self._times[k - 1]), float(self._times[k]))
            while high - low > 1e-10 * high:
                middle = 0.5 * (low + high)
                low, high = (low, middle) if values(middle)[i] >= threshold else (middle, high)
            found[i] = high
        return found


class _Path:
    """Coordinates on common clocks, one a row, against the log-growth of the one of each row that blows up first."""

    def __init__(self, starts: Array, energy: Array, power: float) -> None:
        self.power, excess = power, power - 2.0
        self.signs = np.sign(starts)
        with np.errstate(divide="ignore"):
            self.log_starts = np.log(np.abs(starts))
            lead = excess * self.log_starts if excess > 0 else np.zeros_like(self.log_starts)  # not 0 * inf for q = 2
            speed = np.where(starts > 0, np.log(energy) + lead, -np.inf)
        rows, fastest = np.arange(len(starts)), np.argmax(speed, axis=1)
        self.log_reference = self.log_starts[rows, fastest]
        self.reference_energy = energy[rows, fastest]
        with np.errstate(over="ignore"):
            size = np.exp(np.log(energy) + lead - speed[rows, fastest][:, None])
        self.ratios = self.signs * size

    def reference(self, growth: Array) -> Array:
        """The value of the reference coordinate of each row."""
        return np.exp(self.log_reference + growth)

    def _logs(self, growth: Array, discount: float) -> Array:
        # companions follow the undiscounted growth; what they end at decays with the rest
        plain = companion_log_growth((growth + discount)[:, None], self.ratios, self.power)
        return self.log_starts + plain - discount

    def values(self, growth: Array, discount: float) -> Array:
        """Every coordinate."""
        return self.signs * np.exp(self._logs(growth, discount))

    def sums(self, growth: Array, discount: float) -> Array:
        """The sum of phi over each row."""
        return np.sum(self.signs * np.exp(self.power * self._logs(growth, discount)), axis=1)
