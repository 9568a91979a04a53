"""The table of engines: what each needs, how it moves, and what a step costs; the engines are `cgrosim.engines.<name>`.

It stands in this room because validation and planning read it; `cgrosim.engines.make_engine` finds the engine itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cgrosim.model.params import Params

ACTIVATION_FLOPS = 70.0  # operations in the time that an activation and its share of the loss take
MEMORY_FLOPS = 600.0  # operations in the time that the arrays of an attack take for one number, 25 nanoseconds


@dataclass(frozen=True)
class EngineKind:
    """What the package has to know of an engine before it is made.

    Attributes
    ----------
    closed : bool
        Whether it advances the closed system (u, C, B) and needs the Gram matrix; else it advances the weights and
        needs vectors.
    step_flops : callable of Params, or None
        Floating-point operations of one gradient step; None for the flow, which takes steps of its own.
    """

    closed: bool
    step_flops: Callable[[Params], float] | None

    @property
    def discrete(self) -> bool:
        """Whether it takes gradient steps one by one."""
        return self.step_flops is not None


def _on_the_gram_matrix(params: Params) -> float:
    lines = 16.0 * -(-params.noise_patches // 16)  # rows are worked on sixteen at a time
    return params.neurons * (2.0 * params.noise_patches**2 + ACTIVATION_FLOPS * lines)


def _on_the_weights(params: Params) -> float:
    clean = 4.0 * params.neurons * params.samples * params.patches * params.dimension
    return clean if params.signal_only else 2.0 * clean + search_flops(params, params.samples)


def search_flops(params: Params, samples: int) -> float:
    """What a threat that searches costs on some samples; beside two products with the weights a gradient, its arrays
    of the size of the inputs go through memory some ten times.
    """
    from cgrosim.model.threats import SEARCH_THREATS

    numbers = float(samples) * params.patches * params.dimension
    return SEARCH_THREATS[params.threat].gradients(params) * numbers * (8.0 * params.neurons + MEMORY_FLOPS)


ENGINES: dict[str, EngineKind] = {
    "direct": EngineKind(closed=False, step_flops=_on_the_weights),
    "reduced": EngineKind(closed=True, step_flops=_on_the_gram_matrix),
    "flow": EngineKind(closed=True, step_flops=None),
}
