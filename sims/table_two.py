"""Which attack gives the paper's synthetic accuracies: clean train/test 100/98.5, robust train/test 100/17.5?

The paper does not state the parameters. signal_span with radius below alpha cannot: it leaves a positive signal and the
noise S is symmetric, so robust test accuracy is 50 % or more. Left: fixed_direction beyond alpha turns the
signal round; P(S > a) = 1.5 % and P(S > k^q a) = 17.5 % with k = radius / alpha - 1 ask for k = 0.43 if one neuron
makes S (any q) and k = 0.76 if S is Gaussian: grey. Right: each training under the attack it saw. Look for:
fixed_direction at 1.65 alpha meets all four numbers, slightly above alpha is not enough; l2_pgd over all patches (one
seed, alpha 1/2, tested with 50 steps, 4 restarts) meets three of them below alpha, by turning fresh noise: clean test
stays 100. Dimension 170 and the radii 1.65 and 0.89 were chosen to match: this says what can make the row, not what
did. Two minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start
from scipy.stats import norm

from cgrosim import Params, Run, simulate
from cgrosim.figures import style
from cgrosim.model.patches import draw_patch_data
from cgrosim.model.sampling import draw_explicit
from cgrosim.model.streams import RunStream, stream
from cgrosim.model.threats import Model, attack

PAPER = np.array([100.0, 98.5, 100.0, 17.5])
KINDS = ("clean train", "clean test", "robust train", "robust test")
DIMENSION, SEEDS, POWER = 170, 6, 3.0
COMMON = {"dimension": DIMENSION, "samples": 20, "patches": 2, "neurons": 16, "noise_std": DIMENSION**-0.509,
          "power": POWER, "init_std": 0.2, "learning_rate": 0.1, "sampling": "explicit", "records": 2}  # fmt: skip
RADII = (1.0, 1.05, 1.15, 1.3, 1.43, 1.55, 1.65, 1.7, 1.76, 1.85, 2.0)  # in units of alpha
STEPS, PGD_STEPS, PGD_SEEDS, FRESH = 30_000, 5_000, 1, 4000
PGD = {
    "signal_strength": 0.5,
    "learning_rate": 0.3,
    "threat": "l2_pgd",
    "engine": "direct",
    "record": ("weights",),
    "test_samples": 0,
}
PGD_RADII = (0.8, 0.89, 1.1)  # of alpha, too
STRONG = {"attack_steps": 50, "attack_restarts": 4}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train against each attack, read the four accuracies, and set them beside the paper's."""
    experiment = start(__file__, __doc__, argv)
    seeds = experiment.seeds(experiment.choose(SEEDS, 1))
    steps, fresh = experiment.choose(STEPS, 500), experiment.choose(FRESH, 200)
    base = Params(**COMMON, signal_strength=1.0, gap=0.01, steps=steps, test_samples=fresh, engine="reduced")
    fixed = {r: base.replace(threat="fixed_direction", gap=1.0 - r) for r in experiment.choose(RADII, RADII[::5])}
    curve = np.array(
        [[_accuracies(simulate(p.replace(seed=s))) for s in seeds] for p in experiment.track(fixed.values(), "radii")]
    )
    few, shorter = seeds[: experiment.choose(PGD_SEEDS, 1)], experiment.choose(PGD_STEPS, 30)
    others = {
        "signal_span 0.99": base,
        **{
            f"l2_pgd {r:g}": base.replace(**PGD, gap=1.0 - r, steps=shorter)
            for r in experiment.choose(PGD_RADII, PGD_RADII[:1])
        },
    }
    measured = {
        name: np.mean(
            [_accuracies(simulate(p.replace(seed=s)), fresh) for s in (seeds if p.signal_only else few)], axis=0
        )
        for name, p in ((name, others[name]) for name in experiment.track(others, "other attacks"))
    }
    mean = curve.mean(axis=1)
    best = int(np.argmin(np.max(np.abs(mean - PAPER), axis=1)))
    rows = {f"fixed_direction {r:g}": mean[i] for i, r in enumerate(fixed) if i in (min(1, best), best)} | measured
    ratio = float(norm.isf(0.175) / norm.isf(0.015))
    window = 1.0 + ratio, 1.0 + ratio ** (1.0 / POWER)
    with experiment.figure(15.5, 7.0) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
        _curves(left, np.array(list(fixed)), curve, window)
        _table(right, {"paper": PAPER} | dict(sorted(rows.items(), key=lambda row: np.max(np.abs(row[1] - PAPER)))))
    numbers = {
        "paper": dict(zip(KINDS, PAPER, strict=True)),
        "radius_window": window,
        "best_radius": list(fixed)[best],
        "radius_over_alpha": list(fixed),
        "fixed_direction": {kind: curve[:, :, k] for k, kind in enumerate(KINDS)},
        "rows": {name: dict(zip(KINDS, row, strict=True)) for name, row in rows.items()},
    }
    described = {f"fixed_direction {r:g}": p for r, p in fixed.items()} | others
    described |= {f"test: {name}": p.replace(**STRONG) for name, p in others.items() if not p.signal_only}
    return experiment.write(described, seeds, numbers)


def _accuracies(run: Run, fresh: int = 0) -> list[float]:
    """The four accuracies in per cent; a searched attack is repeated with more steps and restarts."""
    if run.params.signal_only:
        return [100.0 - 100.0 * run.final(f"{kind.replace(' ', '_')}_error") for kind in KINDS]
    p = run.params.replace(**STRONG)
    system = draw_explicit(p, with_gram=False)
    assert system.data is not None
    model, found = Model(p, run.final("weights"), system.second_layer), []
    test = draw_patch_data(p, stream(p.seed, RunStream.TEST), system.data.direction, samples=fresh)
    for data in (system.data, test):
        hard = attack(model, data.inputs(), data.labels, stream(p.seed, RunStream.ATTACK))
        found.append([100.0 * float(np.mean(model.margins(x, data.labels) > 0.0)) for x in (data.inputs(), hard)])
    return [found[0][0], found[1][0], found[0][1], found[1][1]]


def _curves(axes: Any, radii: np.ndarray, curve: np.ndarray, window: tuple[float, float]) -> None:
    axes.axvspan(*window, color="#E4E4E4", label="S one neuron to Gaussian")
    for k, colour, marker in ((1, style.BLUE, "s"), (3, style.VERMILION, "o")):
        axes.plot(radii, curve[:, :, k], marker, color=colour, ms=4, alpha=0.4)
        axes.plot(radii, curve[:, :, k].mean(axis=1), color=colour, lw=3, label=f"{KINDS[k]}, mean of the seeds")
        axes.axhline(PAPER[k], color=colour, ls="--", lw=1.5, label=f"paper, {KINDS[k]} {PAPER[k]:g}")
    axes.set(
        title="trained and tested with fixed_direction",
        xlabel=r"radius / $\alpha$",
        ylabel="accuracy (%)",
        ylim=(0, 104),
    )
    axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.66))


def _table(axes: Any, rows: dict[str, np.ndarray]) -> None:
    grid = np.array(list(rows.values()))
    axes.imshow(grid, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(grid):
        axes.text(j, i, f"{value:.1f}", ha="center", va="center", color="black" if value > 50 else "white")
    axes.axhline(0.5, color="white", lw=6)
    axes.set(xticks=range(4), yticks=range(len(rows)), title="accuracy (%), nearest to the paper first")
    axes.set_xticklabels([kind.replace(" ", "\n") for kind in KINDS])
    axes.set_yticklabels([name.replace(" ", "\n") + (r"$\,\alpha$" if " " in name else "") for name in rows])


if __name__ == "__main__":
    run_script(main)
