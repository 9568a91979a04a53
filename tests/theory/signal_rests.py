"""All rests of the signal margin of one neuron under weight decay: the oracle of plateaus and edges of escape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.theory.decay_plateaus import Rest, largest_margin, rests, signal_pull

Array = NDArray[np.float64]


def signal_rests(
    weight_decay: float,
    noise_margin: float = 0.0,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
) -> tuple[Rest, ...]:
    """All rests of a = alpha^q U: below the first, unstable one the signal dies; the first stable one is the plateau.

    A second stable one beyond it is the escaped state, robust by signal, with an unstable rest between: bistability.
    None: nothing is ever learnt. Kind: exact for one neuron.
    """
    arguments = {
        "power": power, "signal_strength": signal_strength, "gap": gap, "adversarial_weight": adversarial_weight,
    }  # fmt: skip
    if not weight_decay > 0.0:
        raise ValueError(
            f"plateaus need a positive weight decay, got {weight_decay!r}: without it margins grow for ever"
        )
    scale = 1.0 if gap == 0.0 else max(1.0, gap**-power)
    largest = scale * largest_margin(power * signal_strength**2, weight_decay)
    return rests(lambda a: signal_pull(a, noise_margin, **arguments), weight_decay, largest)
