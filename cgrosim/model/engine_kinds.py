"""The table of engines: what each needs, how it moves, and what a step costs; the engines are `cgrosim.engines.<name>`.

It stands in this room because validation and planning read it; `cgrosim.engines.make_engine` finds the engine itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cgrosim.model.params import Params


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
    return 2.0 * params.neurons * params.noise_patches**2


def _on_the_weights(params: Params) -> float:
    passes = 1 if params.signal_only else 2 + 2 * params.attack_steps * params.attack_restarts
    return passes * 4.0 * params.neurons * params.samples * params.patches * params.dimension


ENGINES: dict[str, EngineKind] = {
    "direct": EngineKind(closed=False, step_flops=_on_the_weights),
    "reduced": EngineKind(closed=True, step_flops=_on_the_gram_matrix),
    "flow": EngineKind(closed=True, step_flops=None),
}
