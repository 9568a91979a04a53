"""The simulator and the theory each state the paper's exponents, since neither imports the other: the same ones."""

import pytest

from cgrosim import Params
from cgrosim.predictions.setting import setting_of
from cgrosim.theory.scaling import paper_setting


@pytest.mark.parametrize("dimension", [100, 10**6, 10**15])
@pytest.mark.parametrize("polylogs", [{}, {"signal_polylog": 2.0, "init_polylog": 0.7, "gap_polylog": 3.0}])
def test_both_sides_have_the_same_exponents_and_polylog_factors(dimension, polylogs):
    simulated = setting_of(Params.from_paper(dimension, **polylogs))
    predicted = paper_setting(dimension, **polylogs)
    for name in ("signal_strength", "noise_std", "init_std", "gap"):
        assert getattr(simulated, name) == pytest.approx(getattr(predicted, name), rel=1e-14), name  # a few roundings
