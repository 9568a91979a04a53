"""The capacity figure draws the numbers it is given, and says where training collapsed and what was attacked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.text import Text

from cgrosim.figures import style
from cgrosim.figures.capacity import ASIDE, NOT_FITTED, CapacityPanel, capacity_figure, short
from cgrosim.images.experiments.capacity_statistics import WidthSummary

HEADING = ["mnist, 1000 training images, lenet", "Robust accuracy: linf PGD-20, radius 0.3, step 0.0375, random start"]


def summary(width: int, values: dict[str, list[float]], collapsed: list[bool]) -> WidthSummary:
    arrays = {name: np.array(value) for name, value in values.items()}
    several = len(collapsed) > 1
    return WidthSummary(
        width,
        5000 * width**2,
        arrays,
        {name: float(value.mean()) for name, value in arrays.items()},
        {name: float(value.std(ddof=1)) if several else math.nan for name, value in arrays.items()},
        np.array(collapsed),
    )


def panel(seeds: int = 3) -> CapacityPanel:
    generator = np.random.default_rng(0)
    found = []
    for width in (1, 2, 4, 8):
        flat = {name: [0.1] * seeds for name in ("clean_test", "robust_test", "robust_train")}
        values = {name: list(generator.uniform(0.3, 0.9, seeds)) for name in flat}
        found.append(summary(width, flat if width == 1 else values, [width == 1] * seeds))
    return CapacityPanel("Adversarial training", found)


def said(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_curves_are_the_means_at_the_number_of_parameters():
    given = panel()
    (axes,) = capacity_figure([given], HEADING).axes
    for name, colour in (("clean_test", style.BLUE), ("robust_test", style.VERMILION)):
        line = next(
            x for x in axes.lines if x.get_color() == colour and len(x.get_xdata()) == 4 and x.get_marker() != "None"
        )
        assert line.get_ydata() == pytest.approx([100 * s.mean[name] for s in given.summaries], abs=1e-12)
        assert line.get_xdata() == pytest.approx([s.parameters * ASIDE[name] for s in given.summaries], rel=1e-12)
    assert axes.get_xscale() == "log"
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert sum(len(line.get_ydata()) for line in dots) == 3 * 3 * 4  # every seed of every curve and width


def test_the_collapse_is_marked_where_it_is():
    given = panel()
    figure = capacity_figure([given, CapacityPanel("Standard training", given.summaries[1:])], HEADING)
    first, second = figure.axes
    bands = [patch for patch in first.patches if patch.get_facecolor()[:3] == _rgb(NOT_FITTED)]
    assert len(bands) == 1
    left, right = bands[0].get_extents().transformed(first.transData.inverted()).intervalx
    assert left < 5000 < right < 20000
    assert "3 of 3\nconstant" in said(figure)
    assert not second.patches


def _rgb(colour: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def test_the_attack_widths_and_curves_are_named():
    figure = capacity_figure([panel()], HEADING)
    told = said(figure)
    for words in (HEADING[1], "robust train", "robust test", "clean test", "×8", "5k", "Adversarial training"):
        assert words in told
    figure.draw_without_rendering()


def test_numbers_of_others_are_open_and_named():
    given = panel()
    paper = {20000: {"clean_test": 0.95, "robust_test": 0.8, "robust_train": 0.99}}
    (axes,) = capacity_figure(
        [CapacityPanel("Adversarial training", given.summaries, paper, "the paper")], HEADING
    ).axes
    opened = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert sorted(line.get_ydata()[0] for line in opened) == [80.0, 95.0, 99.0]
    assert "open: the paper" in said(axes.figure)


def test_one_seed_has_no_error_bars_and_nothing_is_said():
    alone = capacity_figure([panel(seeds=1)], HEADING)
    assert not alone.axes[0].containers
    empty = capacity_figure([CapacityPanel("Adversarial training", [])], HEADING)
    assert "no finished training" in said(empty)
    for figure in (alone, empty):
        figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("count", "text"), [(7, "7"), (995, "995"), (4996, "5k"), (14100, "14k"), (206922, "207k"), (3274634, "3.3M")]
)
def test_counts_are_short(count, text):
    assert short(count) == text
