"""The bridge from an experiment to the theory: its setting, its starts, what is predicted for it, and its regime."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.streams import RunStream, stream
from cgrosim.predictions.predicted import Predictions, Quantiles
from cgrosim.run.planning import Plan
from cgrosim.run.session import draw_system
from cgrosim.theory.memorisation import required_exposure
from cgrosim.theory.memorisation_laws import (
    memorisation_cdf,
    memorisation_cdf_random_energy,
    memorisation_quantile,
    probability_for_last,
)
from cgrosim.theory.plateau import SignalFlow, Threat
from cgrosim.theory.regime import hypotheses
from cgrosim.theory.setting import Setting

if TYPE_CHECKING:
    from cgrosim.run.results import Run

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Slack:
    """How far one hypothesis of a claim is from failing: positive holds, negative does not."""

    name: str
    statement: str
    slack: float


LEVELS = (0.05, 0.5, 0.95)
SIGNAL_DRAWS = 40  # starts behind the a-priori quantiles of the signal growth time: enough for its 5 and 95 per cent
LATE = 1e6  # escape times after which a sample counts as never memorised: its weight has fallen below 1e-10 by then
CHI_SHARP = 0.1  # coupling below which the decoupled time of a single sample is right within some ten per cent

REGIME: dict[str, tuple[str, ...]] = {
    "signal growth": (
        "some-live-filter", "small-initialisation", "signal-beats-noise", "signal-wins-race", "signal-grows-smoothly",
        "stable-step-signal", "power-above-two",
    ),
    "stagnation": ("stable-step-signal", "adversarial-weight-inside", "attack-hides-signal"),
    "memorisation": (
        "signal-grows-first", "adversarial-weight-inside", "memorises-before-escape", "gram-nearly-orthogonal",
        "noise-norms-concentrate", "decoupled-memorisation", "noise-grows-smoothly", "stable-step-noise",
    ),
    "robust overfitting": ("radius-below-signal", "attack-hides-signal", "noise-covers-residual"),
}  # fmt: skip
"""Which hypotheses each family of claims rests on."""


def setting_of(params: Params) -> Setting:
    """The theory's description of an experiment; without an attack both losses are the clean one (lambda = 0).

    Raises
    ------
    ValueError
        Where the theory has no formula: no signal, no noise, or an attack beyond the signal.
    """
    return Setting(
        dimension=float(params.dimension),
        patches=params.patches,
        samples=params.samples,
        neurons=params.neurons,
        power=params.power,
        signal_strength=params.signal_strength,
        noise_std=params.noise_std,
        init_std=params.init_std,
        gap=params.gap,
        adversarial_weight=effective_weight(params),
        learning_rate=params.learning_rate,
    )


def effective_weight(params: Params) -> float:
    """Weight of a loss that differs from the clean one."""
    return 0.0 if params.threat == "none" else params.adversarial_weight


def why_not(params: Params) -> str:
    """Why the theory says nothing about an experiment; empty where it speaks."""
    if params.activation != "power" or params.second_layer_sign != "positive":
        return f"No predictions: they are derived for the odd power activation, not for {params.activation}" + (
            " with a signed second layer." if params.second_layer_sign == "signed" else "."
        )
    if not params.signal_only:
        return f"No predictions: threat {params.threat} moves more than the true feature."
    if not 0.0 <= params.gap <= 1.0:
        return f"No predictions: the attack is stronger than the signal (gap {params.gap:g})."
    if params.signal_strength == 0.0 or params.noise_std == 0.0:
        return "No predictions: signal_strength and noise_std must be positive."
    if effective_weight(params) == 1.0 and params.gap == 0.0:
        return "No predictions: adversarial_weight 1 with gap 0 leaves no force on the signal."
    return ""


@dataclass(frozen=True)
class Starts:
    """Where a run starts, as the theory wants it.

    Attributes
    ----------
    signal : (m,) array of u_r(0)
    noise : (N, (P-1) m) array of v_{r,i,j}(0)
    energy : (N, (P-1) m) array, |X_i[j]|^2 of the patch of each entry
    """

    signal: Array
    noise: Array
    energy: Array


def starts_of_system(params: Params, system: ClosedSystem) -> Starts:
    """Signed noise starts and patch energies of a drawn system, one row a sample."""
    if system.gram is not None:
        energy = np.diag(system.gram)
    else:
        assert system.data is not None
        energy = np.sum(system.data.noise**2, axis=-1)
    shape = (params.samples, params.patches - 1, params.neurons)
    signed = system.labels[:, None, None] * system.noise.reshape(shape)
    spread = np.broadcast_to(energy.reshape(params.samples, params.patches - 1, 1), shape)
    return Starts(system.signal, signed.reshape(params.samples, -1), spread.reshape(params.samples, -1))


def starts_of_run(run: Run) -> Starts | None:
    """Draw the starts of a run again; None if they are not the recorded ones (made by another version)."""
    sampling = str(run.data.attrs["sampling"])
    chosen = Plan(sampling, "reduced" if sampling == "gram" else "direct", "")
    starts = starts_of_system(run.params, draw_system(run.params, chosen))
    recorded = run.data["signal_correlation"].isel(step=0).values
    # a sum of d products differs by at most d eps between orders of summation; 1e-8 covers any d that has vectors
    same = np.allclose(starts.signal, recorded, rtol=0.0, atol=1e-8 * run.params.init_std)
    return starts if same else None


class Clock:
    """Gradient steps against exposure (steps weighted by the loss weight of an unmemorised sample) of one experiment.

    With a live neuron it is the flow of the signal; with none the weight stays at 1/2 for ever.
    """

    def __init__(self, params: Params, signal: ArrayLike) -> None:
        signal = np.asarray(signal, dtype=np.float64)
        self.flow = signal_flow(params, signal) if np.any(signal > 0.0) else None
        self._weight = effective_weight(params)
        never = self.flow is None or self._weight == 0.0
        self.escape_time = np.inf if self.flow is None or never else self.flow.escape_time()

    def times(self, exposure: ArrayLike) -> Array:
        """Steps at which the exposure reaches the given values; infinite beyond `LATE` escape times."""
        exposure = np.asarray(exposure, dtype=np.float64)
        if self.flow is None:
            return 2.0 * exposure
        # until the escape the attacked loss weighs at least lam s(0.7) > lam / 4, so these exposures come before it
        early = exposure <= 0.25 * self._weight * self.escape_time
        if not np.all(early | np.isinf(exposure)):
            limit = float(self.flow.exposure_at(LATE * self.escape_time))
            exposure = np.where(exposure <= limit, exposure, np.inf)
        return self.flow.time_of_exposure(exposure)

    def exposures(self, steps: ArrayLike) -> Array:
        """Exposure after the given steps."""
        steps = np.asarray(steps, dtype=np.float64)
        return 0.5 * steps if self.flow is None else self.flow.exposure_at(steps)


def signal_flow(params: Params, signal: ArrayLike) -> SignalFlow:
    """The predicted flow of the signal from given starts, at least one of them positive."""
    threat: Threat = "fixed_direction" if params.threat == "fixed_direction" else "signal_span"
    return SignalFlow(
        signal,
        power=params.power,
        signal_strength=params.signal_strength,
        gap=params.gap,
        adversarial_weight=effective_weight(params),
        learning_rate=params.learning_rate,
        threat=threat,
    )


def required_exposures(params: Params, starts: Starts) -> Array:
    """Exposure in steps that each sample needs to be memorised, decoupled: (N,); infinite for never."""
    return required_exposure(
        starts.noise,
        starts.energy,
        power=params.power,
        samples=params.samples,
        learning_rate=params.learning_rate,
    )


def predict_starts(params: Params, starts: Starts, clock: Clock | None = None) -> Array:
    """Decoupled memorisation times of the samples, in steps, from their starts: (N,); infinite for never."""
    clock = Clock(params, starts.signal) if clock is None else clock
    return clock.times(required_exposures(params, starts))


def memorisation_law(params: Params, clock: Clock, steps: ArrayLike) -> Array:
    """A-priori P(V_i reaches 0.7 within `steps`), given the signal's clock.

    The spread sqrt(2/d) of the patch energies is averaged over below d = 1e5; above, it moves the law by its square.
    """
    exposure, noise_patches = clock.exposures(steps), params.patches - 1
    common = {"power": params.power, "samples": params.samples, "learning_rate": params.learning_rate}
    if params.dimension > 1e5:
        return memorisation_cdf(
            exposure,
            **common,
            patch_energy=setting_of(params).patch_energy,
            init_std=params.init_std,
            features=params.neurons * noise_patches,
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
        learning_rate=params.learning_rate,
        patch_energy=setting_of(params).patch_energy,
        init_std=params.init_std,
        features=params.neurons * (params.patches - 1),
    )


def predict_run(run: Run) -> Predictions:
    """Everything the theory predicts for a run, from its starts and a priori; never raises for a run that exists."""
    params = run.params
    silent = why_not(params)
    starts = None if silent else starts_of_run(run)
    if starts is None:
        return Predictions(
            notes=(silent or "No predictions: this run's starts cannot be drawn again by this version.",)
        )
    clock = Clock(params, starts.signal)
    setting, steps = setting_of(params), np.geomspace(1.0, max(float(run.data["step"][-1]), 2.0), 240)
    growth = np.inf if clock.flow is None else float(clock.flow.time_of_margin(1.0))
    signal = Predictions(
        signal_growth_time=growth,
        signal_growth_quantiles=signal_growth_quantiles(params),
        plateau_steps=None if clock.flow is None else steps,
        plateau_margin=None if clock.flow is None else clock.flow.margin_at(steps),
        escape_time=clock.escape_time,
        coupling=setting.coupling,
        notes=_notes(params, clock, setting),
    )
    if effective_weight(params) == 0.0:
        note = "Standard training: no memorisation is predicted, the noise stops with the clean loss."
        return replace(signal, notes=(*signal.notes, note))
    one = memorisation_quantiles(params, clock, LEVELS)
    last = memorisation_quantiles(params, clock, probability_for_last(LEVELS, params.samples))
    ends = memorisation_quantiles(params, clock, (1e-3, 0.999 * (1.0 - 0.5 ** (params.neurons * (params.patches - 1)))))
    grid = np.geomspace(max(ends[0], 1e-3), ends[1], 96) if np.all(np.isfinite(ends)) else None
    return replace(
        signal,
        memorization_times=predict_starts(params, starts, clock),
        memorization_quantiles=_quantiles(one),
        last_memorization_quantiles=_quantiles(last),
        law_steps=grid,
        law_probability=None if grid is None else memorisation_law(params, clock, grid),
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
            times[k] = float(signal_flow(params, signal).time_of_margin(1.0))
    return _quantiles(np.quantile(times, LEVELS, method="inverted_cdf"))


def _quantiles(values: Array) -> Quantiles:
    low, median, high = (float(value) for value in values)
    return Quantiles(low, median, high, LEVELS)


def _notes(params: Params, clock: Clock, setting: Setting) -> tuple[str, ...]:
    notes = []
    if clock.flow is None:
        notes.append("Every neuron starts dead, so no signal is predicted to grow.")
    if setting.coupling > CHI_SHARP:
        notes.append(
            f"The coupling chi is {setting.coupling:.2g}: memorised samples move the others, so the times of single "
            "samples are right within a factor only."
        )
    if np.isfinite(clock.escape_time) and effective_weight(params) > 0.0:
        median = float(memorisation_quantiles(params, clock, 0.5))
        if clock.escape_time < median:
            notes.append("The attacked signal is predicted to grow first: robust generalization, not memorisation.")
    return tuple(notes)


def regime_report(params: Params) -> tuple[Slack, ...]:
    """Slack of every hypothesis, named ``family: hypothesis`` and grouped by the family of claims that rests on it."""
    silent = why_not(params)
    if silent:
        return (Slack("all: model", silent.removeprefix("No predictions: "), -np.inf),)
    found = {h.name: h for h in hypotheses(setting_of(params))}
    return tuple(
        Slack(f"{family}: {name}", found[name].statement, float(found[name].slack))
        for family, names in REGIME.items()
        for name in names
    )


def slacks(params: Params, *names: str) -> tuple[Slack, ...]:
    """Slack of the named hypotheses at these parameters, for the evidence of a claim."""
    found = {h.name: h for h in hypotheses(setting_of(params))}
    return tuple(Slack(name, found[name].statement, float(found[name].slack)) for name in names)
