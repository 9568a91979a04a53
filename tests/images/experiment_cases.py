"""One small experiment of every kind that sweeps something, on images so small that a training takes milliseconds."""

import numpy as np
from small_trainings import same_bits, small_settings

from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments.catalogue.capacity import Capacity
from cgrosim.images.experiments.catalogue.cures import Cures
from cgrosim.images.experiments.catalogue.landscape import landscape_of
from cgrosim.images.experiments.landscape_search import Search

ATTACK = Attack.pgd("linf", 0.05, 2)
CAPACITY = Capacity(small_settings(epochs=2), (2, 1), (5,), ATTACK, black_box_samples=0)
EXPERIMENTS = {
    "capacity": CAPACITY,
    "cures": Cures(small_settings(epochs=2), (0.0, 0.05), (0.1,), (), 1, ATTACK),
    "landscape": landscape_of(small_settings(epochs=2), 2, 4, search=Search(steps=2, restarts=1)),
}


def same(found, expected):
    """Whether two outcomes agree in every bit."""
    assert (found.status, list(found.results)) == (expected.status, list(expected.results))
    for name, result in expected.results.items():
        if isinstance(result, dict):
            np.testing.assert_equal(found.results[name], result)
        else:
            assert same_bits(found.results[name], result)
    assert without_clock(found.table).identical(without_clock(expected.table))
    return True


def without_clock(table):
    """The dataset without the seconds that trainings took."""
    return table.data.drop_vars("seconds")
