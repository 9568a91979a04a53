"""A run with weight decay shows its predicted edges, resting margins and the time of the cure; one without none."""

import numpy as np

from cgrosim import Params, predict, simulate
from cgrosim.figures.heading import wrapped
from cgrosim.figures.three_stages import three_stage_figure

PLAIN = Params.from_paper(
    1e4, samples=4, patches=2, neurons=6, init_exponent=-0.33, init_polylog=1.0, gap=0.01, sampling="gram",
    engine="flow", records=4, test_samples=100, seed=2, steps=10**6,
)  # fmt: skip


def told(figure):
    legends = [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    return [figure.get_suptitle(), *legends]


def test_edges_rests_and_the_cure_are_drawn():
    edges = np.asarray(predict(PLAIN).value("decay_edges"))
    for decay, rests, cured in ((3.0 * edges.max(), 1, 1), (0.2 * edges.min(), 2, 0)):
        params = PLAIN.replace(weight_decay=float(decay))
        title, *legends = told(three_stage_figure(simulate(params), predict(params)))
        assert "predicted edges: samples are no longer memorised from" in title
        assert "not learnt from" in title.replace("\n", " ")
        assert sum("predicted rest" in text for text in legends) == rests
        assert sum("robust test error 5 %" in text for text in legends) == cured


def test_without_weight_decay_nothing_is_said_of_it():
    params = PLAIN.replace(steps=1000)
    title, *legends = told(three_stage_figure(simulate(params), predict(params)))
    assert "Weight decay" not in title
    assert not [text for text in legends if "rest" in text]


def test_no_line_ends_inside_a_formula():
    """A decay of 2e-4 is drawn as one of 2 times ten to the minus four, not as its source."""
    text = r"Weight decay $2.0 \times 10^{-4}$; edges: from $7.5 \times 10^{-4}$ to $3.2 \times 10^{-4}$ on"
    for letters in range(20, 60):
        lines = wrapped(text, letters)
        assert " ".join(lines) == text
        assert all(line.count("$") % 2 == 0 for line in lines)
    assert len(wrapped(text, 30)) > 2
