"""The table of threats that search: fgsm and projected gradient descent over all patches, in l_2 and l_infinity.

Threats that move only the true feature have a closed form (`cgrosim.model.signal_threats`); these see explicit inputs.
All of them perturb the whole input (P d numbers) within the radius; those with steps keep for every sample the worst
point they have seen. A new one is an entry of `SEARCH_THREATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cgrosim.errors import ParameterError
from cgrosim.interrupts import stop_where_wanted
from cgrosim.model.activations import activate, derivative
from cgrosim.model.sums import raised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cgrosim.model.params import Params

    Array = NDArray[np.float64]
else:
    from cgrosim.model.lazy_numpy import np


@dataclass(frozen=True)
class Model:
    """A network with fixed weights, seen by an attack."""

    params: Params
    weights: Array
    second_layer: Array

    def margins(self, inputs: Array, labels: Array) -> Array:
        """Margins y f(X) of inputs (N, P, d): (N,)."""
        return self._margins(self._projections(inputs), labels)

    def margins_and_gradient(self, inputs: Array, labels: Array) -> tuple[Array, Array]:
        """Margins (N,) and their gradient with respect to the inputs (N, P, d)."""
        projections = self._projections(inputs)
        slopes = derivative(self.params.activation, projections, self.params.power) * self.second_layer
        slopes *= np.repeat(labels, inputs.shape[1])[:, None]
        from cgrosim.model.linear_algebra import combination  # loads Numba, which validating parameters does not need

        return self._margins(projections, labels), combination(slopes, self.weights).reshape(inputs.shape)

    def _projections(self, inputs: Array) -> Array:
        from cgrosim.model.linear_algebra import product

        return product(inputs.reshape(-1, inputs.shape[-1]), self.weights)

    def _margins(self, projections: Array, labels: Array) -> Array:
        outputs = np.einsum(
            "kr,r->k", activate(self.params.activation, projections, self.params.power), self.second_layer
        )
        return np.asarray(labels * outputs.reshape(len(labels), -1).sum(axis=1))


@dataclass(frozen=True)
class SearchThreat:
    """One threat that searches.

    Attributes
    ----------
    search : callable of (model, inputs, labels, generator)
        The attacked inputs, shape (N, P, d). The generator draws random starts; None starts at the sample.
    describe : callable of Params
        What to say of the attack after its name and radius, beginning with a comma; may be empty.
    paper_radius : callable of (delta, count of numbers in one input)
        The radius that `Params.from_paper` takes where none is given, delta being the paper's, of an l_2 ball.
    gradients : callable of Params
        How many gradients it computes on every sample: what it costs.
    """

    search: Callable[[Model, Array, Array, np.random.Generator | None], Array]
    describe: Callable[[Params], str]
    paper_radius: Callable[[float, int], float] = lambda delta, numbers: delta
    gradients: Callable[[Params], int] = lambda params: params.attack_steps * params.attack_restarts


@dataclass(frozen=True)
class Ball:
    """What projected gradient descent has to know of a norm; arrays of shape (N, P, d), one ball a sample.

    Attributes
    ----------
    direction : steepest ascent direction of a gradient; a zero gradient does not move
    project : the nearest shift within the radius
    start : a uniform point of the ball, from (shape, radius, generator)
    """

    direction: Callable[[Array], Array]
    project: Callable[[Array, float], Array]
    start: Callable[[tuple[int, ...], float, np.random.Generator], Array]


def attack(model: Model, inputs: Array, labels: Array, generator: np.random.Generator | None) -> Array:
    """Return the attacked inputs under ``model.params``' fgsm, l2_pgd or linf_pgd threat: (N, P, d).

    `generator` draws the random starts; None starts every restart at the sample (then one restart is enough).

    Raises
    ------
    ParameterError
        If the threat does not search.
    """
    threat = SEARCH_THREATS.get(model.params.threat)
    if threat is None:
        raise ParameterError(f"threat {model.params.threat} does not search; take one of {', '.join(SEARCH_THREATS)}.")
    return threat.search(model, inputs, labels, generator)


def step_size(params: Params) -> float:
    """Step of projected gradient descent: as asked, or 2.5 radii shared among the steps."""
    return params.attack_step_size or 2.5 * params.perturbation_radius / params.attack_steps


def descend(ball: Ball, model: Model, inputs: Array, labels: Array, generator: np.random.Generator | None) -> Array:
    """Projected gradient descent of the margin with restarts, in any ball: the worst point seen, (N, P, d)."""
    params, radius, size = model.params, model.params.perturbation_radius, step_size(model.params)
    best, lowest = inputs.copy(), model.margins(inputs, labels)
    for _ in range(params.attack_restarts):
        shift = np.zeros_like(inputs)
        if params.attack_random_start and generator is not None:
            shift = ball.start(inputs.shape, radius, generator)
        for _ in range(params.attack_steps):
            stop_where_wanted()
            margin, gradient = model.margins_and_gradient(inputs + shift, labels)
            _keep_worst(best, lowest, inputs + shift, margin)
            shift = ball.project(shift - size * ball.direction(gradient), radius)
        _keep_worst(best, lowest, inputs + shift, model.margins(inputs + shift, labels))
    return best


def _keep_worst(best: Array, lowest: Array, candidate: Array, margin: Array) -> None:
    worse = margin < lowest
    best[worse], lowest[worse] = candidate[worse], margin[worse]


def _sign_step(model: Model, inputs: Array, labels: Array, generator: np.random.Generator | None) -> Array:
    _, gradient = model.margins_and_gradient(inputs, labels)
    return inputs - model.params.perturbation_radius * np.sign(gradient)


def _norms(shift: Array) -> Array:
    return np.sqrt(np.einsum("ijk,ijk->i", shift, shift))[:, None, None]


def _unit(gradient: Array) -> Array:
    norm = _norms(gradient)
    return gradient / np.where(norm > 0.0, norm, 1.0)


def _shorten(shift: Array, radius: float) -> Array:
    return shift * np.minimum(1.0, radius / np.maximum(_norms(shift), np.finfo(float).tiny))


def _start_in_l2(shape: tuple[int, ...], radius: float, generator: np.random.Generator) -> Array:
    start = generator.standard_normal(shape)
    size = radius * raised(generator.random(shape[0]), 1.0 / np.prod(shape[1:]))
    return np.asarray(start * size[:, None, None] / _norms(start))


L2 = Ball(_unit, _shorten, _start_in_l2)
LINF = Ball(
    lambda gradient: np.sign(gradient),  # looked up when it is called, as NumPy is
    lambda shift, radius: np.clip(shift, -radius, radius),
    lambda shape, radius, generator: generator.uniform(-radius, radius, shape),
)


def _describe_steps(params: Params) -> str:
    start = "random start" if params.attack_random_start else "start at the sample"
    steps, restarts = params.attack_steps, params.attack_restarts
    return f", {steps} steps of {step_size(params):.3g}, {restarts} restart(s), {start}"


def _inscribed(delta: float, numbers: int) -> float:
    """Radius of the largest l_infinity ball within an l_2 ball: a coordinate moves by delta / sqrt(P d), and not by
    delta, which is some hundred times a coordinate of the noise and takes training out of the finite numbers.
    """
    return delta / float(numbers) ** 0.5


SEARCH_THREATS: dict[str, SearchThreat] = {
    "fgsm": SearchThreat(_sign_step, lambda params: "", _inscribed, lambda params: 1),
    "l2_pgd": SearchThreat(partial(descend, L2), _describe_steps),
    "linf_pgd": SearchThreat(partial(descend, LINF), _describe_steps, _inscribed),
}
