"""Is the robust generalization gap of image networks larger where the loss around fresh images is sharper?

LeNets of several widths, trained adversarially on digits at several radii and read after several epochs, several draws
of the data. Flatness is the largest gradient norm of the loss found within the training radius, averaged over images.
Look for: the gap rises with the flatness around fresh images (left); around training images it does not (middle, the
same networks), because they become flat while fresh ones stay sharp (right). Rank correlations with 95 % intervals over
the draws. A minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim.claims.checks import mean_interval
from cgrosim.claims.flatness_runs import order_by, slices
from cgrosim.claims.image_flatness import ImageMoment, Sizes, image_moments, settings_of
from cgrosim.figures import style

DRAWS = 8
TOY = Sizes(images=30, test=20, widths=(1, 2), radii=(0.05, 0.1), epochs=(1, 3), steps=2)
MARKS = dict(zip(("o", "s", "^"), (style.SKY, style.GREEN, style.PURPLE), strict=True))
TEXTS = {"test_flatness": "fresh images", "train_flatness": "training images"}
UNIT = "nat per unit of pixels"


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every network, draw flatness against the gap, and write the correlations."""
    run = start(__file__, __doc__, argv)
    seeds, sizes = run.seeds(run.choose(DRAWS, 2)), run.choose(Sizes(), TOY)
    draws = [image_moments(seed, sizes) for seed in run.track(seeds, "draws")]
    found = {text: mean_interval([order_by(each, name) for each in draws], 0.05) for name, text in TEXTS.items()}
    names = ("epoch", "radius", "width")
    for name in names:
        values = [float(np.nanmean(slices(each, name, names))) for each in draws]
        found[f"fresh images, {name} alone"] = mean_interval(values, 0.05)
    found = {text: (mean, max(low, -1.0), min(high, 1.0)) for text, (mean, low, high) in found.items()}
    moments = [moment for each in draws for moment in each]
    with run.figure(16.0, 5.6) as figure:
        axes = figure.subplots(1, 3)
        for one, (name, text) in zip(axes, TEXTS.items(), strict=False):
            _draw_order(one, moments, name, text, found[text])
        _draw_time(axes[2], moments, sizes.widths[-1], sizes.radii[-1])
    params = {
        f"x{width}, radius {radius}": settings_of(seeds[0], sizes, width, radius)
        for width in sizes.widths
        for radius in sizes.radii
    }
    return run.write_described(
        {label: each.dump() for label, each in params.items()},
        {label: each.attack_description for label, each in params.items()},
        seeds,
        {"networks": len(moments), "rank_correlation_with_95_percent_interval": found, "epochs": sizes.epochs},
    )


def _draw_order(axes: Any, moments: list[ImageMoment], name: str, text: str, found: tuple[float, float, float]) -> None:
    widths = sorted({moment.width for moment in moments})
    for width, (mark, colour) in zip(widths, MARKS.items(), strict=False):
        chosen = [moment for moment in moments if moment.width == width]
        axes.plot([getattr(each, name) for each in chosen], [each.robust_gap for each in chosen], mark, ms=3.5,
                  color=colour, alpha=0.6, label=f"LeNet x{width}")  # fmt: skip
    axes.set(xscale="log", xlabel=f"global flatness, {text} ({UNIT})", ylabel="robust generalization gap (loss, nat)",
             title=f"Rank correlation {found[0]:.2f} [{found[1]:.2f}, {found[2]:.2f}]")  # fmt: skip
    axes.legend(loc="upper left", markerscale=2)


def _draw_time(axes: Any, moments: list[ImageMoment], width: int, radius: float) -> None:
    chosen = [moment for moment in moments if (moment.width, moment.radius) == (width, radius)]
    epochs = sorted({moment.epoch for moment in chosen})
    for (name, text), mark, colour in zip(TEXTS.items(), ("o", "s"), (style.VERMILION, style.BLUE), strict=True):
        means = [np.mean([getattr(each, name) for each in chosen if each.epoch == epoch]) for epoch in epochs]
        axes.plot(epochs, means, marker=mark, color=colour, label=f"global flatness, {text}")
    axes.set(xlabel="epoch", ylabel=f"mean over draws ({UNIT})", title=f"LeNet x{width}, radius {radius:g}")
    axes.set_ylim(0.0, 1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper left")


if __name__ == "__main__":
    run_script(main)
