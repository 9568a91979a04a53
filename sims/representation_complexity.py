"""How many parameters do clean, memorising and robust classifiers need as the input dimension grows?

Lines: two parameters classify the hard distribution cleanly; a network with a ball around each of N = 100 samples is
robust on its training set; the excluded counts do not suffice for robustness (two layers, and the five layers of the
memorising network); a ball around each of the 2^(D-1) points does. Points: dense two-layer networks of growing width
trained on random tables until they are right on whole balls (with a proof), at the points (z, 0) that robustness
decides, or cleanly. Look for: the robust curves rise like 2^D and cross the memorising one near D = 22, the others
hardly rise. Two minutes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim.claims.ball_fits import needed_ball_widths
from cgrosim.claims.checks import slope_interval
from cgrosim.claims.table_fits import hard_inputs, needed_widths
from cgrosim.claims.two_layer_fits import Effort
from cgrosim.figures import style
from cgrosim.model.streams import stream
from cgrosim.theory.lower_bound import crossing_dimension, sizes, two_layer_parameters

SAMPLES, HINT = 100, 0.1  # the hint is also the radius of the balls
DIMENSIONS, TABLES = range(3, 9), 20
LARGEST, BALL_TABLES = 7, 10  # of the trainings on whole balls
EFFORT, BALL_EFFORT = Effort(restarts=8, steps=500), Effort(restarts=4, steps=800)
KINDS = {
    "robust": ("right on whole balls", style.BLACK, "D"),
    "centres": ("right at (z, 0)", style.DARK_VERMILION, "o"),
    "clean": ("clean fit", style.GREEN, "s"),
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Tabulate the counts, train the small networks, draw both, and write the table."""
    experiment = start(__file__, __doc__, argv)
    seed = experiment.seeds(1)[0]
    generator = stream(seed)
    trained, tables = experiment.choose(DIMENSIONS, range(3, 6)), experiment.choose(TABLES, 4)
    effort = experiment.choose(EFFORT, Effort(steps=100))
    rows = [sizes(dimension, SAMPLES) for dimension in range(3, 41)]
    widths: dict[str, list[np.ndarray]] = {"robust": [], "centres": [], "clean": []}
    for dimension in experiment.track(trained, "dimensions"):
        labels = generator.choice([-1.0, 1.0], (tables, 2 ** (dimension - 1)))
        for name, hint in (("centres", 0.0), ("clean", HINT)):
            found = needed_widths(hard_inputs(dimension, labels, hint), labels, generator, effort)
            widths[name].append(found)
        if dimension <= LARGEST:
            some, tried = labels[:BALL_TABLES], experiment.choose(BALL_EFFORT, effort)
            widths["robust"].append(needed_ball_widths(dimension, some, HINT, HINT, generator, tried))
    crossing = {"two layers": crossing_dimension(SAMPLES), "five layers": crossing_dimension(SAMPLES, deep=True)}
    with experiment.figure(11.0, 7.0) as figure:
        _draw(figure.subplots(), rows, np.array(trained), widths, crossing["two layers"])
    slopes = {}
    for name, found in widths.items():
        place = np.concatenate([np.full(len(w), float(d)) for d, w in zip(trained, found, strict=False)])
        values = np.log2(np.concatenate(found))
        slopes[name] = slope_interval(place, values, 0.05) if np.ptp(values) > 0 else (0.0, 0.0, 0.0)
    numbers = {
        "samples": SAMPLES,
        "counts": {str(row.dimension): row._asdict() for row in rows},
        "crossing_dimension": crossing,
        "trained_dimensions": list(trained),
        "needed_width": {name: [list(w) for w in found] for name, found in widths.items()},
        "slope_of_log2_width_with_95_percent_interval": slopes,
        "hint_and_radius": HINT,
        "effort": dataclasses.asdict(effort),
        "effort_on_balls": dataclasses.asdict(experiment.choose(BALL_EFFORT, effort)),
    }
    return experiment.write_described({}, {}, [seed], numbers)


def _draw(axes: Any, rows: list[Any], trained: np.ndarray, widths: dict[str, list[np.ndarray]], crossing: int) -> None:
    dimension = np.array([row.dimension for row in rows])
    lines = (
        ("robust", "robust: suffices\n(a ball for every point)", style.VERMILION, ":"),
        ("excluded_two_layer", "robust: does not suffice\n(two layers)", style.VERMILION, "-"),
        ("excluded_deep", "robust: does not suffice\n(five layers)", style.VERMILION, "--"),
        ("cgro", f"memorises {SAMPLES} balls:\nsuffices", style.BLUE, "-"),
        ("clean", "clean: suffices", style.GREEN, "-"),
    )
    labels = []
    for name, text, colour, dash in lines:
        count = np.array([float(getattr(row, name)) for row in rows])
        seen = (count > 0) & ((name != "cgro") | (2.0 ** (dimension - 1) >= SAMPLES))  # there must be that many points
        axes.plot(dimension[seen], count[seen], color=colour, ls=dash)
        labels.append(style.EndLabel(text, count[-1], colour))
    for name, (text, colour, mark) in KINDS.items():
        width = [w[np.isfinite(w)] for w in widths[name]]
        sizes_of = [
            [two_layer_parameters(int(d), round(k)) for k in (w.min(), 2.0 ** np.mean(np.log2(w)), w.max())]
            for d, w in zip(trained, width, strict=False)
        ]
        low, middle, high = np.array(sizes_of, dtype=np.float64).T
        axes.errorbar(trained[: len(low)], middle, [middle - low, high - middle], fmt=mark, color=colour, capsize=3,
                      label=f"trained until {text} (mean, range)")  # fmt: skip
    meeting = float(rows[crossing - rows[0].dimension].cgro)
    axes.plot([crossing, crossing], [1.0, meeting], color=style.GREY, lw=1.2, ls=":")
    axes.annotate(f"D = {crossing}", (crossing, 60.0), xytext=(4, 0), textcoords="offset points", color=style.GREY)
    axes.set(yscale="log", xlim=(2.5, 40), ylim=(1.0, 1e15), xlabel="input dimension D", ylabel="parameters")
    axes.set_title("Robustness costs exp(D), memorising its training balls costs N D")
    style.log_ticks(axes.yaxis)
    axes.legend(loc="upper left")
    axes.figure.set_layout_engine(None)  # labels beside the axes have places of their own
    axes.figure.subplots_adjust(left=0.09, right=0.76, bottom=0.1, top=0.93)
    style.label_ends(axes, labels, size=style.FONT - 1)


if __name__ == "__main__":
    run_script(main)
