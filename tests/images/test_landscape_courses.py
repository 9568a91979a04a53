"""How the landscape changes over the epochs: planted curves, what is said of them, and the figure."""

import numpy as np
import pytest
from matplotlib.text import Text

from cgrosim.figures.landscape_epochs import landscape_epochs_figure
from cgrosim.images.experiments.landscape_courses import change, changes, courses, direction, measured_epochs, told
from cgrosim.images.experiments.landscape_file import empty
from cgrosim.images.experiments.landscape_statistics import curves

ABOUT = {"norm": "linf", "study": "{}", "training_radius": 0.1, "outer_radius": 0.15, "seed": 2, "dataset": "digits",
         "architecture": "lenet-x1", "attacks": '{"standard": "no attack", "adversarial": "PGD-7"}',
         "search": "linf PGD-2"}  # fmt: skip
EPOCHS, RADII = [0, 1, 4, 9], [0.0, 0.1, 0.15]


def planted(training=0.8, test=1.1, points=40):
    """Values that are multiplied from epoch to epoch, at training and at test points; the start is far above."""
    data = empty(ABOUT, {"training": ["standard", "adversarial"], "epoch": EPOCHS, "radius": RADII}, points)
    spread = np.random.default_rng(0).uniform(1.0, 3.0, (points, 1))
    growth = 1.0 + np.array(RADII)
    for place, epoch in enumerate(EPOCHS):
        for part, factor in (("train", training), ("test", test)):
            value = spread * growth * (factor**place if epoch else 100.0)
            for name in ("gradient_norm", "value_change"):
                data[name].loc[{"epoch": epoch, "points_of": part}] = value
        if epoch:
            data["accuracy"].loc[{"epoch": epoch, "accuracy_of": "clean_train"}] = 0.5
            data["accuracy"].loc[{"epoch": epoch, "accuracy_of": "robust_train"}] = 0.5 + 0.1 * place
            data["accuracy"].loc[{"epoch": epoch, "accuracy_of": "robust_test"}] = 0.4
    return data


def test_a_change_is_the_ratio_of_means_and_pairs_the_points():
    generator = np.random.default_rng(1)
    first = generator.uniform(0.1, 10.0, 50)
    found = change(first, 0.7 * first, generator)
    # every resample takes both values of a point: the ratio is 0.7 in each, whatever the spread
    assert (found.estimate, found.low, found.high) == pytest.approx((0.7, 0.7, 0.7), rel=1e-12)
    other = generator.permutation(first)
    found = change(first, other, generator)
    assert found.estimate == pytest.approx(1.0, rel=1e-12)
    assert found.low < 1.0 < found.high
    assert direction(found) == "undecided"


def test_curves_that_fall_and_rise_are_told_apart_from_the_first_epoch_on():
    data = planted()
    assert measured_epochs(data, "adversarial") == [1, 4, 9]  # the start is no epoch
    found = changes(data, "adversarial")
    assert {(part, direction(each)) for (_, part), each in found.items()} == {("train", "falls"), ("test", "rises")}
    assert found["value_change", "train"].estimate == pytest.approx(0.8**2, rel=1e-12)
    assert found["gradient_norm", "test"].estimate == pytest.approx(1.1**2, rel=1e-12)
    said = told("adversarial", [1, 9], "value_change", "test", found["value_change", "test"])
    assert said.startswith("adversarial training, epoch 1 to 9: the largest loss change within the training radius of")
    assert "test points rises (last / first 1.21" in said


def test_one_epoch_alone_has_no_course():
    data = planted()
    data["value_change"].loc[{"training": "adversarial", "epoch": [4, 9]}] = np.nan
    assert changes(data, "adversarial") == {}
    assert len(changes(data, "standard")) == 4


def test_epochs_before_anything_is_learnt_do_not_count():
    data = planted()
    data["accuracy"].loc[{"training": "adversarial", "epoch": 1, "accuracy_of": "clean_train"}] = 0.49
    assert measured_epochs(data, "adversarial") == [4, 9]
    assert changes(data, "adversarial")["value_change", "train"].estimate == pytest.approx(0.8, rel=1e-12)
    data["accuracy"].loc[{"training": "adversarial", "epoch": 9, "accuracy_of": "clean_train"}] = 0.1
    assert measured_epochs(data, "adversarial") == [4, 9]  # what is forgotten later does count


def test_a_constant_network_at_first_has_no_ratio():
    data = planted()
    for name in ("gradient_norm", "value_change"):
        data[name].loc[{"epoch": 1}] = 0.0
    assert direction(changes(data, "standard")["value_change", "train"]) == "undecided"


def test_the_figure_shows_a_curve_an_epoch_and_the_gap_beside_flatness():
    data = courses(planted(), curves(planted()))
    figure = landscape_epochs_figure(data, "adversarial", {("value_change", "test"): "last / first = 7"})
    panels = np.array(figure.axes).reshape(2, 3)
    for row, quantity in enumerate(("gradient_norm", "value_change")):
        for column, part in enumerate(("train", "test")):
            lines = [line for line in panels[row, column].lines if len(line.get_xdata()) == len(RADII)]
            assert len(lines) == len(EPOCHS)
            for line, epoch in zip(lines, EPOCHS, strict=True):
                expected = data[quantity].sel(training="adversarial", epoch=epoch, points_of=part)
                assert np.array_equal(line.get_ydata(), expected)
        assert panels[row, 0].get_ylim() == panels[row, 1].get_ylim()
    gaps = panels[1, 2].lines[0].get_ydata()
    assert gaps[1:] == pytest.approx([20.0, 30.0, 40.0], rel=1e-9)  # the start has no accuracies
    assert np.isnan(gaps[0])
    said = "\n".join(text.get_text() for text in figure.findobj(Text))
    for words in ("last / first = 7", "epoch 9", "PGD-7", "global, test", "40 training and 40 test points"):
        assert words in said
    assert "no attack" not in said
