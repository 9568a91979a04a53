"""What the theory says of a run at the paper's scale, with more than one noise patch a sample."""

from dataclasses import replace

import numpy as np
import pytest

from cgrosim.claims import paper_predictions
from cgrosim.claims.paper_predictions import leading_energy, predict
from cgrosim.model.params import Params
from cgrosim.predictions.starts import Starts
from cgrosim.studies.paper_scale import horizon_of


def test_the_energy_is_that_of_the_patch_that_is_memorised():
    """Of two patches the one that blows up first counts; the first one's once counted always."""
    starts = Starts(
        signal=np.array([1.0]),
        noise=np.array([[0.1, 0.4], [0.4, 0.1], [-0.9, 0.2], [0.3, 0.2]]),
        energy=np.array([[5.0, 3.0], [5.0, 3.0], [5.0, 3.0], [1.0, 3.0]]),
    )
    # speeds kappa v^(q-2): .5 < 1.2, 2 > .3, never against .6, .3 < .6
    assert leading_energy(starts, 3.0).tolist() == [3.0, 5.0, 3.0, 3.0]
    assert leading_energy(starts, 2.0).tolist() == [5.0, 5.0, 3.0, 3.0]


@pytest.mark.parametrize("patches", [2, 3, 5])
def test_the_order_of_the_patches_does_not_matter(patches, monkeypatch):
    """Swapping the patches of a sample is a change of names: nothing predicted moves."""
    params = Params.from_paper(3000, samples=4, patches=patches, neurons=5, engine="flow", sampling="gram", seed=3)
    steps, whole = horizon_of(params), paper_predictions.starts_of_system

    def turned(params, system):
        starts = whole(params, system)
        shape = (params.samples, patches - 1, params.neurons)
        noise, energy = (x.reshape(shape)[:, ::-1].reshape(params.samples, -1) for x in (starts.noise, starts.energy))
        return replace(starts, noise=noise, energy=energy)

    one = predict.__wrapped__(params, steps)
    monkeypatch.setattr(paper_predictions, "starts_of_system", turned)
    two = predict.__wrapped__(params, steps)
    assert np.array_equal(np.isnan(one.memorization), np.isnan(two.memorization))
    assert np.allclose(one.memorization, two.memorization, rtol=1e-9, equal_nan=True)
    assert np.allclose(one.memorization_times, two.memorization_times, rtol=1e-9)
