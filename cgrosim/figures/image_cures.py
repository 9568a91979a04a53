"""Accuracies on real images by weight decay and batch size, last and selected epoch, beside published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cgrosim.figures import style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Accuracy(NamedTuple):
    """Shares of images that are right."""

    clean_train: float
    robust_train: float
    clean_test: float
    robust_test: float


CURVES = (
    ("robust_train", "robust, training images", style.VERMILION, "s"),
    ("robust_test", "robust, test images", style.BLUE, "o"),
    ("clean_test", "clean, test images", style.GREEN, "^"),
)


def image_cures_figure(
    measured: Mapping[str, Sequence[Accuracy]],
    published: Mapping[str, tuple[float, float, float]],
    heading: Sequence[str] = (),
) -> Figure:
    """Left what was measured, a column a training; right published accuracies (robust train, robust test, clean test).

    Filled marks: last epoch; open ones: the epoch selected on validation images.
    """
    with style.styled():
        figure = style.new_figure(15.0, 7.0)
        left, right = figure.subplots(1, 2, width_ratios=(2.2, 1.0), sharey=True)
        names = list(measured)
        for key, name, colour, marker in CURVES:
            for number, places in enumerate(_groups(names)):
                _curve(
                    left, [measured[names[k]] for k in places], places, key, name if number == 0 else "", colour, marker
                )
        _columns(left, names, "Measured")
        for number, (_, _, colour, marker) in enumerate(CURVES):
            shares = [row[number] for row in published.values()]
            right.plot(range(len(shares)), shares, color=colour, marker=marker, ms=9)
        _columns(right, [f"weight decay {rho}" for rho in published], "Published: CIFAR-10, 8/255")
        left.set_ylabel("accuracy")
        left.set_ylim(0.0, 1.03)
        figure.legend(loc="outside lower center", ncols=3)
        if heading:
            figure.suptitle("\n".join(heading), x=0.01, ha="left", fontsize=style.FONT - 1)
    return figure


def _groups(names: Sequence[str]) -> list[list[int]]:
    """Places of the trainings that differ in the same setting: only those are joined by a line."""
    kinds = [name.rpartition(" ")[0] for name in names]
    return [[k for k, kind in enumerate(kinds) if kind == each] for each in dict.fromkeys(kinds)]


def _curve(
    axes: Axes, rows: Sequence[Sequence[Accuracy]], places: Sequence[int], key: str, name: str, colour: str, marker: str
) -> None:
    """One accuracy of some trainings: at the last epoch, and where it was stopped early."""
    last = [getattr(row[0], key) for row in rows]
    axes.plot(places, last, color=colour, marker=marker, ms=9, label=f"{name}, last epoch" if name else None)
    early = [(k, getattr(row[1], key)) for k, row in zip(places, rows, strict=True) if len(row) > 1]
    if early:
        look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 11, "mfc": "none", "ls": ":"}
        axes.plot(*zip(*early, strict=True), **look, label="the same, stopped early" if name else None)


def _columns(axes: Axes, names: Sequence[str], title: str) -> None:
    axes.set_xticks(
        range(len(names)),
        [name.replace("weight decay ", "weight decay\n").replace("batches of ", "batches of\n") for name in names],
    )
    axes.set_xlim(-0.4, len(names) - 0.6)
    axes.set_title(title)
