"""Worlds with more or fewer samples: those that both have start alike, and are compared."""

import numpy as np
import pytest

from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.starts import starts_of_system
from cgrosim.studies.memorisation import small_coupling
from cgrosim.studies.same_samples import of_same_samples


def test_values_are_those_of_the_samples_that_both_have():
    assert of_same_samples([1.0, 2.0, 3.0], 2).tolist() == [1.0, 2.0]
    assert of_same_samples([1.0], 1).tolist() == [1.0]
    longer = of_same_samples([[1.0, 2.0]], 3)
    assert longer.shape == (3, 2)
    assert longer[0].tolist() == [1.0, 2.0]
    assert np.all(np.isnan(longer[1:]))


@pytest.mark.parametrize("more", [3, -3])
def test_with_more_samples_or_fewer_the_first_ones_start_alike(more):
    params = small_coupling(1e8, 5, samples=12)
    changed = params.replace(samples=12 + more)
    one, other, both = draw_gram(params), draw_gram(changed), min(12, 12 + more)
    assert np.array_equal(one.labels[:both], other.labels[:both])
    assert np.array_equal(one.signal, other.signal)
    starts = [starts_of_system(p, drawn).noise[:both] for p, drawn in ((params, one), (changed, other))]
    # rows of the Bartlett factor differ in normals of order 1 beside chi = 1e4, twelve a row
    assert np.abs(starts[0] - starts[1]).max() < 6.0 * np.sqrt(2 * 12) * 1e-4 * starts[0].std()
