"""A run that diverged: how far it came, and a learning rate that has been tried; and the defaults, which do not."""

import re

import numpy as np
import pytest

from cgrosim import Params, simulate

SMALL = {"samples": 6, "neurons": 5, "records": 5, "test_samples": 10}


@pytest.mark.parametrize("threat", ["fgsm", "linf_pgd", "l2_pgd"])
@pytest.mark.parametrize("dimension", [50, 1000])
def test_pixel_attacks_train_at_their_defaults(threat, dimension):
    run = simulate(Params.from_paper(dimension, threat=threat, steps=60, attack_steps=3, **SMALL))
    assert run.status == "finished", run.message
    assert run.final("signal_margin") > 1.0  # and learn


def test_the_default_radius_in_l_infinity_is_that_of_the_ball_within_the_paper_s():
    paper, here = Params.from_paper(1000), Params.from_paper(1000, threat="fgsm", patches=5)
    assert here.perturbation_radius == pytest.approx(paper.perturbation_radius / np.sqrt(5 * 1000), rel=1e-12)
    assert Params.from_paper(1000, threat="fgsm", gap=0.5).gap == 0.5
    assert Params.from_paper(1000, threat="l2_pgd").perturbation_radius == paper.perturbation_radius


def test_the_advised_learning_rate_does_not_diverge():
    params = Params.from_paper(
        200, threat="fgsm", perturbation_radius=3.7, steps=2000, seed=1, **{**SMALL, "neurons": 10}
    )
    run = simulate(params)
    assert run.status == "diverged"
    assert run.data.attrs["steps_taken"] < run.data.attrs["steps"]
    advised = float(re.search(r"try (\S+) or less", run.message)[1])
    steps = int(200 * params.learning_rate / advised) if advised > 1e-2 * params.learning_rate else 200
    assert simulate(params.replace(learning_rate=advised, steps=steps)).status == "finished"
