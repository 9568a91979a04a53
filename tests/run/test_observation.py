"""What is measured of a state: a margin of exactly zero is an error, and what was not measured is not a number."""

import numpy as np

from cgrosim import Params
from cgrosim.run.observation import TESTS, Observation, share_wrong


def test_a_margin_of_zero_is_wrong():
    margins = np.array([[0.0, 1.0, -1.0, -0.0], [5e-324, 1.0, 1.0, -5e-324]])
    assert share_wrong(margins).tolist() == [0.75, 0.25]
    assert np.isnan(share_wrong(np.array([np.nan, -1.0])))


class OneState(list):
    """A trail of one state, of which nothing is asked."""

    def at(self, place):
        return self[place]


def test_a_margin_of_zero_is_wrong_on_fresh_samples_too():
    found = np.array([0.0, 1.0]), np.array([0.0, -1.0]), np.array([3.0, -3.0])
    observed = Observation(Params.from_paper(50), None, OneState([None]), lambda state: found, TESTS)
    assert observed.tests == {"clean_test_error": [0.5], "robust_test_error": [1.0], "test_noise_std": [3.0]}
