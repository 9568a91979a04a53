"""The table of hitting times: when something first happens in a run, to the step.

A new one is an entry here, at a level the kernels watch (`cgrosim.kernels.levels`); what is watched anew is an entry
there. Engines, files, datasets and stop rules follow the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from cgrosim.model.thresholds import ESCAPED, MEMORISED, SIGNAL_GROWN


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
    """

    variable: str
    level: str
    threshold: float
    long_name: str
    happened: str

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
