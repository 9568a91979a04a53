"""The figure of the loss landscape: both kinds of points, the training radius, and what it says in words."""

import json

import numpy as np
import pytest
import xarray
from matplotlib.text import Text

from cgrosim.figures.landscape import landscape_figure
from cgrosim.figures.style import BLACK, BLUE, VERMILION

RADII, EPOCHS = [0.0, 0.1, 0.15, 0.2], [1, 5, 9]
DIMS = ("training", "epoch", "points_of", "radius")


def curves(names=("standard", "adversarial"), norm="linf"):
    """Means that grow with radius and epoch, test points above training points."""
    sizes = (len(names), len(EPOCHS), 2, len(RADII))
    steps = [
        np.arange(1.0, size + 1.0).reshape([-1 if k == axis else 1 for k in range(4)])
        for axis, size in enumerate(sizes)
    ]
    mean = np.broadcast_to(steps[0] + steps[1] + steps[2] * steps[3], sizes)
    variables = {}
    for quantity, scale in (("gradient_norm", 10.0), ("value_change", 1.0)):
        for end, factor in (("", 1.0), ("_low", 0.9), ("_high", 1.1)):
            variables[quantity + end] = DIMS, scale * factor * mean
    attributes = {
        "points": 40,
        "dataset": "digits",
        "architecture": "lenet-x8",
        "seed": 3,
        "norm": norm,
        "attacks": json.dumps({name: f"attack of {name}" for name in names}),
        "search": f"{norm} PGD-9 at every radius r",
        "training_radius": 0.1,
        "outer_radius": 0.15,
    }
    return xarray.Dataset(
        variables,
        {"training": list(names), "epoch": EPOCHS, "points_of": ["train", "test"], "radius": RADII},
        attributes,
    )


def said(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def lines(axes, colour):
    return [line for line in axes.lines if line.get_color() == colour]


def test_each_panel_shows_training_and_test_points_after_the_last_epoch():
    data = curves()
    figure = landscape_figure(data)
    panels = np.array(figure.axes).reshape(2, 3)
    for row, quantity in enumerate(("gradient_norm", "value_change")):
        for column, name in enumerate(("standard", "adversarial")):
            for part, colour in (("train", BLUE), ("test", VERMILION)):
                (line,) = lines(panels[row, column], colour)
                expected = data[quantity].sel(training=name, epoch=9, points_of=part)
                assert np.array_equal(line.get_xdata(), RADII)
                assert np.array_equal(line.get_ydata(), expected)
            (mark,) = lines(panels[row, column], BLACK)
            assert list(mark.get_xdata()) == [0.1, 0.1]


def test_the_last_column_shows_both_radii_over_the_epochs():
    data = curves()
    axes = np.array(landscape_figure(data).axes).reshape(2, 3)[1, 2]
    for part, colour in (("train", BLUE), ("test", VERMILION)):
        for line, radius in zip(lines(axes, colour), (0.1, 0.15), strict=True):
            expected = data["value_change"].sel(training="adversarial", points_of=part, radius=radius)
            assert np.array_equal(line.get_xdata(), EPOCHS)
            assert np.array_equal(line.get_ydata(), expected)


def test_trainings_share_a_scale():
    panels = np.array(landscape_figure(curves()).axes).reshape(2, 3)
    for row in panels:
        assert row[0].get_ylim() == row[1].get_ylim()


def test_attacks_search_and_notes_stand_in_the_figure():
    text = said(landscape_figure(curves(), {("value_change", "adversarial"): "test / train = 7"}))
    for words in ("attack of standard", "attack of adversarial", "linf PGD-9", "lower bounds", "test / train = 7"):
        assert words in text
    assert "40 training and 40 test points" in text
    assert "Adversarial training, epoch 9" in text


@pytest.mark.parametrize(("norm", "symbol"), [("linf", r"\|_1"), ("l2", r"\|_2")])
def test_the_gradient_is_measured_in_the_dual_norm(norm, symbol):
    assert symbol in said(landscape_figure(curves(norm=norm)))


def test_epochs_that_were_not_measured_are_left_out():
    data = curves()
    for name in data:
        data[name].loc[{"training": "adversarial", "epoch": 9}] = np.nan
    figure = landscape_figure(data)
    assert "Adversarial training, epoch 5" in said(figure)
    for name in data:
        data[name].loc[{"training": "adversarial"}] = np.nan
    figure = landscape_figure(data)
    assert "Adversarial training, not measured" in said(figure)
    figure.draw_without_rendering()


def test_one_training_alone_can_be_drawn():
    landscape_figure(curves(("adversarial",))).draw_without_rendering()
