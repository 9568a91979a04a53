"""Gradient descent on the weights under an attack that searches over all patches (fgsm, l_2 and l_infinity PGD)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Crossings, Divergence, Snapshot
from cgrosim.engines.cost import step_seconds
from cgrosim.engines.direct import projections_of
from cgrosim.model.algorithms import draw_batches, shares, smoothing_of
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.linear_algebra import gram, product
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData, draw_patch_data
from cgrosim.model.reference import logistic_loss
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.streams import RunStream, stream
from cgrosim.model.sums import exponential
from cgrosim.model.threats import Model, attack

Array = NDArray[np.float64]

LEVELS = ("clean signal margin", "memorisation")  # that hitting times can watch here: no attack is known in closed form
LIMIT = 1e100  # a number beyond it has diverged


class SearchingEngine:
    """The direct engine for threats without a closed form: every step attacks the training set anew.

    The random starts of step t come from their own stream of the seed, so that a resumed run draws the same ones.
    """

    name = "direct"
    order = 1

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        assert system.data is not None
        assert system.weights is not None
        self._params, self._system = params, system
        self._inputs = system.data.inputs()
        self._rows = system.data.noise.reshape(-1, params.dimension)
        self._weights = system.weights.copy()
        self._velocity = np.zeros_like(self._weights)
        self._half_smoothing = 0.5 * smoothing_of(params, system.features, params.samples)
        self._step = 0
        self.crossings = Crossings.none(params.samples)
        self.chunk = max(1, int(0.2 / step_seconds(params, self.name)))

    @property
    def step(self) -> float:
        """Gradient steps taken."""
        return float(self._step)

    @property
    def evaluations(self) -> int:
        """Evaluations of the force."""
        return self._step

    def _attacked(self) -> Array:
        model = Model(self._params, self._weights, self._system.second_layer)
        generator = stream(self._params.seed, RunStream.ATTACK, self._step)
        return attack(model, self._inputs, self._system.labels, generator)

    def advance(self, until: int) -> Divergence | None:
        """Advance to step `until`."""
        while self._step < until:
            with np.errstate(over="ignore", invalid="ignore"):
                moved, changed = self._moved()
            bad = ~(np.abs(changed) <= LIMIT)
            if np.any(bad):
                return Divergence(float(self._step), int(np.argwhere(bad)[0, 0]), -1)
            self._note_crossings()
            self._weights, self._velocity = changed, moved
            self._step += 1
        return None

    def _moved(self) -> tuple[Array, Array]:
        """Velocity and weights after the next step; without decay and momentum those of plain descent, bit for bit."""
        p, gradient = self._params, self._gradient()
        if p.weight_decay:
            gradient += p.weight_decay * self._weights
        if p.momentum:
            velocity = p.momentum * self._velocity - gradient
            return velocity, self._weights + p.learning_rate * velocity
        return self._velocity, self._weights - p.learning_rate * gradient

    def _gradient(self) -> Array:
        p, labels, layer = self._params, self._system.labels, self._system.second_layer
        lam, total = p.adversarial_weight, np.zeros_like(self._weights)
        drawn = None if p.batch_size is None else shares(draw_batches(p, self._step, 1)[0], p.samples)
        worlds = [(1.0 - lam, self._inputs)] if lam < 1.0 else []
        if lam > 0.0:
            worlds.append((lam, self._attacked()))
        for share, inputs in worlds:
            rows = inputs.reshape(-1, p.dimension)
            projections, margin = product(rows, self._weights), np.empty(len(labels))
            kernels.margins_from_projections(projections, labels, layer, p.activation, p.power, margin)
            pull = exponential(-logistic_loss(-margin)) - self._half_smoothing
            factors = -share * labels * (pull if drawn is None else drawn * pull) / len(labels)
            slopes = np.empty_like(projections)
            kernels.coefficients_from_projections(projections, factors, layer, p.activation, p.power, slopes)
            kernels.accumulate(slopes, rows, total, 1.0)
        return total

    def _note_crossings(self) -> None:
        self.crossings.note(self._levels(), float(self._step))

    def _levels(self) -> dict[str, Array]:
        """The least clean signal margin over the two labels, and every V_i."""
        p, layer, labels = self._params, self._system.second_layer, self._system.labels
        assert self._system.data is not None
        signal, noise, _ = projections_of(self._weights, self._rows, self._system.data.direction)
        memorization = np.empty(len(labels))
        kernels.margins_from_projections(noise, labels, layer, p.activation, p.power, memorization)
        both, signs = np.empty(2), np.array([1.0, -1.0])
        kernels.margins_from_projections(
            p.signal_strength * signs[:, None] * signal, signs, layer, p.activation, p.power, both
        )
        return dict(zip(LEVELS, (both.min(keepdims=True), memorization), strict=True))

    def snapshot(self) -> Snapshot:
        """The present state; the attacked margins are those of a fresh attack on the training set."""
        assert self._system.data is not None
        signal, noise, off = projections_of(self._weights, self._rows, self._system.data.direction)
        model = Model(self._params, self._weights, self._system.second_layer)
        labels, levels = self._system.labels, self._levels()
        self.crossings.note(levels, float(self._step))  # `advance` notes a state when it steps on from it
        return Snapshot(
            step=float(self._step),
            signal=signal,
            noise=noise,
            clean_margin=model.margins(self._inputs, labels),
            attacked_margin=model.margins(self._attacked(), labels),
            memorization=levels[LEVELS[1]],
            weigh=partial(gram, off),
            weights=self._weights.copy(),
        )

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues bit-identically."""
        times = {event: time for event, time in self.crossings.state().items() if HITTING_TIMES[event].level in LEVELS}
        moving = {"velocity": self._velocity.copy()} if self._params.momentum else {}
        return {"step": np.array(self._step), "weights": self._weights.copy(), **moving, **times}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._step, self._weights = int(state["step"]), state["weights"].copy()
        if self._params.momentum:
            self._velocity = state["velocity"].copy()
        self.crossings.restore(state)


class AttackedTest:
    """Fresh samples, attacked explicitly: called with weights, returns clean and attacked margins and the noise."""

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        assert system.data is not None
        self._params, self._second_layer = params, system.second_layer
        generator = stream(params.seed, RunStream.TEST)
        self._data: PatchData = draw_patch_data(params, generator, system.data.direction, samples=params.test_samples)

    def __call__(self, weights: Array) -> tuple[Array, Array, Array]:
        """Margins of the clean and attacked samples and the noise S in the clean margin, each (test_samples,)."""
        data, model = self._data, Model(self._params, weights, self._second_layer)
        inputs = data.inputs()
        attacked = attack(model, inputs, data.labels, stream(self._params.seed, RunStream.ATTACK))
        noise = data.labels * model.margins(data.noise, data.labels)
        return model.margins(inputs, data.labels), model.margins(attacked, data.labels), noise
