"""How much work a study may spend, and the seed it draws from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cgrosim.model.streams import named_generator, named_seeds

Effort = Literal["quick", "full"]


@dataclass(frozen=True)
class Context:
    """How much work to spend, and the seed everything random is spawned from."""

    effort: Effort = "quick"
    seed: int = 0

    @property
    def full(self) -> bool:
        """Whether to take the time to decide everything."""
        return self.effort == "full"

    def choose(self, quick: int, full: int) -> int:
        """A size that depends on the effort."""
        return full if self.full else quick

    def seeds(self, name: str, count: int) -> list[int]:
        """Independent seeds for the replicates of one name, the same ones every time."""
        return named_seeds(self.seed, name, count)

    def generator(self, name: str) -> np.random.Generator:
        """A generator for the draws of one name that are not simulations."""
        return named_generator(self.seed, name)
