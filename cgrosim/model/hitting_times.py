"""The table of hitting times: when something first happens in a run, to the step.

A new one is an entry here, at a level the kernels watch (`cgrosim.kernels.levels`); what is watched anew is an entry
there. Engines, files, datasets and stop rules follow the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cgrosim.model.thresholds import ESCAPED, MEMORISED, SIGNAL_GROWN

if TYPE_CHECKING:
    from cgrosim.model.params import Params


@dataclass(frozen=True)
class HittingTime:
    """The first step at which a level reaches a threshold.

    Attributes
    ----------
    variable : name in the dataset of a run
    level : name of what is watched, in `cgrosim.kernels.levels`
    threshold : what it has to reach
    long_name : what the variable holds, in words
    happened : what has happened then; ``{which}`` stands for the samples, where there is one time for each
    of_attack : whether it is a time of the attack of training, and so of nothing where training has none
    """

    variable: str
    level: str
    threshold: float
    long_name: str
    happened: str
    of_attack: bool = False

    def missing_for(self, params: Params) -> str:
        """Why runs with these parameters have no such time, in words; empty if they may have one."""
        return "nothing is attacked in training" if self.of_attack and not params.trains_attacked else ""

    @property
    def per_sample(self) -> bool:
        """Whether every training sample has a time of its own."""
        return "{which}" in self.happened

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Dimensions in the dataset of a run."""
        return ("sample",) if self.per_sample else ()


HITTING_TIMES: dict[str, HittingTime] = {
    "grown": HittingTime(
        "signal_growth_time",
        "clean signal margin",
        SIGNAL_GROWN,
        f"first step at which alpha^q U >= {SIGNAL_GROWN:g}",
        "signal grown",
    ),
    "escaped": HittingTime(
        "escape_time",
        "weakest signal margin",
        ESCAPED,
        f"first step at which the attacked signal margin >= {ESCAPED}",
        "attacked signal escaped",
        of_attack=True,
    ),
    "memorised": HittingTime(
        "memorization_time",
        "memorisation",
        MEMORISED,
        f"first step at which V_i >= {MEMORISED}",
        "{which} memorised",
    ),
}
"""By the name of the event, as in `Crossings`, checkpoints and stop rules."""


def hitting_time(variable: str) -> str:
    """The event whose time a variable holds.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {entry.variable: event for event, entry in HITTING_TIMES.items()}[variable]
