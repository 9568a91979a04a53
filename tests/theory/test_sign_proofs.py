"""Signs proved on boxes: never against a point, exact where no unit is open, and complete up to small margins."""

import numpy as np
import pytest
from hypothesis import given, target
from hypothesis import strategies as st

from cgrosim.theory.sign_proofs import TwoLayers, least_outputs, proved_signs


def random_network(seed: int, inputs: int, units: int) -> TwoLayers:
    rng = np.random.default_rng(seed)
    weights, biases = rng.standard_normal((units, inputs)), rng.uniform(-1.0, 1.0, units)
    return TwoLayers(weights, biases, rng.standard_normal(units), float(rng.uniform(-1.0, 1.0)))


def random_boxes(seed: int, count: int, inputs: int, side: float) -> tuple[np.ndarray, np.ndarray]:
    low = np.random.default_rng(seed + 1).uniform(-1.0, 1.0, (count, inputs))
    return low, low + side


def points_of(low: np.ndarray, high: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Random points and random corners of every box, shape (n, 2 count, D)."""
    rng = np.random.default_rng(seed + 2)
    share = rng.random((len(low), count, low.shape[1]))
    shares = np.concatenate([share, share.round()], axis=1)
    return low[:, None] + shares * (high - low)[:, None]


CASES = {"seed": st.integers(0, 10**6), "inputs": st.integers(1, 5), "units": st.integers(1, 12)}


@given(**CASES, side=st.floats(1e-6, 2.0))
def test_bounds_lie_below_every_point(seed: int, inputs: int, units: int, side: float) -> None:
    network, (low, high) = random_network(seed, inputs, units), random_boxes(seed, 8, inputs, side)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], 8)
    bounds, blame, lowest = least_outputs(network, low, high, signs=signs)
    values = signs[:, None] * network(points_of(low, high, 200, seed).reshape(-1, inputs)).reshape(8, -1)
    excess = bounds - values.min(axis=1)
    target(float(excess.max()))
    assert np.all(excess <= 0.0)
    assert np.all(blame >= 0.0)
    assert np.all((low <= lowest) & (lowest <= high))


@given(**CASES, side=st.floats(1e-3, 1.0))
def test_a_proof_has_no_counterexample_and_splitting_finds_almost_all(
    seed: int, inputs: int, units: int, side: float
) -> None:
    network, (low, high) = random_network(seed, inputs, units), random_boxes(seed, 8, inputs, side)
    signs = np.where(network((low + high) / 2.0) > 0, 1.0, -1.0)
    proved = proved_signs(network, low, high, signs=signs)
    values = signs[:, None] * network(points_of(low, high, 500, seed).reshape(-1, inputs)).reshape(8, -1)
    assert np.all(values[proved] > 0.0)
    assert np.all(proved_signs(network, low, high, signs=signs, together=True) == proved.all())
    # An open box loses its last open unit, or half of its slack, within a few halvings a coordinate: what is left
    # open has a margin far below the spread of the outputs.
    clear = values.min(axis=1) > 0.2 * np.ptp(values, axis=1) + 1e-6
    assert np.all(proved[clear])


def test_without_open_units_the_bound_is_the_minimum() -> None:
    network = TwoLayers(np.array([[1.0, -2.0], [3.0, 1.0]]), np.array([10.0, -20.0]), np.array([1.0, 5.0]), -0.5)
    bounds, blame, lowest = least_outputs(network, np.zeros((2, 2)), np.ones((2, 2)), signs=np.array([1.0, -1.0]))
    # first unit always on, second always off: f = 9.5 + x_1 - 2 x_2, from 7.5 to 10.5
    # the slack for rounding: 26 roundings of 2.2e-16 of twice 13 + 5 (4 + 20), on these sizes of numbers
    assert bounds == pytest.approx([7.5, -10.5], abs=2e-12)
    assert np.all(bounds <= [7.5, -10.5])
    assert lowest.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert np.all(blame == 0.0)


def test_a_tent_is_decided_by_splitting_and_its_tip_is_found() -> None:
    """f = 1 - |x| + margin on [-1, 1]: the relaxation of the whole box fails, the halves are exact."""
    for margin, expected in ((1e-3, True), (-1e-3, False), (0.0, False)):
        tent = TwoLayers(np.array([[1.0], [-1.0]]), np.zeros(2), np.array([-1.0, -1.0]), 1.0 + margin)
        assert proved_signs(tent, [[-1.0]], [[1.0]], signs=[1.0]).tolist() == [expected]
    valley = TwoLayers(np.array([[1.0], [-1.0]]), np.array([-0.3, 0.3]), np.array([1.0, 1.0]), 1e-3)
    assert proved_signs(valley, [[-1.0]], [[1.0]], signs=[1.0]).all()
    assert least_outputs(valley, np.array([[-1.0]]), np.array([[1.0]]), signs=np.array([1.0]))[0] < 0.0
    assert not proved_signs(valley, [[-1.0]], [[1.0]], signs=[1.0], halvings=1).any()  # not proved is not wrong


def test_boxes_are_judged_apart() -> None:
    step = TwoLayers(np.array([[1.0]]), np.zeros(1), np.ones(1), -0.5)  # ReLU(x) - 1/2
    proved = proved_signs(
        step, [[0.6], [0.4], [-2.0], [-2.0]], [[3.0], [0.6], [0.4], [0.4]], signs=[1.0, 1.0, -1.0, 1.0]
    )
    assert proved.tolist() == [True, False, True, False]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_proved_of_a_network_that_is_not_finite(value: float) -> None:
    broken = TwoLayers(np.array([[value], [1.0]]), np.ones(2), np.array([1.0, 1.0]), 1.0)
    with np.errstate(invalid="ignore"):
        assert not proved_signs(broken, [[-1.0]], [[1.0]], signs=[1.0]).any()
