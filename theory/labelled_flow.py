"""Growth and rest of the signal when labels are smoothed or flipped, or features are missing, while the noise is small.

As in `plateau` every neuron obeys u_r' = F |u_r|^(q-1) with a common F, but flipped samples push against the signal and
a smoothed label pulls it back beyond its cap, so that the margin comes to rest at a finite a*, which it reaches in
infinite time. Three kinds of samples accumulate exposure, their weight summed over steps: right, flipped, and without a
feature. Derived here; times are gradient-descent steps.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from cgrosim.theory._arguments import one_of, share
from cgrosim.theory.clock import MonotoneClock
from cgrosim.theory.label_noise import check_label_noise
from cgrosim.theory.label_smoothing import check_smoothing, smoothed_weight
from cgrosim.theory.plateau import NEGLIGIBLE, NeuronsOnOneClock, SignalFlow, Threat
from cgrosim.theory.thresholds import ESCAPED

Array = NDArray[np.float64]
Label = Literal["right", "flipped", "none"]

# Distance from the rest, in the growth of a correlation, from which weights count as those at rest: they are to 1e-8,
# and the pull, a difference that vanishes there, still has eight digits.
CLOSEST = 1e-8


class LabelledFlow(NeuronsOnOneClock):
    """Gradient flow of the signal correlations with V_i = 0 and labels that are smoothed, flipped or without a feature.

    Kind: exact for gradient flow with V_i = 0; gradient descent differs at first order in the step. Hypotheses: as
    `plateau.SignalFlow`, which it equals without any of the three.

    Parameters
    ----------
    correlations : array_like, shape (m,)
        u_r(0), of either sign, at least one positive.
    power, signal_strength, gap, adversarial_weight, learning_rate, threat
        As in `plateau.SignalFlow`.
    smoothing : float
        eps of the target 1 - eps/2.
    label_noise : float
        Share of the samples with a flipped label.
    unlearnable : float
        Share of the samples without a feature.

    Raises
    ------
    ValueError
        If a share lies outside its range, or no start is positive.
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
        smoothing: float = 0.0,
        label_noise: float = 0.0,
        unlearnable: float = 0.0,
    ) -> None:
        one_of("threat", threat, Threat)
        share("gap", gap)
        share("adversarial_weight", adversarial_weight)
        super().__init__(correlations, power, signal_strength)
        self.smoothing, self.label_noise = check_smoothing(smoothing), check_label_noise(label_noise)
        if not 0.0 <= unlearnable < 1.0 - label_noise:
            raise ValueError(f"unlearnable must lie in [0, 1 - label_noise), got {unlearnable!r}")
        if not (self.smoothing or self.label_noise):
            raise ValueError("without smoothed or flipped labels the signal never rests: take SignalFlow")
        self.right = 1.0 - label_noise - unlearnable
        self.gap, self.weight, self.threat = float(gap), float(adversarial_weight), threat
        self.learning_rate = float(learning_rate)
        self._lay_panels()

    def _left(self, margin: Array, flipped: bool) -> Array:
        """(attacked coefficient / alpha)^q: the attack goes against the label that is trained on."""
        if self.threat == "fixed_direction":
            return np.full(margin.shape, self.gap**self.power)
        weaker = (margin < 0) if flipped else (margin >= 0)
        return np.where(weaker, self.gap, 2.0 - self.gap) ** self.power

    def _weights(self, margin: Array, flipped: bool) -> tuple[Array, Array, Array]:
        """Clean and attacked weight of a sample with V = 0, and the attacked share of its signal."""
        left, sign = self._left(margin, flipped), -1.0 if flipped else 1.0
        clean = (1.0 - self.weight) * smoothed_weight(sign * margin, self.smoothing)
        return clean, self.weight * smoothed_weight(sign * left * margin, self.smoothing), left

    def pull(self, margin: ArrayLike) -> Array:
        """Push on the signal at a margin a = alpha^q U, relative to one wholly unsolved loss; negative beyond a*."""
        margin = np.asarray(margin, dtype=float)
        clean, attacked, left = self._weights(margin, False)
        pull = self.right * (clean + left * attacked)
        if self.label_noise:
            clean, attacked, left = self._weights(margin, True)
            pull = pull - self.label_noise * (clean + left * attacked)
        return np.asarray(pull)

    def sample_weight(self, margin: ArrayLike, label: Label = "right") -> Array:
        """Loss weight of a sample with V = 0 beside a margin alpha^q U, by what its label is. Kind: exact."""
        margin = np.asarray(margin, dtype=float)
        if label == "none":
            return np.full(margin.shape, 0.5 * (1.0 - self.smoothing))
        clean, attacked, _ = self._weights(margin, label == "flipped")
        return np.asarray(clean + attacked)

    def _growth_at(self, margin: float, low: float, high: float) -> float:
        return float(brentq(lambda g: float(self._margin(g)) - margin, low, high, xtol=1e-14, rtol=1e-15))

    def _rest(self, turn: float) -> tuple[float, float]:
        """Margin and growth at which the signal rests."""
        start = float(self._margin(0.0))
        if turn > 0 and float(self.pull(0.5 * start)) <= 0:
            return start, 0.0
        low = max(start, 0.0)
        if float(self.pull(max(low, 1e-300))) <= 0:
            return low, turn
        high = max(1.0, 2.0 * low)
        while float(self.pull(high)) > 0:
            high *= 2.0
        margin = float(brentq(lambda a: float(self.pull(a)), low + 1e-300, high, xtol=1e-14, rtol=1e-15))
        top = turn + 1.0
        while float(self._margin(top)) < margin:
            top += 1.0
        return margin, self._growth_at(margin, turn, top)

    def _lay_panels(self) -> None:
        turn = self._zero_crossing()
        self.rest_margin, self._end = self._rest(turn)
        self.grows = self._end > CLOSEST
        if not self.grows:
            return
        with np.errstate(divide="ignore"):
            saturated = np.log1p(-self.weight) - np.log(self.weight) - self.power * np.log(self.gap)
        saturated = max(0.0, float(saturated)) + NEGLIGIBLE
        faster = (2.0 - self.gap) ** self.power if self.threat == "signal_span" else 1.0
        edges, state = [0.0], 0.0
        while self._end - state > CLOSEST * max(1.0, self._end):
            margin = float(self._margin(state))
            size = abs(margin) * (self.gap**self.power if margin > saturated else faster)
            step = min(0.5 / self.power, 1.0 / (self.power * max(size, 1e-300)), 0.5 * (self._end - state))
            if state < turn <= state + step * (1 + 1e-9):
                step = turn - state
            state += step
            edges.append(state)
        self._edges = np.array(edges)
        self._clock = MonotoneClock(self._log_rate, self._edges)
        self._clocks: dict[Label, MonotoneClock] = {}

    def _exposures(self, label: Label) -> MonotoneClock:
        if label not in self._clocks:
            self._clocks[label] = MonotoneClock(lambda g: self._log_rate(g) - self._log_weight(g, label), self._edges)
        return self._clocks[label]

    def _log_rate(self, growth: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            push = np.log(np.maximum(self.pull(self._margin(growth)), 0.0))
        log_leader = self._log_starts[self.reference] + growth
        constant = np.log(self.learning_rate * self.power) + self.power * np.log(self.signal_strength)
        return constant + self.excess * log_leader + push

    def _log_weight(self, growth: Array, label: Label) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.maximum(self.sample_weight(self._margin(growth), label), 0.0))

    def time_of_margin(self, margin: ArrayLike) -> Array:
        """Steps until alpha^q U reaches `margin`; infinite from a* on."""
        margin = np.asarray(margin, dtype=float)

        def one(value: float) -> float:
            if value <= float(self._margin(0.0)):
                return 0.0
            if not self.grows or value >= float(self._margin(self._edges[-1])):
                return np.inf
            return float(np.exp(self._clock.log_time(self._growth_at(value, 0.0, float(self._edges[-1])))))

        return np.reshape([one(float(value)) for value in margin.ravel()], margin.shape)

    def _growth_after(self, time: Array) -> Array:
        if not self.grows:
            return np.zeros(time.shape)
        with np.errstate(divide="ignore"):
            return self._clock.state(np.minimum(np.log(time), self._clock.log_times[-1]))

    def margin_at(self, time: ArrayLike) -> Array:
        """alpha^q U after `time` steps."""
        return self._margin(self._growth_after(np.asarray(time, dtype=float)))

    def correlations_at(self, time: ArrayLike) -> Array:
        """u_r after `time` steps; shape ``time.shape + (m,)``."""
        return self._signs * np.exp(self.log_correlations(self._growth_after(np.asarray(time, dtype=float))))

    def _reached(self, label: Label) -> tuple[float, float, float]:
        """Time and exposure at the last panel, and the weight from there on."""
        resting = float(self.sample_weight(self.rest_margin, label))
        if not self.grows:
            return 0.0, 0.0, resting
        return float(np.exp(self._clock.log_times[-1])), float(np.exp(self._exposures(label).log_times[-1])), resting

    def exposure_at(self, time: ArrayLike, label: Label = "right") -> Array:
        """Weight accumulated by an unmemorised sample of a kind after `time` steps, in steps."""
        time = np.asarray(time, dtype=float)
        end, exposure, resting = self._reached(label)
        late = exposure + resting * (time - end)
        if not self.grows:
            return late
        early = np.exp(self._exposures(label).log_time(self._growth_after(np.minimum(time, end))))
        return np.where(time < end, early, late)

    def time_of_exposure(self, exposure: ArrayLike, label: Label = "right") -> Array:
        """Steps after which the accumulated weight of a kind of sample reaches `exposure`; infinite for infinite."""
        exposure = np.asarray(exposure, dtype=float)
        end, reached, resting = self._reached(label)
        late = end + (exposure - reached) / resting
        if not self.grows:
            return late
        with np.errstate(divide="ignore"):
            logs = np.minimum(np.log(exposure), self._exposures(label).log_times[-1])
        early = np.exp(self._clock.log_time(self._exposures(label).state(logs)))
        return np.where(exposure < reached, early, late)

    def once_memorised(self, time: float) -> SignalFlow | LabelledFlow:
        """The flow from `time` on if by then every flipped sample is memorised, and pulls no more. Kind: asymptotic.

        Its own times start at 0.
        """
        starts = self.correlations_at(time)
        common = {
            "power": self.power, "signal_strength": self.signal_strength, "gap": self.gap,
            "adversarial_weight": self.weight,
        }  # fmt: skip
        if self.smoothing == 0.0:
            return SignalFlow(starts, learning_rate=self.learning_rate * self.right, threat=self.threat, **common)
        rest = {"threat": self.threat, "smoothing": self.smoothing, "unlearnable": 1.0 - self.right}
        return LabelledFlow(starts, learning_rate=self.learning_rate, **rest, **common)  # type: ignore[arg-type]

    def escape_time(self, threshold: float = ESCAPED) -> float:
        """Steps until (gap alpha)^q U reaches `threshold`; infinite where the signal rests below."""
        left = self.gap**self.power
        return np.inf if left == 0.0 else float(self.time_of_margin(threshold / left))
