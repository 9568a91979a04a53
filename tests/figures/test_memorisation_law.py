"""The law of memorisation times: every sample counts, also those that were never memorised."""

import numpy as np
import pytest
from matplotlib.text import Text

from cgrosim import Run
from cgrosim.figures.memorisation_law import memorisation_law_figure
from cgrosim.figures.style import BLUE
from cgrosim.predictions.values import Curve, Quantiles


def said(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def with_times(run, times):
    data = run.data.copy(deep=True)
    data["memorization_time"] = ("sample", np.asarray(times, dtype=float))
    return Run(data, run.params)


def test_censored_samples_keep_the_curve_below_one(make_run) -> None:
    run = with_times(make_run(), [10.0, 20.0, np.nan, 30.0, np.nan, 15.0])
    figure = memorisation_law_figure(run)
    (steps,) = [line for line in figure.axes[0].lines if line.get_color() == BLUE]
    assert list(steps.get_xdata()) == [10.0, 10.0, 15.0, 20.0, 30.0, float(run.data["step"][-1])]
    assert steps.get_ydata() == pytest.approx([0.0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 4 / 6], abs=1e-15)
    assert "2 of 6 samples\nnot memorised" in said(figure)
    assert "measured (4 of 6)" in said(figure)


def test_nothing_memorised_is_said(make_run, foretell) -> None:
    run = make_run(adversarial_weight=0.0)
    figure = memorisation_law_figure(run, foretell(run))
    assert "6 of 6 samples\nnot memorised" in said(figure)
    figure.draw_without_rendering()


def test_predictions_are_drawn(make_run, foretell) -> None:
    law = np.geomspace(5.0, 500.0, 20), np.linspace(0.0, 0.9, 20)
    predictions = foretell(
        make_run(),
        memorization_times=np.array([10.0, 20.0, np.inf, 30.0, 40.0, 50.0]),
        last_memorization_quantiles=Quantiles(50.0, 80.0, np.inf),
        memorization_law=Curve(*law),
    )
    figure = memorisation_law_figure(with_times(make_run(), [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]), predictions)
    assert "starts of these samples (5 of 6)" in said(figure)
    assert "predicted time of the last sample, 5 % to 95 %" in said(figure)
    assert any(np.array_equal(line.get_ydata(), law[1]) for line in figure.axes[0].lines)
    figure.draw_without_rendering()
