"""The neuron plane draws the recorded correlations, and its film is a whole file or none."""

import re

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from cgrosim.errors import FileError
from cgrosim.figures.neuron_animation import moments_of, neuron_plane_animation
from cgrosim.figures.neuron_plane import neuron_plane_figure, piles, tracks_of


def said(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_pair_shares_axes_and_shows_the_records(make_run) -> None:
    run, standard = make_run(), make_run(adversarial_weight=0.0)
    figure = neuron_plane_figure(run, standard)
    left, right = figure.axes[:2]
    assert (left.get_xlim(), left.get_ylim()) == (right.get_xlim(), right.get_ylim())
    assert {"Standard training", "Adversarial training, λ = 0.5"} <= set(said(figure))
    (trails,) = [c for c in right.collections if isinstance(c, LineCollection)]
    ends = np.array(trails.get_segments())[-run.params.neurons :, 1]
    alpha = run.params.signal_strength
    assert np.array_equal(ends[:, 0], alpha * run.final("signal_correlation"))
    assert np.array_equal(ends[:, 1], run.final("neuron_noise_max"))


def test_a_step_cuts_the_trails(make_run) -> None:
    run = make_run()
    (trails,) = [c for c in neuron_plane_figure(run, step=1).axes[0].collections if isinstance(c, LineCollection)]
    assert len(trails.get_segments()) == run.params.neurons


def test_overlapping_dots_are_named_together(make_run) -> None:
    axes = neuron_plane_figure(make_run()).axes[0]
    places = axes.transData.inverted().transform([[100.0, 100.0], [200.0, 100.0], [101.0, 100.0], [205.0, 100.0]])
    assert piles(axes, np.vstack([places, [np.nan, 0.0]])) == [[0, 2], [1, 3]]


@pytest.mark.parametrize("changes", [{"neurons": 30}, {"activation": "relu", "steps": 50}, {"steps": 1}])
def test_other_networks_are_drawn(make_run, changes) -> None:
    neuron_plane_figure(make_run(**changes)).draw_without_rendering()


def test_moments_are_records_spread_over_the_decades(make_run) -> None:
    run = make_run()
    moments = moments_of(tracks_of(run, None), 12)
    recorded = run.data["step"].values
    assert set(moments) <= {float(step) for step in recorded}
    assert (moments[0], moments[-1]) == (0.0, float(recorded[-1]))
    assert 6 <= len(moments) <= 13


def test_gif_and_page(make_run, tmp_path) -> None:
    from PIL import Image

    run, standard = make_run(), make_run(adversarial_weight=0.0)
    film = neuron_plane_animation(run, standard, tmp_path / "plane.gif", frames=4)
    with Image.open(film) as image:
        assert 4 <= image.n_frames <= 6
    page = neuron_plane_animation(run, None, tmp_path / "plane.html", frames=3).read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 4
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plane.gif", "plane.html"]


def test_another_suffix_is_one_sentence(make_run, tmp_path) -> None:
    with pytest.raises(FileError, match=r"'\.mp4', but an animation is written as \.gif or \.html"):
        neuron_plane_animation(make_run(), None, tmp_path / "plane.mp4")
