"""The figure of the training curves: every number it shows is one it was given."""

import numpy as np
import pytest

from cgrosim.figures import style
from cgrosim.figures.robust_curves import (
    CURVES,
    RobustCurves,
    _free_height,
    draw_robust_curves,
    robust_curves_figure,
)

HEADING = ["digits, 200 training images, lenet-x8, seed 0", "Robust accuracy: linf PGD-10, radius 0.1"]


def history(epochs, seed=0):
    values = np.random.default_rng(seed).uniform(size=(4, epochs))
    return {"epoch": np.arange(1.0, epochs + 1), **{curve[0]: row for curve, row in zip(CURVES, values, strict=True)}}


def texts(figure):
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return found + [axes.get_title(loc="left") for axes in figure.axes] + [figure.get_suptitle()]


def test_the_curves_are_the_history_in_percent():
    one, other = history(7), history(9, 1)
    figure = robust_curves_figure([RobustCurves("Standard", one), RobustCurves("Adversarial", other, 4)], HEADING)
    for axes, told in zip(figure.axes, (one, other), strict=True):
        drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == len(told["epoch"])]
        for values, (name, _, _) in zip(drawn[-4:], CURVES, strict=True):
            np.testing.assert_array_equal(values, 100.0 * told[name])
        assert axes.get_xlim() == (1.0, len(told["epoch"]))
    assert HEADING[1] in figure.get_suptitle()


def test_ends_and_the_selected_epoch_are_labelled():
    told = history(9)
    figure = robust_curves_figure([RobustCurves("Adversarial", told, 3)], HEADING)
    shown = " | ".join(texts(figure))
    for name, _, _ in CURVES:
        assert f"{name.replace('_', ' ')} {100 * told[name][-1]:.1f}" in shown
    assert f"epoch 3, robust test {100 * told['robust_test'][2]:.1f}" in shown
    assert "selected" not in " | ".join(texts(robust_curves_figure([RobustCurves("Adversarial", told)], HEADING)))


def test_an_average_is_one_more_curve_from_where_it_begins():
    told = history(9) | {"averaged_robust_test": np.array([np.nan] * 5 + [0.5, 0.6, 0.7, 0.71])}
    figure = robust_curves_figure([RobustCurves("Adversarial", told, 3)], HEADING)
    (curve,) = [line for line in figure.axes[0].lines if line.get_linestyle() == "-."]
    np.testing.assert_array_equal(curve.get_ydata(), 100.0 * told["averaged_robust_test"])
    assert "averaged\nrobust test 71.0" in " | ".join(texts(figure))
    marked = robust_curves_figure([RobustCurves("Adversarial", told, best_epoch=7)], HEADING)
    assert "epoch 7, robust test 60.0" in " | ".join(texts(marked))  # of the average, which was selected
    none_yet = {**told, "averaged_robust_test": np.full(9, np.nan)}
    assert "averaged" not in " | ".join(texts(robust_curves_figure([RobustCurves("Adversarial", none_yet)], HEADING)))


@pytest.mark.parametrize("epochs", [0, 1, 2, 200])
def test_any_length_can_be_drawn(epochs, tmp_path):
    panel = RobustCurves("Adversarial", history(epochs), 1 if epochs else None)
    style.save_figure(robust_curves_figure([panel], HEADING), tmp_path / "a.png", dpi=40)
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_long_headings_stay_within_the_figure():
    figure = robust_curves_figure([RobustCurves("Adversarial", history(5))], ["word " * 60])
    right = figure._suptitle.get_window_extent().x1
    assert right <= figure.bbox.x1


def test_panels_can_be_drawn_on_given_axes():
    with style.styled():
        figure = style.new_figure(6, 4, layout=None)
        axes = figure.add_axes((0.1, 0.1, 0.6, 0.8))
        draw_robust_curves(axes, RobustCurves("Adversarial", history(5), 5))
        assert axes.get_xlabel() == "epoch"


@pytest.mark.parametrize("level", [0.0, 12.0, 50.0, 97.0])
def test_the_label_of_the_selected_epoch_keeps_away_from_the_curves(level):
    curves = [np.full(20, level), np.linspace(20.0, 40.0, 20)]
    height = _free_height(curves)
    assert min(np.abs(height - curve).min() for curve in curves) >= 10.0
    crowded = [np.full(1, value) for value in np.arange(0.0, 101.0, 5.0)]
    assert 8.0 <= _free_height(crowded) < 96.0
