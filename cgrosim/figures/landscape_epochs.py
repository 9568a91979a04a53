"""The loss landscape by epoch: against the radius after several epochs, and flatness and robust gap over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.figures import style
from cgrosim.figures.landscape import COLOURS, QUANTITIES, heading_of, with_norm, write_note
from cgrosim.figures.style import number

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = ("train", "test")
DARKEST, LIGHTEST = 0.0, 0.88  # of the colours: the last epoch and the first; beyond it yellow is too pale for a line


def landscape_epochs_figure(
    courses: xarray.Dataset, training: str, notes: Mapping[tuple[str, str], str] | None = None
) -> Figure:
    """Draw one training: both quantities around training and around test points, a curve an epoch, and their course.

    Parameters
    ----------
    courses : as `cgrosim.images.experiments.landscape_courses.courses` gives them
    notes : text of a panel by (quantity, ``train`` or ``test``), for example how it changes over the epochs
    """
    chosen = courses.sel(training=training)
    epochs = [int(each) for each in chosen["epoch"].values if np.isfinite(_mean(chosen, "value_change", each)).all()]
    with style.styled():
        figure = style.new_figure(16.4, 9.4)
        lines = [f"{training} training by epoch".capitalize(), *heading_of(courses, [training])]
        figure.suptitle("\n".join(lines), fontsize=style.FONT - 2, x=0.01, ha="left")
        panels = figure.subplots(2, 3)
        for row, (quantity, label) in enumerate(QUANTITIES.items()):
            for column, part in enumerate(PARTS):
                _by_epoch(panels[row, column], chosen, quantity, part, epochs)
            top = max(axes.get_ylim()[1] for axes in panels[row, :2])
            for part, axes in zip(PARTS, panels[row, :2], strict=True):
                axes.set_ylim(0.0, 1.02 * top)  # one scale for both
                if row == 0:
                    axes.set_title(f"Around {part} points")
                write_note(axes, (notes or {}).get((quantity, part), ""))
            panels[row, 0].set_ylabel(with_norm(label, courses))
        _flatness(panels[0, 2], chosen, epochs)
        _gap(panels[1, 2], chosen, epochs)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=min(len(labels), 9))
    return figure


def _mean(chosen: xarray.Dataset, quantity: str, epoch: Any) -> Any:
    return chosen[quantity].sel(epoch=epoch).values


def _colours(count: int) -> Sequence[Any]:
    from matplotlib import colormaps

    return [colormaps["viridis"](each) for each in np.linspace(LIGHTEST, DARKEST, count)]


def _by_epoch(axes: Axes, chosen: xarray.Dataset, quantity: str, part: str, epochs: Sequence[int]) -> None:
    """One curve an epoch against the radius, from light to dark; the band of the last one."""
    radii = chosen["radius"].values
    for epoch, colour in zip(epochs, _colours(len(epochs)), strict=True):
        at = chosen.sel(epoch=epoch, points_of=part)
        axes.plot(radii, at[quantity].values, color=colour, label=f"epoch {epoch}")
        axes.fill_between(radii, at[quantity + "_low"].values, at[quantity + "_high"].values, color=colour, alpha=0.12,
                          lw=0)  # fmt: skip
    inner = chosen.attrs["training_radius"]
    axes.axvspan(0.0, inner, color=style.GREY, alpha=0.08, lw=0)
    axes.axvline(inner, color=style.BLACK, lw=1.6, ls=":", label=f"training radius {number(inner)}")
    axes.set_xlim(0.0, radii[-1] * 1.02)
    if quantity == "value_change":
        norm = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$"}[chosen.attrs["norm"]]
        axes.set_xlabel(f"radius r ({norm}, pixels in [0, 1])")


def _flatness(axes: Axes, chosen: xarray.Dataset, epochs: Sequence[int]) -> None:
    """Gradient norm at the points (local) and the largest within the training radius (global) over the epochs."""
    from matplotlib.ticker import MaxNLocator

    for what, radius, dash in (("global", chosen.attrs["training_radius"], "-"), ("local", 0.0, "--")):
        at = chosen["gradient_norm"].sel(epoch=list(epochs)).sel(radius=radius, method="nearest")
        for part, colour in COLOURS.items():
            marker = "o" if part == "train" else "s"
            axes.plot(epochs, at.sel(points_of=part).values, dash, marker=marker, ms=5, color=colour,
                      label=f"{what}, {part}")  # fmt: skip
    axes.set(xlabel="epoch", ylabel="gradient norm (nat per unit)", title="Flatness over training", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.log_ticks(axes.yaxis)
    axes.legend(loc="best", handlelength=3.0)


def _gap(axes: Axes, chosen: xarray.Dataset, epochs: Sequence[int]) -> None:
    """The robust gap against global flatness, one dot an epoch, the first and the last named."""
    at = chosen["gradient_norm"].sel(epoch=list(epochs)).sel(radius=chosen.attrs["training_radius"], method="nearest")
    gaps = 100.0 * chosen["robust_gap"].sel(epoch=list(epochs)).values
    for part, colour in COLOURS.items():
        axes.plot(at.sel(points_of=part).values, gaps, "o-" if part == "train" else "s-", ms=5, lw=1.0, color=colour,
                  label=f"{part} points")  # fmt: skip
        for place in {0, len(epochs) - 1} if epochs and part == "test" else ():
            axes.annotate(f"epoch {epochs[place]}", (at.sel(points_of=part).values[place], gaps[place]), xytext=(5, 5),
                          textcoords="offset points", fontsize=style.FONT - 3)  # fmt: skip
    axes.set(xlabel="global flatness (nat per unit)", ylabel="robust train - test accuracy\n(points)", xscale="log",
             title="Robust gap against flatness")  # fmt: skip
    style.log_ticks(axes.xaxis)
    axes.legend(loc="best")
