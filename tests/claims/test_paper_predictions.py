"""What the theory says of a run at the paper's scale, with more than one noise patch a sample."""

from dataclasses import replace

import numpy as np
import pytest

from cgrosim.claims import paper_predictions
from cgrosim.claims.paper_predictions import Predicted, leading_energy, predict, predicted_norms
from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.starts import Starts, starts_of_system
from cgrosim.studies.paper_scale import horizon_of
from cgrosim.studies.trained import train


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


def test_times_with_kicks_are_far_nearer_than_without():
    """What the decoupled times leave out is of first order in a kick, what these leave out of second."""
    errors = []
    for seed in range(5, 9):
        params = Params.from_paper(10**9, samples=10, patches=2, neurons=12, seed=seed, engine="flow", sampling="gram")
        steps = horizon_of(params)
        said, found = predict(params, steps), train(params, steps).memorization_times
        errors.append([np.mean(np.log(found / times)) for times in (said.memorization_times, said.decoupled_times)])
    kicked, alone = np.sqrt(np.mean(np.square(errors), axis=0))
    assert alone > 0.01
    assert kicked < alone / 3


def test_the_neuron_that_wins_by_a_kick_is_the_one_whose_norm_grows():
    """Two filters race for the second sample; what the first one gained by the first sample decides."""
    params = Params.from_paper(10**6, samples=2, patches=2, neurons=2, seed=1, engine="flow", sampling="gram")
    system = draw_gram(params)
    plain = np.diag(system.weight_gram)
    norms = []
    for winners in ([0, 0], [0, 1]):
        found = Predicted(1.0, np.ones(2), np.ones(2), np.array(winners), 20.0, np.array([1.0, 8.0]))
        norms.append(predicted_norms(params, system, found) ** 2 - plain)
    starts = starts_of_system(params, system)
    grown = (np.array([[1.0], [4.0]]) - starts.noise**2) / starts.energy  # V^(2/3) - v(0)^2 over the energy of a patch
    assert norms[0] == pytest.approx([grown[0, 0] + grown[1, 0], 0.0])
    assert norms[1] == pytest.approx([grown[0, 0], grown[1, 1]])


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
