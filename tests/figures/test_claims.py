"""Panels of claims are drawn as given: every kind of series, intervals without ends, maps with letters."""

import numpy as np
import pytest
from matplotlib.text import Text

from cgrosim.claims.claim import Panel, Series
from cgrosim.figures.claims import panel_figure
from cgrosim.figures.style import save_figure

X = np.array([1.0, 10.0, 100.0])
Y = np.array([3.0, 2.0, 1.0])


def said(figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)}


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_every_kind_of_series(tmp_path, scale) -> None:
    series = (
        Series("band", "region", X, Y, low=0.5 * Y, high=2.0 * Y),
        Series("line", "predicted", X, Y),
        Series("steps", "distribution", X, Y),
        Series("points", "measured", X, Y, low=Y - 0.1, high=Y + 0.1),
        Series("points", "without bars", X, Y),
    )
    figure = panel_figure(Panel("A title", "x (steps)", "y", series, scale, scale))
    assert {"A title", "x (steps)", "y", "region", "predicted", "distribution", "measured"} <= said(figure)
    assert save_figure(figure, tmp_path / "panel.svg").stat().st_size > 5000


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_intervals_without_ends_and_missing_points(scale) -> None:
    low, high = np.array([-np.inf, 1.5, 0.0]), np.array([np.inf, np.nan, 1.2])
    points = Series("points", "measured", X, np.array([3.0, np.nan, 1.0]), low=low, high=high)
    figure = panel_figure(Panel("A title", "x", "y", (points,), "log", scale))
    figure.draw_without_rendering()
    bottom, top = figure.axes[0].get_ylim()
    assert 0.0 < bottom < 1.0 or (scale == "linear" and bottom > -1.0)
    assert 3.0 < top < 4.0


def test_map_with_categories_and_a_boundary() -> None:
    values = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, np.nan]])
    cells = Series("map", "outcome", X, Y[1:][::-1], values=values, categories=("memorises", "escapes"))
    figure = panel_figure(Panel("Phases", "x", "y", (cells, Series("line", "boundary", X, Y)), "log"))
    figure.draw_without_rendering()
    assert {"A  memorises", "B  escapes", "boundary", "A", "B"} <= said(figure)
    letters = [text for text in figure.axes[0].texts if text.get_text() in "AB"]
    assert len(letters) == 5


def test_map_of_numbers_and_a_wrong_shape() -> None:
    values = np.arange(6.0).reshape(3, 2)
    panel_figure(Panel("Map", "x", "y", (Series("map", "error", X, Y[:2][::-1], values=values),)))
    with pytest.raises(ValueError, match=r"shape \(2, 3\), but needs one a point of x by y, \(3, 2\)"):
        panel_figure(Panel("Map", "x", "y", (Series("map", "error", X, Y[:2][::-1], values=values.T),)))


def test_an_empty_panel() -> None:
    nothing = np.zeros(0)
    panel_figure(Panel("Nothing", "x", "y", (Series("points", "", nothing, nothing),), "log", "log"))
