"""What stands above a figure: the parameters of the run, and what a reader must know about it."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from cgrosim.figures.style import number
from cgrosim.model.activations import activation

if TYPE_CHECKING:
    from cgrosim.model.params import Params
    from cgrosim.run.results import Run

LETTERS = 105  # of a line that fits the width of a figure
NO_BREAK = "\N{WORD JOINER}"  # no space to textwrap, and in none of the texts


def wrapped(text: str, letters: int = LETTERS) -> list[str]:
    """Lines of at most so many letters, never broken inside a formula: half of one would be drawn as its source."""
    whole = re.sub(r"\$[^$]*\$", lambda found: found[0].replace(" ", NO_BREAK), text)
    return [line.replace(NO_BREAK, " ") for line in textwrap.wrap(whole, letters, break_long_words=False)]


def parameter_line(params: Params, *, weight: bool = True) -> str:
    """The parameters in the paper's symbols; the adversarial weight only where it is the same for the whole figure."""
    q = f", q = {params.power:g}" if activation(params.activation).has_power else ""
    lam = f"λ = {params.adversarial_weight:g}, " if weight else ""
    return (
        f"d = {number(params.dimension)}, N = {params.samples}, P = {params.patches}, m = {params.neurons}, "
        f"{params.activation}{q}, {lam}α = {number(params.signal_strength)}, "
        f"$\\sigma_p$ = {number(params.noise_std)}, $\\sigma_0$ = {number(params.init_std)}, seed {params.seed}"
    )


def warnings_of(run: Run) -> list[str]:
    """Lines that say how the run ended if not as planned, and what its message says beyond the choice of horizon."""
    told = [part for part in run.message.replace(". ", ".\n").splitlines() if not part.startswith("Horizon")]
    ended = [] if run.status == "finished" else [run.status.upper()]
    return [*ended, *wrapped(" ".join(told))]
