"""Training samples without a learnable feature: robust errors under both attacks, on training and on fresh samples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.algorithms import draw_features
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData, draw_patch_data
from cgrosim.model.sampling import ClosedSystem, draw_explicit
from cgrosim.model.threats import Model, attack
from cgrosim.predictions.clock import signal_flow
from cgrosim.studies.context import Context
from cgrosim.studies.trained import Trained, train
from cgrosim.studies.world import World
from cgrosim.theory.memorisation import required_exposure
from cgrosim.theory.overlap_delay import overlap_delay
from cgrosim.theory.patch_attacks import falling_radius, furthest_reach, safe_radius

Array = NDArray[np.float64]

SHARES = (0.0, 0.05, 0.25)  # none, one and five of twenty samples
LIVE = 0.1  # of init_std: from a start of one filter there the signal escapes in a tenth of the time that samples need
LEARNT = 2.8  # u of the filter that learns the feature, at the end: 2.80 to 2.90
FRESH = 100
STEPS = 60_000  # some ten times what the samples without a feature need


@dataclass(frozen=True)
class Unlearnable:
    """One trained network.

    Attributes
    ----------
    params : what is claimed
    predicted, measured : step at which the sample without a feature that should be the first is memorised; infinite
        where there is none
    otherwise : share of samples that are memorised and have a feature, or are the first without one and are not
    noise : largest |w_r| off w_star times sigma_p at the end over its value at the start
    falling : radius of an attack on all patches at which fresh samples fall, by the theory
    safe, fallen : up to where all are proved to stand, and where the theory's attack has got half of them
    signal_train, signal_test : robust errors where the attack moves the true feature only
    patches_train, patches_test : where it may move all patches, by the same radius (projected gradient descent)
    clean_test : test error without attack
    """

    params: Params
    predicted: float
    measured: float
    otherwise: float
    noise: float
    falling: float
    safe: float
    fallen: float
    signal_train: float
    signal_test: float
    patches_train: float
    patches_test: float
    clean_test: float


def setting(seed: int, share: float) -> Params:
    """A weak attack, under which the signal escapes before any sample with a feature is memorised."""
    return Params(
        dimension=1000,
        samples=20,
        patches=2,
        neurons=8,
        signal_strength=2.0,
        noise_std=1000**-0.5,
        init_std=0.03,
        gap=0.4,
        learning_rate=0.05,
        seed=seed,
        unlearnable_fraction=share,
        flow_tolerance=1e-6,
    )


def _predicted(params: Params, system: ClosedSystem) -> Array:
    """Steps until every sample without a feature is memorised, on its own, from all its starts.

    Clean and attacked loss both push where there is no feature: the loss weight is 1/2 from beginning to end.
    """
    assert system.features is not None
    assert system.gram is not None
    chosen = system.features == 0.0
    starts = (system.labels[:, None] * system.noise)[chosen]
    energy = np.repeat(np.diag(system.gram)[chosen, None], params.neurons, axis=1)
    return 2.0 * required_exposure(
        starts, energy, power=params.power, samples=params.samples, learning_rate=params.flow_rate
    )


def _first(params: Params) -> tuple[int, float]:
    """Which sample without a feature should be memorised first, and when, with what the overlaps of all others add.

    Those with a feature push until the signal takes their weight, those without until they are memorised themselves.
    Infinite where none of its filters is alive.
    """
    system = draw_explicit(params)
    assert system.features is not None
    assert system.gram is not None
    predicted = _predicted(params, system)
    this, alone = int(np.flatnonzero(system.features == 0.0)[np.argmin(predicted)]), float(np.min(predicted))
    if not np.isfinite(alone):
        return this, alone
    others = np.delete(np.arange(params.samples), this)
    starts, energy = system.labels[:, None] * system.noise, np.diag(system.gram)
    fastest = int(np.argmax(starts[this]))
    rates = params.power * energy * params.flow_rate / (2.0 * params.samples)
    exposure = float(signal_flow(params, system.signal).exposure_at(alone))
    delay = overlap_delay(
        float(starts[this, fastest]),
        starts[others, fastest],
        rate=float(rates[this]),
        rates=rates[others],
        overlaps=(system.labels[this] * system.labels * system.gram[this] / energy)[others],
        power=params.power,
        until=np.where(system.features == 0.0, np.inf, 2.0 * exposure)[others],
    )
    return this, alone + delay


def _otherwise(params: Params, first: int | None, memorised: NDArray[np.bool_]) -> float:
    """Share of samples that are memorised though they have a feature, and the first without one where it is not.

    The others without one are kicked by it, V^(1/q) / sqrt(d) = 0.07 where starts are 0.04: some are turned over.
    """
    features, wrong = draw_features(params), memorised.copy()
    if features is not None:
        wrong[features == 0.0] = False
    if first is not None:
        wrong[first] = not memorised[first]
    return float(np.mean(wrong))


def _radii(run: Trained, claimed: Params, fresh: PatchData) -> tuple[float, float, float]:
    """Radii of an attack on all patches: where fresh samples fall by the theory, are safe up to, and half have fallen.

    The first two from the filters of the network (with the feature's strength as claimed), the last one by moving the
    samples as the theory says, against the filter of the feature and where all reach furthest.
    """
    assert run.system.data is not None
    weights, power = run.weights, run.params.power
    norms, features = np.linalg.norm(weights, axis=1), weights @ run.system.data.direction
    gram, sees = weights @ weights.T, int(np.argmax(features))
    far = furthest_reach(gram, claimed.power)
    whole = max(float(np.sum(np.sign(features) * np.abs(features) ** power)), 0.0)
    theory = float(falling_radius(claimed.signal_strength * whole ** (1.0 / power), norms[sees], far.size))
    seen = (fresh.inputs() * fresh.labels[:, None, None]) @ weights.T
    safe = float(np.min(safe_radius(seen, gram, power)))
    place, move = np.arange(len(seen)), np.zeros_like(seen)
    move[place, fresh.signal_index] = gram[sees] / np.hypot(norms[sees], far.size)
    move[place, fresh.noise_positions[:, 0]] = far.size * (gram @ far.weights) / np.hypot(norms[sees], far.size)

    def falls(radius: Array) -> NDArray[np.bool_]:
        left = seen - radius[:, None, None] * move
        return np.asarray(np.sum(np.sign(left) * np.abs(left) ** power, axis=(1, 2)) <= 0.0)

    low, high = np.zeros(len(seen)), np.full(len(seen), 2.0 * max(theory, safe))
    for _ in range(40):  # to 1e-12 of the bracket
        middle = 0.5 * (low + high)
        fallen = falls(middle)
        low, high = np.where(fallen, low, middle), np.where(fallen, middle, high)
    return theory, safe, float(np.median(high))


def _wrong(run: Trained, params: Params, data: PatchData, steps: int) -> float:
    searching = params.replace(
        unlearnable_fraction=0.0,
        threat="l2_pgd",
        engine="direct",
        attack_steps=max(steps, 1),
        attack_random_start=False,
    )
    model, inputs = Model(searching, run.weights, run.system.second_layer), data.inputs()
    moved = attack(model, inputs, data.labels, None) if steps else inputs
    return float(np.mean(model.margins(moved, data.labels) <= 0.0))


def _live(params: Params) -> bool:
    """Whether one filter starts along the feature, and learns it alone.

    Of 256 starts one has none, and nothing escapes. All 1/u_r fall alike (u' = c u^2), so that a second one ends below
    half of the largest where its 1/u starts further above than the largest one ends.
    """
    signal = np.sort(draw_explicit(params).signal)
    largest, second = float(signal[-1]), float(signal[-2])
    return largest > LIVE * params.init_std and (second <= 0.0 or 1.0 / second - 1.0 / largest > 1.0 / LEARNT)


def _able(seed: int) -> bool:
    """Whether one filter learns the feature, and the first sample without one is memorised in a third of the steps.

    By the start alone. Of 256 single samples one has no live filter, and stays as it is.
    """
    early = (_first(setting(seed, share))[1] < STEPS / 3 for share in SHARES if share)
    return _live(setting(seed, 0.0)) and all(early)


def unlearnable(context: Context, world: World) -> tuple[Unlearnable, ...]:
    """Networks trained with none, a few and many samples that carry no learnable feature."""
    found = []
    count = context.choose(1, 6)
    seeds = (seed for seed in context.seeds("unlearnable-samples", 10 * count) if _able(seed))
    for seed in islice(seeds, count):
        for share in SHARES:
            params = setting(seed, share)
            simulated = world.of(params)
            run = train(simulated, STEPS, vectors=True)
            data = run.system.data
            assert data is not None
            strength = world.number("fresh_strength", 1.0) * simulated.signal_strength
            drawn = simulated.replace(signal_strength=strength)
            fresh = draw_patch_data(drawn, context.generator("unlearnable-samples"), data.direction, samples=FRESH)
            times = np.nan_to_num(run.memorization_times, nan=np.inf)
            first, predicted = _first(params) if share else (None, np.inf)
            noise = float(np.sqrt(np.max(np.diag(run.weight_gram)) / np.max(np.diag(run.run.values("weight_gram")[0]))))
            left = simulated.gap * simulated.signal_strength
            shrunk = PatchData(fresh.labels, fresh.signal_index, fresh.noise, fresh.direction, left)
            found.append(
                Unlearnable(
                    params,
                    predicted,
                    np.inf if first is None else float(times[first]),
                    _otherwise(params, first, np.isfinite(times)),
                    noise,
                    *_radii(run, params, fresh),
                    float(np.mean(run.attacked_margin <= 0.0)),
                    _wrong(run, simulated, shrunk, 0),
                    _wrong(run, simulated, data, 20),
                    _wrong(run, simulated, fresh, 20),
                    _wrong(run, simulated, fresh, 0),
                )
            )
    return tuple(found)
