"""ReLU networks: evaluation, gradients, composition, counts, files and interval bounds."""

import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relu_cases import plain, random_network
from scipy import sparse

from cgrosim.files.atomic import write_atomically
from cgrosim.theory import relu_steps
from cgrosim.theory.interval_bounds import output_bounds
from cgrosim.theory.relu_composition import affine_network, carry, deepen, identity, on_top, parallel, serial
from cgrosim.theory.relu_network import ReluNetwork, load_network

SEEDS = st.integers(0, 10**6)
HIDDEN = st.lists(st.integers(1, 6), max_size=4).map(tuple)
# A few dozen operations on numbers of size up to 10 a layer.
ROUNDING = 1e-13


@given(SEEDS, HIDDEN, st.integers(1, 3))
def test_evaluation_is_the_formula(seed: int, hidden: tuple[int, ...], outputs: int) -> None:
    network = random_network(seed, 4, hidden, outputs)
    points = np.random.default_rng(seed).normal(size=(5, 4))
    assert network(points) == pytest.approx(plain(network, points), abs=ROUNDING)
    assert network(points[2]).tolist() == network(points)[2].tolist()
    assert network.hidden_widths == hidden


def test_blocks_give_the_same_values_gradients_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(3, 5, (9, 7, 8), 2)
    points, cotangents = np.random.default_rng(0).normal(size=(150, 5)), np.ones((150, 2))
    whole = network(points), network.input_gradient(points, cotangents), *output_bounds(network, points - 1, points + 1)
    monkeypatch.setattr(relu_steps, "BLOCK_UNITS", 4)
    cut = ReluNetwork(network.weights, network.biases)
    assert [type(step).__name__ for step in cut.steps] == ["Fused", "Fused"]
    parts = cut(points), cut.input_gradient(points, cotangents), *output_bounds(cut, points - 1, points + 1)
    for one, other in zip(whole, parts, strict=True):
        assert one == pytest.approx(other, abs=1e-12)  # the widths of the bounds differ by a few units more


@given(SEEDS, HIDDEN)
def test_gradient_is_a_difference_quotient(seed: int, hidden: tuple[int, ...]) -> None:
    network = random_network(seed, 3, hidden, 2)
    rng = np.random.default_rng(seed)
    points, cotangent, direction = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    slope = np.sum(network.input_gradient(points, cotangent) * direction, axis=1)
    step = 1e-7
    ahead, behind = network(points + step * direction), network(points - step * direction)
    middle = network(points)
    # Piecewise linear: where the two one-sided quotients agree there is no kink within the step, and both are exact
    # but for rounding of values of size 10 over the step.
    one, other = (np.sum((a - b) * cotangent, axis=1) / step for a, b in ((ahead, middle), (middle, behind)))
    smooth = np.abs(one - other) < 1e-6
    assert slope[smooth] == pytest.approx(one[smooth], abs=1e-6)


@given(SEEDS, HIDDEN, st.integers(0, 4))
def test_deeper_and_side_by_side_are_the_same_functions(seed: int, hidden: tuple[int, ...], extra: int) -> None:
    network, points = random_network(seed, 3, hidden, 2), np.random.default_rng(seed).normal(size=(6, 3))
    deeper = deepen(network, len(hidden) + extra)
    values = network(points)
    assert np.array_equal(deeper(points), values)  # max(v, 0) - max(-v, 0) is v without rounding
    added = 2 * network.weights[-1].nnz + 4 + (extra - 1) * 8 + 4 + 2 if extra else network.weights[-1].nnz + 2
    assert deeper.parameter_count == network.parameter_count - network.weights[-1].nnz - 2 + added
    both = parallel(deeper, deepen(carry(3, 0), len(hidden) + extra))
    assert np.array_equal(both(points), np.hstack([values, points]))
    assert both.parameter_count == deeper.parameter_count + carry(3, len(hidden) + extra).parameter_count


@given(SEEDS, HIDDEN, HIDDEN)
def test_serial_is_composition_and_keeps_connections(seed: int, one: tuple[int, ...], two: tuple[int, ...]) -> None:
    first, second = random_network(seed, 3, one, 4), random_network(seed + 1, 4, two, 2)
    points = np.random.default_rng(seed).normal(size=(6, 3))
    both = serial(first, second)
    assert both(points) == pytest.approx(second(first(points)), abs=1e-12)
    assert len(both.weights) == len(first.weights) + len(second.weights) - 1
    cancelling = serial(affine_network([[1.0], [1.0]], [0.0, 0.0]), affine_network([[1.0, -1.0]], [0.0]))
    assert cancelling.weights[0].nnz == 1
    assert cancelling.nonzero_count == 0


def test_on_top_passes_a_relu() -> None:
    network = on_top(affine_network([[1.0]], [0.0]), identity(1, 3.0), [1.0])
    assert network([[-2.0], [2.0]]).ravel().tolist() == [1.0, 7.0]


def test_parameters_are_stored_weights_and_biases() -> None:
    dense = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert ReluNetwork([dense], [np.zeros(2)]).parameter_count == 6
    assert ReluNetwork([dense], [np.zeros(2)]).nonzero_count == 2
    assert ReluNetwork([sparse.csr_array(dense)], [np.zeros(2)]).parameter_count == 4
    doubled = sparse.coo_array(([1.0, 1.0], ([0, 0], [1, 1])), shape=(2, 2))
    assert ReluNetwork([doubled], [np.zeros(2)]).parameter_count == 3


def test_arrays_are_copies_and_read_only() -> None:
    weight = np.eye(2)
    network = ReluNetwork([weight], [np.zeros(2)])
    weight[0, 0] = 7.0
    assert network([1.0, 0.0]).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        network.weights[0].data[0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        network.biases[0][0] = 2.0


@pytest.mark.parametrize(
    ("weights", "biases", "sentence"),
    [
        ([], [], "one bias vector a weight matrix"),
        ([np.eye(2)], [np.zeros(3)], "Layer 0 has 2 units but biases of shape"),
        ([np.eye(2), np.eye(3)], [np.zeros(2), np.zeros(3)], "Layer 1 reads 3 units but layer 0 has 2"),
        ([np.eye(2) * np.nan], [np.zeros(2)], "Layer 0 holds a value that is not finite"),
        ([np.zeros(2)], [np.zeros(2)], "two dimensions"),
    ],
)
def test_bad_layers_are_refused(weights: list, biases: list, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ReluNetwork(weights, biases)


def test_bad_points_and_compositions_are_refused() -> None:
    network = random_network(0, 3, (2,), 2)
    with pytest.raises(ValueError, match=r"reads \(n, 3\)"):
        network(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="cotangents have shape"):
        network.input_gradient(np.zeros((2, 3)), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="1 hidden layers, more than the 0"):
        deepen(network, 0)
    with pytest.raises(ValueError, match="use deepen first"):
        parallel(network, carry(3, 2))
    with pytest.raises(ValueError, match="2 outputs, but the second reads 3"):
        serial(network, network)
    with pytest.raises(ValueError, match="Box 1 is empty in coordinate 2"):
        output_bounds(network, [[0, 0, 0], [0, 0, 1]], np.zeros((2, 3)))


def test_files_come_back_bit_for_bit(tmp_path) -> None:
    network = parallel(random_network(1, 4, (3, 2), 2), carry(4, 2))
    path = write_atomically(tmp_path / "network.npz", network.save)
    with path.open("rb") as file:
        again, points = load_network(file), np.random.default_rng(0).normal(size=(3, 4))
    assert np.array_equal(again(points), network(points))
    assert again.parameter_count == network.parameter_count


def test_bad_files_are_refused() -> None:
    whole, other = io.BytesIO(), io.BytesIO()
    random_network(0, 3, (), 1).save(whole)
    np.savez(other, other=np.zeros(2))
    for content in (whole.getvalue()[:-40], b"hello", b""):
        with pytest.raises(ValueError, match="not a complete"):
            load_network(io.BytesIO(content))
    with pytest.raises(ValueError, match="not a saved network"):
        load_network(io.BytesIO(other.getvalue()))


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("layer1.bias", None, "layer1.bias is missing"),
        ("layers", np.array(3), "layer2.values is missing"),
        ("layer0.columns", np.array([9, 1, 2]), "indices must be < 3"),
        ("layer0.shape", np.array([10**18, 10**18]), "no whole network"),
        ("layer0.row_starts", np.array([0, 7]), "no whole network"),
    ],
)
def test_files_that_are_whole_and_wrong_are_refused(name, array, words) -> None:
    """Compiled products look at no index: a column beyond the last one reads whatever lies behind."""
    whole, wrong = io.BytesIO(), io.BytesIO()
    ReluNetwork([np.ones((1, 3)), np.ones((1, 1))], [np.zeros(1), np.zeros(1)]).save(whole)
    whole.seek(0)
    with np.load(whole) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays[name] = array
    np.savez(wrong, **{key: value for key, value in arrays.items() if value is not None})
    wrong.seek(0)
    with pytest.raises(ValueError, match=words):
        load_network(wrong)


def exactly(network: ReluNetwork, point: np.ndarray) -> list[Fraction]:
    """The network in rational arithmetic."""
    values = [Fraction(float(x)) for x in point]
    for index, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        values = values if index == 0 else [max(value, Fraction(0)) for value in values]
        rows = weight.toarray()
        values = [
            sum((Fraction(float(w)) * v for w, v in zip(row, values, strict=True)), Fraction(float(b)))
            for row, b in zip(rows, bias, strict=True)
        ]
    return values


@settings(max_examples=60)
@given(SEEDS, HIDDEN, st.sampled_from([0.0, 1e-300, 1e-12, 0.1, 3.0]), st.booleans(), st.booleans())
def test_bounds_enclose_exact_and_evaluated_values(
    seed: int, hidden: tuple[int, ...], radius: float, copying: bool, wide: bool
) -> None:
    """Also where the box is a point, so that only the rounding analysis keeps the exact value inside."""
    rng = np.random.default_rng(seed)
    network = random_network(seed, 3, hidden, 2)
    if copying:  # layers that only copy have bounds of their own; two in a row do not
        first = affine_network(sparse.csr_array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]]), rng.normal(size=3))
        network = on_top(on_top(first, identity(3), rng.normal(size=3)), network.weights[0], network.biases[0])
        network = on_top(network, identity(network.outputs, -1.0), rng.normal(size=network.outputs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relu_steps, "BLOCK_UNITS", 2 if wide else 4096)
        assert any(isinstance(step, relu_steps.Fused) for step in network.steps) <= wide
    centre = rng.normal(size=3)
    low, high = output_bounds(network, centre - radius, centre + radius)
    lower, upper = centre - radius, centre + radius
    points = [lower, upper, centre, *np.clip(rng.uniform(lower, upper, (4, 3)), lower, upper)]
    for point in points:
        exact = exactly(network, point)
        value = network(point)
        for k in range(network.outputs):
            assert Fraction(float(low[0, k])) <= exact[k] <= Fraction(float(high[0, k]))
            assert low[0, k] <= value[k] <= high[0, k]
    if radius <= 1e-300:
        assert np.max(high - low) < 1e-11  # a thousand units of round-off: the bounds are not vacuous


def test_bounds_of_one_layer_are_attained() -> None:
    weight, bias = np.array([[1.0, -2.0, 0.5]]), np.array([0.25])
    low, high = output_bounds(affine_network(weight, bias), [[-1.0, -1, -1]], [[1.0, 2, 3]])
    rounding = 25 * 2.0**-53 * 6.75  # 2 (n + 1) + 16 units of the sum of absolute values, n = 3, and the last rounding
    assert low[0, 0] == pytest.approx(-1 - 4 - 0.5 + 0.25, abs=rounding)
    assert high[0, 0] == pytest.approx(1 + 2 + 1.5 + 0.25, abs=rounding)


def test_a_copied_input_at_its_bound_stays_exactly_there() -> None:
    """The face of a closed ball: x - upper is 0 for x = upper, so the kink there is exactly 0."""
    edge = np.nextafter(0.1 + 0.2, np.inf)
    network = on_top(affine_network(sparse.csr_array([[1.0]]), [-edge]), [[1e12]], [0.0])
    low, high = output_bounds(network, [[0.0]], [[edge]])
    assert low[0, 0] <= 0 <= high[0, 0] < 1e-300


def test_copies_of_copies_do_not_lose_what_the_first_rounding_lost() -> None:
    """(1e-17 + 1) - 1: the evaluated value is 0, the exact one is not, and the bounds hold both."""
    copy = sparse.csr_array([[1.0]])
    network = on_top(on_top(affine_network(copy, [1.0]), copy, [-1.0]), copy, [0.0])
    low, high = output_bounds(network, [[1e-17]], [[1e-17]])
    assert network([1e-17])[0] == 0.0
    assert low[0, 0] <= 0.0
    assert high[0, 0] >= 1e-17
