"""Problems the kernel tests share: their parameters, their reference trajectory, and the rounding they allow."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.kernels.problem import make_problem
from cgrosim.model import reference
from cgrosim.model.activations import ACTIVATIONS, activate, output_weights
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData, draw_patch_data, draw_weights
from cgrosim.model.signal_threats import SIGNAL_THREATS

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


def make_params(**values: object) -> Params:
    base: dict[str, object] = {
        "dimension": 30,
        "patches": 3,
        "samples": 5,
        "neurons": 4,
        "signal_strength": 1.7,
        "gap": 0.2,
        "noise_std": 0.2,
        "init_std": 0.3,
        "learning_rate": 0.1,
    }
    return Params(**{**base, **values})


def make_record(samples: int) -> kernels.Record:
    return kernels.make_record(samples, [(entry.level, entry.threshold) for entry in HITTING_TIMES.values()])


def problem_of(params: Params, labels: Array) -> kernels.Problem:
    low, high = params.attacked_interval
    return make_problem(
        labels,
        output_weights(params.neurons, params.second_layer_sign),
        params.patches - 1,
        activation=params.activation,
        power=params.power,
        alpha=params.signal_strength,
        weakest=params.gap * params.signal_strength,
        attacked_low=low,
        attacked_high=high,
        adversarial_weight=params.adversarial_weight,
    )


class Setting:
    """One problem in every form: patches, weights, Gram matrix, and the packed arrays of the kernels."""

    def __init__(self, params: Params, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.params = params
        direction = generator.standard_normal(params.dimension)
        direction /= np.linalg.norm(direction)
        self.data: PatchData = draw_patch_data(params, generator, direction)
        self.weights = draw_weights(params, generator)
        self.rows = np.ascontiguousarray(self.data.noise.reshape(-1, params.dimension))
        self.second_layer = output_weights(params.neurons, params.second_layer_sign)
        self.signal, self.noise = self.weights @ direction, self.rows @ self.weights.T
        self.gram = self.rows @ self.rows.T
        self.problem = problem_of(params, self.data.labels)
        self.record = make_record(params.samples)

    def hits(self, event: str) -> np.ndarray:
        """The first steps of an event, one or one a sample; -1 where it has not happened."""
        steps = self.record.first[list(HITTING_TIMES).index(event)]
        return steps.copy() if HITTING_TIMES[event].per_sample else steps[:1].copy()

    def reduced(self, steps: int, first: int = 0, parallel: bool = False) -> tuple[tuple[int, ...], list[Array]]:
        """Run from the start; return the result and [u, c, B]."""
        state = kernels.pack_reduced_state(self.problem, self.signal, self.noise, np.zeros_like(self.noise))
        work = kernels.make_reduced_workspace(self.problem)
        self.record = make_record(self.params.samples)
        gram, eta = kernels.pack_gram(self.gram), self.params.learning_rate
        done = kernels.advance_reduced(self.problem, gram, state, work, self.record, eta, steps, first, parallel)
        return done, list(kernels.unpack_reduced_state(self.problem, state))

    def direct(self, steps: int, first: int = 0, parallel: bool = False) -> tuple[tuple[int, ...], Array]:
        """Run from the start; return the result and the weights."""
        data = kernels.pack_direct_data(self.rows, self.data.direction)
        work = kernels.make_direct_workspace(self.problem, data)
        state = kernels.pack_weights(self.weights)
        self.record = make_record(self.params.samples)
        eta = self.params.learning_rate
        done = kernels.advance_direct(self.problem, data, state, work, self.record, eta, steps, first, parallel)
        return done, kernels.unpack_weights(state, self.problem, data)

    def oracle(self, steps: int) -> list[tuple[Array, Array, Array, Array]]:
        """The states (u, c, B, V) at steps 0..steps, in NumPy."""
        u, c, b = self.signal.copy(), self.noise.copy(), np.zeros_like(self.noise)
        trajectory = []
        for _ in range(steps + 1):
            on_signal, force, _, _ = reference.forces(self.params, self.second_layer, self.data.labels, u, c)
            values = activate(self.params.activation, c, self.params.power) @ self.second_layer
            v = self.data.labels * values.reshape(self.params.samples, -1).sum(axis=1)
            trajectory.append((u, c, b, v))
            eta = self.params.learning_rate
            u, c, b = u + eta * on_signal, c + eta * (self.gram @ force), b + eta * force
        return trajectory


def sum_rounding(terms: int) -> float:
    """Relative error, to the sum of absolute values, of any two ways to add or fuse `terms` products (Higham, 3.1)."""
    return 2 * (terms + 2) * EPS


shapes = st.fixed_dictionaries(
    {
        "samples": st.integers(1, 12),
        "patches": st.integers(2, 4),
        "neurons": st.integers(2, 27),
        "activation": st.sampled_from(list(ACTIVATIONS)),
        "power": st.sampled_from((2.0, 2.5, 3.0, 4.0, 5.0)),
        "threat": st.sampled_from(list(SIGNAL_THREATS)),
        "adversarial_weight": st.sampled_from((0.0, 0.3, 1.0)),
        "gap": st.sampled_from((0.0, 1e-9, 0.4, 1.0)),
        "init_std": st.sampled_from((0.05, 0.5, 2.0)),
    }
)
