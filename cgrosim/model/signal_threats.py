"""The table of threats that move only the true feature: from which interval the attack takes its coefficient.

Under such a threat the signal patch of a sample becomes ``c y w_star`` with the coefficient c that makes the margin
smallest, and the training dynamics closes on the Gram matrix of the noise. The exact inner maximum over an interval is
in `cgrosim.model.reference` (plain) and `cgrosim.kernels.threat` (compiled), the same for every threat, so a new one is
an entry of `SIGNAL_THREATS`. Threats that search over all patches are in `cgrosim.model.threats`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SignalThreat:
    """One threat that moves only the true feature.

    Attributes
    ----------
    interval : callable of (alpha, alpha - delta, alpha + delta)
        Ends of the interval the coefficient is chosen from, alpha being the signal strength and delta the radius; equal
        ends leave no choice. alpha - delta is given, because it would cancel when the attack nearly erases the signal.
    beyond_signal : bool
        Whether delta may exceed alpha. An interval to choose from must not: left of 0 the closed form does not hold.
    attacks : bool
        Whether anything is attacked at all.
    """

    interval: Callable[[float, float, float], tuple[float, float]]
    beyond_signal: bool = True
    attacks: bool = True


SIGNAL_THREATS: dict[str, SignalThreat] = {
    "none": SignalThreat(lambda alpha, low, high: (alpha, alpha), attacks=False),
    "signal_span": SignalThreat(lambda alpha, low, high: (low, high), beyond_signal=False),
    "fixed_direction": SignalThreat(lambda alpha, low, high: (low, low)),
}
