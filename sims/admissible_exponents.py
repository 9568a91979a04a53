"""Where do the paper's exponents come from: alpha = d^0.249 and sigma_p = d^-0.509?

What the three stages need of one another, as inequalities between exponents of d (`cgrosim.theory.admissible`; that of
the clean test error holds in all panels). Left: signal against noise for a few samples; middle: for as many as stay
apart, d^(1/2); right: signal against samples. Look for: the paper's point (star) is at no edge for a few samples; the
more samples, the lower the edge beyond which the attacked signal escapes before they are memorised; where they number
sqrt(d) and noise patches have norm 1 it is at a = 1/4. The paper's point stands beside that corner. Ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params
from cgrosim.figures import style
from cgrosim.theory.admissible import slacks

SIGNAL, NOISE, SAMPLES = np.linspace(-0.1, 0.6, 281), np.linspace(-0.8, -0.3, 101), np.linspace(0.0, 0.7, 141)
PAPER = {"signal_exponent": 0.249, "noise_exponent": -0.509, "samples_exponent": 0.0}
CORNER = {"signal_exponent": 0.25, "noise_exponent": -0.5, "samples_exponent": 0.5}
LINES = {
    "small_signal": ("signal starts small", style.BLUE, "-"),
    "signal_first": ("signal grows first", style.GREEN, "--"),
    "memorised_before_escape": ("memorised before escape", style.VERMILION, "-"),
    "samples_apart": ("samples apart", style.PURPLE, ":"),
}
NOISE_LABEL, SAMPLES_LABEL = r"noise: p of $\sigma_p = d^p$", "samples: n of $N = d^n$"
PANELS = (("a few samples, n = 0", "noise_exponent", NOISE, NOISE_LABEL, {"samples_exponent": 0.0}),
          ("as many as stay apart, n = 1/2", "noise_exponent", NOISE, NOISE_LABEL, {"samples_exponent": 0.499}),
          ("noise patches of norm 1, p = -1/2", "samples_exponent", SAMPLES, SAMPLES_LABEL, {"noise_exponent": -0.5}),
          )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Draw the three regions and write the slack of every inequality at the paper's exponents and at the corner."""
    experiment = start(__file__, __doc__, argv)
    thin = experiment.choose(1, 20)
    with experiment.figure(16.5, 6.0) as figure:
        for axes, (title, name, values, label, fixed) in zip(figure.subplots(1, 3), PANELS, strict=True):
            _draw(axes, name, values[::thin], SIGNAL[::thin], fixed)
            axes.plot(PAPER[name], PAPER["signal_exponent"], "*", ms=20, color=style.BLACK)
            axes.set(
                title=title, xlim=(values[0] - 0.02, values[-1]), xlabel=label, ylabel=r"signal: a of $\alpha = d^a$"
            )
        for text, color, dash in LINES.values():
            axes.plot([], [], color=color, ls=dash, lw=3, label=text)
        axes.plot([], [], "*", ms=20, color=style.BLACK, label="the paper's")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=style.FONT)
    numbers = {"paper": slacks(**PAPER)._asdict(), "corner": slacks(**CORNER)._asdict(), "edge_of_signal": _edges()}
    return experiment.write({"the paper's, d = 1000": Params.from_paper(1000)}, [experiment.seed], numbers)


def _edges() -> dict[str, float]:
    """The largest signal exponent under which every sample is memorised before escape, by n and p."""
    slack = {(n, p): slacks(signal_exponent=0.0, noise_exponent=p, samples_exponent=n).memorised_before_escape
             for p in (-0.5, -0.509) for n in (0.0, 0.25, 0.5)}  # fmt: skip
    return {f"n = {n:g}, p = {p:g}": 0.5 * value for (n, p), value in slack.items()}  # the slack falls by 2 a


def _draw(axes: Any, name: str, values: np.ndarray, signal: np.ndarray, fixed: dict[str, float]) -> None:
    """The region in which all inequalities hold, and the edge of each."""
    found = [[slacks(signal_exponent=a, **{name: x}, **fixed) for x in values] for a in signal]
    whole = np.array([[[getattr(each, line) for line in LINES] for each in row] for row in found])
    axes.contourf(values, signal, whole.min(axis=-1), levels=[0.0, 9.0], colors=[style.BLUE], alpha=0.2)
    for place, (_, color, dash) in enumerate(LINES.values()):
        if whole[..., place].min() < 0.0 < whole[..., place].max():
            axes.contour(values, signal, whole[..., place], levels=[0.0], colors=[color], linestyles=dash, linewidths=3)


if __name__ == "__main__":
    run_script(main)
