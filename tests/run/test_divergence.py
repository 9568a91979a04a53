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


@pytest.mark.slow
def test_the_advised_learning_rate_does_not_diverge():
    params = Params.from_paper(
        200, threat="fgsm", perturbation_radius=3.7, steps=2000, seed=1, **{**SMALL, "neurons": 10}
    )
    run = simulate(params)
    assert run.status == "diverged"
    assert run.data.attrs["steps_taken"] < run.data.attrs["steps"]
    assert "tried here" in run.message
    advised = float(re.search(r"try (\S+) or less", run.message)[1])
    steps = int(200 * params.learning_rate / advised) if advised > 1e-2 * params.learning_rate else 200
    assert simulate(params.replace(learning_rate=advised, steps=steps)).status == "finished"


EXTREME = {"patches": 6, "samples": 2, "neurons": 6, "activation": "relu_power", "records": 8, "test_samples": 20}


def test_records_beyond_floating_point_are_said():
    """A power of 1000 overflows in U although the run itself is calm: it finished with infinities and no word."""
    scales = {"signal_strength": 5.8e-10, "noise_std": 3.3e-13, "init_std": 1.8, "learning_rate": 0.07}
    run = simulate(Params(dimension=54, power=1000.0, steps=300, gap=0.5, engine="flow", seed=802, **scales, **EXTREME))
    assert run.status == "finished"
    assert np.isinf(run.final("learnt_signal"))
    assert "From step 0 on the records of learnt_signal lie beyond the numbers of floating point." in run.message
    calm = simulate(Params(dimension=54, power=3.0, steps=3, threat="none", **{**scales, "init_std": 1e-3}, **EXTREME))
    assert "floating point" not in calm.message


def test_a_start_beyond_floating_point_diverges_in_words_and_without_warnings():
    scales = {"signal_strength": 0.026, "noise_std": 0.38, "init_std": 2.5e23, "learning_rate": 0.003}
    run = simulate(
        Params(dimension=23, power=50.0, steps=40, threat="linf_pgd", perturbation_radius=0.1, **scales, **EXTREME)
    )
    assert run.status == "diverged"
    assert "The run diverged at step 0" in run.message
    scales |= {"signal_strength": 0.035, "noise_std": 2.7e26, "init_std": 0.05, "learning_rate": 1e-4}
    run = simulate(Params(dimension=25, power=50.0, steps=40, engine="reduced", **scales, **EXTREME))
    assert run.status == "diverged"
    assert "no smaller one is worth a trial" in run.message
