"""The loss landscape: how steep and how high the loss gets within radius r, around training and around test points."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style
from cgrosim.figures.style import number
from cgrosim.files.words import last_part

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

COLOURS = {"train": style.BLUE, "test": style.VERMILION}
DASHES = ("-", "--")  # training radius, outer radius
QUANTITIES = {"gradient_norm": "max gradient norm\nwithin r", "value_change": "max loss change\nwithin r (nat)"}
LETTERS = 165  # of a line above the figure


def landscape_figure(curves: xarray.Dataset, notes: Mapping[tuple[str, str], str] | None = None) -> Figure:
    """Draw both quantities against the radius for every training, and over the epochs for the last one.

    Parameters
    ----------
    curves : means over points with intervals, as `cgrosim.images.experiments.landscape_statistics.curves` gives them;
        drawn against the radius after the last epoch that was measured
    notes : text of a panel by (quantity, training), for example its contrast between training and test points
    """
    names = [str(name) for name in curves["training"].values]
    with style.styled():
        figure = style.new_figure(5.2 * (len(names) + 1) + 0.8, 9.4)
        figure.suptitle("\n".join(heading_of(curves)), fontsize=style.FONT - 2, x=0.01, ha="left")
        panels = figure.subplots(2, len(names) + 1, squeeze=False)
        for row, (quantity, label) in enumerate(QUANTITIES.items()):
            for axes, name in zip(panels[row], names, strict=False):
                _against_radius(axes, curves, quantity, name)
            top = max(axes.get_ylim()[1] for axes in panels[row, :-1])
            for axes, name in zip(panels[row], names, strict=False):
                axes.set_ylim(top=1.02 * top)  # one scale for all trainings
                write_note(axes, (notes or {}).get((quantity, name), ""))
            _over_time(panels[row, -1], curves, quantity, names[-1])
            panels[row, 0].set_ylabel(with_norm(label, curves))
        handles, labels = max(
            (axes.get_legend_handles_labels() for axes in panels[0, :-1]), key=lambda found: len(found[1])
        )
        figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))  # where no curve can run
        panels[1, -1].legend(loc="upper left", handlelength=3.2)
    return figure


def heading_of(curves: xarray.Dataset, trainings: Sequence[str] | None = None) -> list[str]:
    """Lines above the figure: data, points, attacks of all trainings or of those named, and the search."""
    about = curves.attrs
    points = f"mean over {about['points']} training and {about['points']} test points, band: 95 % bootstrap interval"
    lines = [f"{last_part(about['dataset'])}, {about['architecture']}, seed {about['seed']}; {points}"]
    attacks = json.loads(about["attacks"])
    lines += [f"{name}: {attacks[name]}" for name in (trainings or attacks)]
    lines += [f"largest values found, lower bounds of the maxima: {about['search']}"]
    return [short for line in lines for short in textwrap.wrap(line, LETTERS)]


def with_norm(label: str, curves: xarray.Dataset) -> str:
    """The label of a quantity, with the norm of the gradient."""
    if not label.startswith("max gradient"):
        return label
    symbol = {"linf": r"$\|\nabla_x L\|_1$", "l2": r"$\|\nabla_x L\|_2$"}[curves.attrs["norm"]]
    return f"{label}, {symbol} (nat per unit)"


def _against_radius(axes: Axes, curves: xarray.Dataset, quantity: str, name: str) -> None:
    """Training and test points after the last epoch measured, the training radius marked."""
    radii = curves["radius"].values
    epoch = _last_epoch(curves, quantity, name)
    if quantity == "gradient_norm":
        axes.set_title(f"{name} training".capitalize() + (", not measured" if epoch is None else f", epoch {epoch}"))
    if epoch is not None:
        for part, colour in COLOURS.items():
            mean, low, high = _of(curves, quantity, training=name, epoch=epoch, points_of=part)
            axes.plot(radii, mean, "o-" if part == "train" else "s-", color=colour, ms=5, label=f"{part} points")
            axes.fill_between(radii, low, high, color=colour, alpha=0.22, lw=0)
    axes.set_xlim(0.0, radii[-1] * 1.02)
    axes.set_ylim(bottom=0.0)
    _mark(axes, curves)
    if quantity == "value_change":
        norm = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$"}[curves.attrs["norm"]]
        axes.set_xlabel(f"radius r ({norm}, pixels in [0, 1])")


def write_note(axes: Axes, note: str) -> None:
    """Text above a panel, where it covers no line, and the title above it."""
    if note:
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "linespacing": 1.25}
        axes.annotate(note, (0.0, 1.0), xytext=(0, 4), va="bottom", fontsize=style.FONT - 2, **place)
        axes.set_title(axes.get_title("left"), pad=10.0 + 1.5 * (style.FONT - 2) * (1 + note.count("\n")))


def _mark(axes: Axes, curves: xarray.Dataset) -> None:
    """Vertical lines at the training radius and, thinner, at the outer one."""
    inner, outer = curves.attrs["training_radius"], curves.attrs["outer_radius"]
    axes.axvspan(0.0, inner, color=style.GREY, alpha=0.08, lw=0)
    axes.axvline(inner, color=style.BLACK, lw=1.6, label=f"training radius {number(inner)}")
    axes.axvline(outer, color=style.GREY, lw=1.0, ls=":")


def _over_time(axes: Axes, curves: xarray.Dataset, quantity: str, name: str) -> None:
    """The two marked radii over the epochs of one training."""
    from matplotlib.ticker import MaxNLocator

    inner, outer = curves.attrs["training_radius"], curves.attrs["outer_radius"]
    epochs = curves["epoch"].values
    for radius, dash, what in zip((inner, outer), DASHES, ("training radius", "outer radius"), strict=True):
        for part, colour in COLOURS.items():
            place = int(np.argmin(np.abs(curves["radius"].values - radius)))
            values = [each[:, place] for each in _of(curves, quantity, training=name, points_of=part)]
            marker = "o" if part == "train" else "s"
            label = f"{part}, r = {number(radius)} ({what})"
            axes.plot(epochs, values[0], ls=dash, color=colour, label=label, marker=marker, ms=5)
            axes.fill_between(epochs, values[1], values[2], color=colour, alpha=0.18, lw=0)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("max gradient norm (nat per unit)" if quantity == "gradient_norm" else "max loss change (nat)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if quantity == "gradient_norm":
        axes.set_title(f"{name} training over time".capitalize())
    else:
        axes.set_xlabel("epoch")
        axes.set_ylim(top=1.45 * axes.get_ylim()[1])  # room for the legend


def _of(curves: xarray.Dataset, quantity: str, **where: Any) -> Sequence[Array]:
    """Mean, low and high end of its interval."""
    chosen = curves.sel(**where)
    return [chosen[quantity + end].values for end in ("", "_low", "_high")]


def _last_epoch(curves: xarray.Dataset, quantity: str, name: str) -> int | None:
    chosen = curves[quantity].sel(training=name).transpose("epoch", ...).values
    epochs = curves["epoch"].values[np.isfinite(chosen).all(axis=(1, 2))]
    return int(epochs[-1]) if len(epochs) else None
