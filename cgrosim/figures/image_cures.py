"""Accuracies on real images by weight decay and batch size, last and selected epoch, beside published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
    figure = style.new_figure(14.0, 6.5)
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1.0), sharey=True)
    names = list(measured)
    for key, name, colour, marker in CURVES:
        last = [getattr(rows[0], key) for rows in measured.values()]
        left.plot(range(len(names)), last, color=colour, marker=marker, ms=9, label=f"{name}, last epoch")
        early = [(k, getattr(rows[1], key)) for k, rows in enumerate(measured.values()) if len(rows) > 1]
        if early:
            places, values = zip(*early, strict=True)
            left.plot(
                places, values, color=colour, marker=marker, ms=11, mfc="none", ls=":", label="the same, stopped early"
            )
    _columns(left, names, "this run")
    for number, (_, _, colour, marker) in enumerate(CURVES):
        right.plot(
            range(len(published)), [row[number] for row in published.values()], color=colour, marker=marker, ms=9
        )
    _columns(right, [f"weight decay {rho}" for rho in published], "published logs:\nCIFAR-10, 8/255, last epoch")
    left.set_ylabel("accuracy")
    left.set_ylim(0.0, 1.03)
    figure.legend(loc="outside lower center", ncols=3)
    if heading:
        figure.suptitle("\n".join(heading), x=0.01, ha="left", fontsize=style.FONT - 3)
    return figure


def _columns(axes: Axes, names: Sequence[str], title: str) -> None:
    axes.set_xticks(
        range(len(names)),
        [name.replace("weight decay ", "weight decay\n").replace("batches of ", "batches of\n") for name in names],
    )
    axes.set_xlim(-0.4, len(names) - 0.6)
    axes.set_title(title)
