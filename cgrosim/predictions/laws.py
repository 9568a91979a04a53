"""Times of memorisation and of signal growth: of the samples at hand, and in law before any start is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.model.params import Params
from cgrosim.model.streams import RunStream, stream
from cgrosim.predictions.clock import Clock, signal_flow
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import Starts
from cgrosim.predictions.values import LEVELS, Quantiles
from cgrosim.theory.control import required_adversarial_weight
from cgrosim.theory.memorisation import required_exposure
from cgrosim.theory.memorisation_laws import (
    memorisation_cdf,
    memorisation_cdf_random_energy,
    memorisation_quantile,
)
from cgrosim.theory.power_growth import growth_integral
from cgrosim.theory.thresholds import SIGNAL_GROWN

Array = NDArray[np.float64]

SIGNAL_DRAWS = 40  # starts behind the a-priori quantiles of the signal growth time: enough for its 5 and 95 per cent
EQUAL_ENERGIES = 1e5  # dimension from which the spread of patch energies moves the law by less than its square, 2e-5


def required_exposures(params: Params, starts: Starts) -> Array:
    """Exposure in steps that each sample needs to be memorised, decoupled: (N,); infinite for never."""
    return required_exposure(
        starts.noise,
        starts.energy,
        power=params.power,
        samples=params.samples,
        learning_rate=params.flow_rate,
    )


def required_weight(params: Params, starts: Starts, steps: float) -> float:
    """Least adversarial weight with which the median sample is memorised within the steps, from these starts.

    What the clean loss adds until the signal has grown is that of the largest start alone.
    """
    largest = float(np.max(starts.signal))
    clean = growth_integral(largest, np.inf, params.power) if largest > 0 else np.inf
    rate = params.learning_rate * params.power * params.signal_strength**params.power
    exposure = float(np.median(required_exposures(params, starts)))
    return float(required_adversarial_weight(exposure, clean / rate, steps))


def predict_starts(params: Params, starts: Starts, clock: Clock | None = None) -> Array:
    """Decoupled memorisation times of the samples, in steps, from their starts: (N,); infinite for never.

    Until T_I the clean loss drives the noise as well, and afterwards its residual weight does: both are in the clock.
    Left out are the exact weight of that residual and the back-reaction of V on the signal; margins below 0.7 change
    weights by less than e^0.7 - 1, so a time is off by a fraction of the head start.
    """
    clock = Clock(params, starts.signal) if clock is None else clock
    return clock.times(required_exposures(params, starts))


def memorisation_law(params: Params, clock: Clock, steps: ArrayLike) -> Array:
    """A-priori P(V_i reaches 0.7 within `steps`), given the signal's clock.

    The spread sqrt(2/d) of the patch energies is averaged over below d = 1e5; above, it moves the law by its square.
    """
    exposure = clock.exposures(steps)
    common = {"power": params.power, "samples": params.samples, "learning_rate": params.flow_rate}
    if params.dimension > EQUAL_ENERGIES:
        return memorisation_cdf(
            exposure,
            **common,
            patch_energy=setting_of(params).patch_energy,
            init_std=params.init_std,
            features=params.neurons * (params.patches - 1),
        )
    return memorisation_cdf_random_energy(
        exposure,
        **common,
        noise_std=params.noise_std,
        dimension=float(params.dimension),
        init_std=params.init_std,
        neurons=params.neurons,
        patches=params.patches,
    )


def memorisation_quantiles(params: Params, clock: Clock, probability: ArrayLike) -> Array:
    """Quantiles, in steps, of the memorisation time of one sample, at the mean patch energy."""
    return clock.times(a_priori_exposures(params, probability))


def a_priori_exposures(params: Params, probability: ArrayLike) -> Array:
    """Quantiles, in steps of exposure, of what one sample needs, at the mean patch energy."""
    return memorisation_quantile(
        probability,
        power=params.power,
        samples=params.samples,
        learning_rate=params.flow_rate,
        patch_energy=setting_of(params).patch_energy,
        init_std=params.init_std,
        features=params.neurons * (params.patches - 1),
    )


def signal_growth_quantiles(params: Params) -> Quantiles:
    """A-priori quantiles of the step at which alpha^q U reaches 1, over `SIGNAL_DRAWS` starts drawn from their law.

    By draws and not in closed form, because half of all starts have U(0) < 0, where the attack helps the signal.
    """
    generator = stream(params.seed, RunStream.A_PRIORI)
    times = np.full(SIGNAL_DRAWS, np.inf)
    for k in range(SIGNAL_DRAWS):
        signal = params.init_std * generator.standard_normal(params.neurons)
        if np.any(signal > 0.0):
            times[k] = float(signal_flow(params, signal).time_of_margin(SIGNAL_GROWN))
    return Quantiles.of(np.quantile(times, LEVELS, method="inverted_cdf"))
