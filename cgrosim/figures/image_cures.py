"""Accuracies on real images by weight decay, smoothing and batch size, last and selected epoch; published ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Accuracy(NamedTuple):
    """Shares of images that are right, or their standard errors."""

    clean_train: float
    robust_train: float
    clean_test: float
    robust_test: float


class Column(NamedTuple):
    """One training: its kind and value, accuracies at the last epoch and where it was stopped early, their errors."""

    kind: str
    value: str
    shares: tuple[Accuracy, ...]
    errors: tuple[Accuracy, ...] = ()


CURVES = (
    ("robust_train", "robust, training images", style.DARK_VERMILION, "s"),
    ("robust_test", "robust, test images", style.VERMILION, "o"),
    ("clean_test", "clean, test images", style.BLUE, "^"),
)
CAPTION = "filled: last epoch; open: stopped early, at the epoch that validation images select"
STAR = "; *: without trainings that ended in a constant prediction"


def image_cures_figure(
    measured: Mapping[str, Sequence[Column]],
    published: Mapping[str, tuple[float, float, float]],
    heading: Sequence[str] = (),
) -> Figure:
    """A panel for every title in `measured`, and one of published accuracies (robust train, robust test, clean test).

    Bars: standard errors over seeds, where there are several. A value that ends in a star has trainings left out.
    """
    with style.styled():
        rows = math.ceil((len(measured) + 1) / 2)
        figure = style.new_figure(15.0, 2.0 + 5.0 * rows)
        ratios = (2.2, 1.0) if rows == 1 else (1.0, 1.0)
        places = figure.subplots(rows, 2, width_ratios=ratios, sharey=True, squeeze=False)
        for axes, (title, columns) in zip(places.flat, measured.items(), strict=False):
            _panel(axes, title, columns, first=axes is places[0, 0])
        last = places.flat[len(measured)]
        for number, (_, _, colour, marker) in enumerate(CURVES):
            shares = [row[number] for row in published.values()]
            last.plot(range(len(shares)), shares, color=colour, marker=marker, ms=9)
        _ticks(last, [Column("weight decay", rho, ()) for rho in published], "Published: CIFAR-10, 8/255")
        for axes in places.flat[len(measured) + 1 :]:
            axes.set_visible(False)
        for axes in places[:, 0]:
            axes.set_ylabel("accuracy")
        places[0, 0].set_ylim(0.0, 1.03)
        stars = any(column.value.endswith("*") for columns in measured.values() for column in columns)
        figure.legend(loc="outside lower center", ncols=3, title=CAPTION + (STAR if stars else ""))
        if heading:
            figure.suptitle("\n".join(heading), x=0.01, ha="left", fontsize=style.FONT - 1)
    return figure


def _panel(axes: Axes, title: str, columns: Sequence[Column], first: bool) -> None:
    """Only trainings of one kind, which differ in the same setting, are joined by a line."""
    for key, name, colour, marker in CURVES:
        for number, places in enumerate(_groups(columns).values()):
            label = name if first and number == 0 else None
            for early in (False, True):
                found = [k for k in places if len(columns[k].shares) > early]
                heights = [getattr(columns[k].shares[early], key) for k in found]
                known = any(columns[k].errors for k in found)  # of one seed there is none, and none is drawn
                errors = [getattr(columns[k].errors[early], key) if columns[k].errors else 0.0 for k in found]
                look: dict[str, Any] = {"mfc": "none", "ls": ":", "ms": 11} if early else {"ms": 9, "label": label}
                if found:
                    axes.errorbar(
                        found, heights, errors if known else None, color=colour, marker=marker, capsize=3, **look
                    )
    _ticks(axes, columns, title)


def _groups(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Places of the trainings of every kind."""
    kinds = [column.kind for column in columns]
    return {kind: [k for k, each in enumerate(kinds) if each == kind] for kind in dict.fromkeys(kinds)}


def _ticks(axes: Axes, columns: Sequence[Column], title: str) -> None:
    """The values, and below them the name of each kind."""
    axes.set_xticks(range(len(columns)), [column.value for column in columns])
    groups = _groups(columns)
    middles = [sum(places) / len(places) for places in groups.values()]
    # a hair beside the major tick, where there is one: matplotlib drops a minor tick on top of it
    axes.set_xticks([middle + 1e-3 for middle in middles], ["\n" + kind for kind in groups], minor=True)
    axes.tick_params(axis="x", which="minor", length=0)
    for places in list(groups.values())[1:]:
        axes.axvline(places[0] - 0.5, color=style.GREY, lw=1.0)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_title(title)
