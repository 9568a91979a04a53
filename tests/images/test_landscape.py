"""The landscape measure against closed forms: linear networks, a quadratic bowl, and what holds for every network."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_cases import UNIT, Analysis, gamma, make_case

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import Attack, perturb
from cgrosim.images.experiments.landscape_search import STRIDE, Ball, NetworkSurface, Search, measure
from cgrosim.images.network.architectures import lenet
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, ReLU, initial_parameters
from cgrosim.images.network.network import Network
from cgrosim.images.network.reference import ReferenceNetwork

SHAPE = (3, 4, 1)
RADII = np.array([0.0, 0.01, 0.05, 0.2])
SMALL = Search(steps=4, restarts=1, randoms=1, segments=1)


def linear_network(seed=0):
    architecture = Architecture("linear", SHAPE, (FullyConnected(2),))
    parameters = initial_parameters(architecture, np.random.default_rng(seed))
    return NetworkSurface(ReferenceNetwork(architecture, parameters))


def slopes(surface, labels):
    """Gradient of (other logit - own logit), which is constant for a linear network: one row a sample."""
    weight = surface.network.parameters()["layer0.weight"]
    return np.where(labels[:, None] == 0, weight[:, 1] - weight[:, 0], weight[:, 0] - weight[:, 1])


def middle_points(count, seed=1):
    """Points so far from the border of the box that no ball of `RADII` meets it."""
    generator = np.random.default_rng(seed)
    return generator.uniform(0.3, 0.7, (count, *SHAPE)), generator.integers(0, 2, count)


def softplus(t):
    return np.logaddexp(0.0, t)


def sigmoid(t):
    return 1.0 / (1.0 + np.exp(-t))


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_a_linear_network_has_the_landscape_of_its_closed_form(norm, dual):
    surface = linear_network()
    points, labels = middle_points(20)
    found = measure(surface, points, labels, RADII, Ball(norm), SMALL, np.random.default_rng(0))
    steep = np.linalg.norm(slopes(surface, labels), ord=dual, axis=1)[:, None]
    logits = surface.network.logits(points)
    behind = (logits.sum(axis=1) - 2.0 * logits[np.arange(20), labels])[:, None]  # of two classes: other - own
    # the ascents go 2.5 radii along one direction, so they end at the maximum; the rest is round-off of 12-term sums
    assert found.value_change == pytest.approx(softplus(behind + steep * RADII) - softplus(behind), abs=1e-12)
    assert found.gradient_norm == pytest.approx(sigmoid(behind + steep * RADII) * steep, rel=1e-12)


def test_the_box_bounds_the_maximum():
    surface = linear_network()
    generator = np.random.default_rng(2)
    points, labels = generator.random((30, *SHAPE)), generator.integers(0, 2, 30)
    radii = np.array([0.3])
    found = measure(surface, points, labels, radii, Ball("linf"), SMALL, generator)
    best = np.clip(points + 0.3 * np.sign(slopes(surface, labels)).reshape(points.shape), 0.0, 1.0)
    assert np.any(best != points + 0.3 * np.sign(slopes(surface, labels)).reshape(points.shape))
    expected = surface.losses(best, labels) - surface.losses(points, labels)
    assert found.value_change[:, 0] == pytest.approx(expected, abs=1e-12)


def test_at_radius_zero_nothing_changes_and_the_gradient_is_that_of_the_point():
    architecture = lenet(1, (8, 8, 1))
    surface = NetworkSurface(ReferenceNetwork(architecture, initial_parameters(architecture, np.random.default_rng(3))))
    generator = np.random.default_rng(4)
    points, labels = generator.random((6, 8, 8, 1)), generator.integers(0, 10, 6)
    found = measure(surface, points, labels, np.array([0.0]), Ball("linf"), Search(), generator)
    assert np.array_equal(found.value_change, np.zeros((6, 1)))
    plain = np.abs(surface.network.input_gradient(points, labels)).reshape(6, -1).sum(axis=1)
    assert found.gradient_norm[:, 0] == pytest.approx(plain, rel=1e-14)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_maxima_do_not_fall_with_the_radius_and_repeat_with_the_seed(norm):
    architecture = lenet(1, (8, 8, 1))
    surface = NetworkSurface(ReferenceNetwork(architecture, initial_parameters(architecture, np.random.default_rng(3))))
    generator = np.random.default_rng(5)
    points, labels = generator.random((8, 8, 8, 1)), generator.integers(0, 10, 8)
    radii = np.array([0.0, 0.1, 0.11, 0.3, 0.8])
    first, again, other = (
        measure(surface, points, labels, radii, Ball(norm), SMALL, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    for values in (first.value_change, first.gradient_norm):
        assert np.all(np.diff(values, axis=1) >= 0.0)
        assert np.all(values >= 0.0)
    assert np.array_equal(first.gradient_norm, again.gradient_norm)
    assert np.array_equal(first.value_change, again.value_change)
    assert not np.array_equal(first.gradient_norm, other.gradient_norm)


def test_the_change_is_at_least_that_of_an_attack_with_the_same_steps():
    architecture = lenet(2, (8, 8, 1))
    network = ReferenceNetwork(architecture, initial_parameters(architecture, np.random.default_rng(6)))
    generator = np.random.default_rng(7)
    points, labels = generator.random((10, 8, 8, 1)), generator.integers(0, 10, 10)
    search = Search(steps=5, restarts=0, randoms=0, segments=0)
    surface = NetworkSurface(network)
    found = measure(surface, points, labels, np.array([0.2]), Ball("linf"), search, generator)
    adversarial, _, _ = network.perturb(points, labels, points, norm="linf", radius=0.2, step_size=0.1, steps=5)
    reached = surface.losses(adversarial, labels) - surface.losses(points, labels)
    assert np.all(found.value_change[:, 0] >= reached - 1e-12)  # the two projections round differently


def length(values):
    """Euclidean length of every sample."""
    return np.sqrt((values.reshape(len(values), -1) ** 2).sum(axis=1))


def nearest_kink(bound):
    """How far every point is from the kinks of the ReLUs behind the first layer, at least, with rounding deducted."""
    steepness = np.sqrt((bound.case.parameters["layer0.weight"].astype(np.float64) ** 2).sum(axis=(0, 1, 2)))
    return ((np.abs(bound.values[1]) - bound.errors[1]) / steepness).min(axis=(1, 2, 3))


def attacked(network, case, attack):
    """Where an attack ends, how far two computations of it can part, in pixels and in loss, and for which samples.

    Between the kinks of a network of two classes and one hidden layer the steepest direction is constant, and
    projections bring points no further apart: the two computations part by the rounding of their steps, which adds
    up. That holds for the samples whose kinks are all further away than that.
    """
    places = [case.images]
    for steps in range(1, attack.steps + 1):
        shorter = attack.replace(steps=steps)
        places.append(perturb(network, case.images, case.labels, attack=shorter, generator=np.random.default_rng(0))[0])
    bounds = [Analysis(replace(case, images=place)) for place in places]
    size, apart, clear = case.images[0].size, np.zeros(len(case.images)), np.ones(len(case.images), bool)
    for bound in bounds[:-1]:
        clear &= nearest_kink(bound) > apart
        # g / |g| moves by at most 2 |error| / |g|; then a length, a quotient, a product and a sum of every pixel below
        # 2 in size, for the step and for the projection; and either computation can be that far from the exact step
        turn = 2 * length(bound.input_gradient_error) / length(bound.input_gradient)
        rounded = gamma(2 * size + 16) * (attack.radius + attack.step_size) + 4 * UNIT * np.sqrt(size)
        apart = apart + 2 * (attack.step_size * turn + rounded)
    end = bounds[-1]
    clear &= nearest_kink(end) > apart
    # the loss is softplus(-margin), which is no steeper than the margin; that has the slope |g| / (1 - p), where p is
    # exp(-loss). Besides, each of the two losses moves by at most twice as much as the logits
    slope = length(end.input_gradient) / -np.expm1(-end.losses)
    return places[-1], apart, slope * apart + 4 * end.logits_error.max(axis=1), clear


def test_an_l2_landscape_of_a_compiled_network_reaches_what_an_attack_and_the_gradient_do():
    architecture = Architecture("two classes", (6, 6, 1), (Convolution(3, 5), ReLU(), FullyConnected(2)))
    case = make_case(architecture, 60, seed=11)  # a start that has no sample with all units dead, so no zero gradient
    case = replace(case, images=(0.1 + 0.8 * case.images).astype(np.float32))  # the box does not cut the smallest balls
    network = Network(architecture, case.parameters)
    surface, radii, search = NetworkSurface(network), np.array([0.003, 0.1, 0.5, 1.0]), Search(8, 0, 0, 0)
    found = measure(surface, case.images, case.labels, radii, Ball("l2"), search, np.random.default_rng(0))
    for values in (found.value_change, found.gradient_norm):
        assert np.all(np.diff(values, axis=1) >= 0.0)  # exactly: the largest of more and more places

    start = surface.losses(case.images, case.labels)
    attacks = [Attack("l2", r, search.steps, STRIDE * r / search.steps, random_start=False) for r in radii.tolist()]
    ends = [attacked(network, case, attack) for attack in attacks]
    for rise, (adversarial, _, slack, clear) in zip(found.value_change.T, ends, strict=True):
        reached = surface.losses(adversarial, case.labels) - start
        assert np.all((rise >= reached - slack)[clear])
        assert clear.mean() > 0.8  # otherwise little was tested
        assert np.median(slack / reached) < 0.05

    # without a kink in the ball the loss is convex there, so a full step along the gradient, where the ascent ends up
    # to rounding, gains at least `steep`; a kink takes away all of that at most. The share of samples with a kink in
    # the ball is proportional to the radius, so the tolerance is of second order, beside the rounding
    (_, apart, slack, _), centre = ends[0], Analysis(case)
    steep = radii[0] * length(centre.input_gradient)
    tolerance = np.where(nearest_kink(centre) > radii[0] + apart, slack, steep).mean()
    assert found.value_change[:, 0].mean() >= steep.mean() - tolerance
    assert tolerance < 0.1 * steep.mean()  # otherwise the bound says little


@dataclass(frozen=True)
class Bowl:
    """|x|^2 / 2 on samples that are stacks of patches: not an image, and not a network."""

    def losses(self, points, labels):
        return 0.5 * (points.reshape(len(points), -1) ** 2).sum(axis=1)

    def gradients(self, points, labels):
        return points


def test_any_loss_surface_can_be_measured():
    points = np.random.default_rng(8).standard_normal((5, 3, 7))
    length = np.sqrt((points**2).sum(axis=(1, 2)))[:, None]
    ball = Ball("l2", -np.inf, np.inf)
    found = measure(Bowl(), points, np.zeros(5), RADII, ball, SMALL, np.random.default_rng(0))
    # from the centre the gradient keeps its direction, so the first ascent already ends at the maximum
    assert found.value_change == pytest.approx(RADII * length + 0.5 * RADII**2, rel=1e-12, abs=1e-12)
    assert found.gradient_norm == pytest.approx(length + RADII, rel=1e-12)


class Step:
    """sigmoid(4 x) in one dimension: steepest at 0, wherever the loss is climbed from."""

    def losses(self, points, labels):
        return sigmoid(4.0 * points[:, 0])

    def gradients(self, points, labels):
        return 4.0 * sigmoid(4.0 * points) * sigmoid(-4.0 * points)


def test_the_steepest_place_is_found_where_the_loss_leads_away_from_it():
    points, search = np.full((1, 1), 0.3), Search(steps=20, restarts=0, randoms=0, segments=0)
    ball = Ball("linf", -1.0, 1.0)
    found = measure(Step(), points, np.zeros(1), np.array([0.2, 0.5]), ball, search, np.random.default_rng(0))
    within = Step().gradients(np.array([[0.1], [0.0625 / 2]]), None)[:, 0]  # the ball's edge; half a step from 0
    assert found.gradient_norm[0, 0] == pytest.approx(within[0], rel=1e-12)
    assert within[1] <= found.gradient_norm[0, 1] <= 1.0
    climbed = Step().losses(np.array([[0.5], [0.8]]), None) - Step().losses(points, None)
    assert found.value_change[0] == pytest.approx(climbed, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), norm=st.sampled_from(["linf", "l2"]), radius=st.floats(1e-4, 2.0))
def test_every_place_that_is_looked_at_lies_in_ball_and_box(dtype, seed, norm, radius):
    generator = np.random.default_rng(seed)
    centres = generator.choice([0.0, 0.5, 1.0], (3, *SHAPE)).astype(dtype)
    ball = Ball(norm)
    places = [
        ball.draw(centres, radius, generator),
        ball.project(centres + generator.standard_normal(centres.shape).astype(dtype), centres, radius),
    ]
    slack = 8.0 * np.finfo(dtype).eps  # one rounding each of the scaled offset, and of its sum with a centre up to 1
    for place in places:
        assert place.dtype == dtype
        assert place.min() >= 0.0
        assert place.max() <= 1.0
        offset = (place - centres).astype(np.float64).reshape(3, -1)
        length = np.linalg.norm(offset, ord=np.inf if norm == "linf" else 2, axis=1)
        assert np.all(length <= radius * (1.0 + slack) + slack * np.sqrt(offset.shape[1]))


@given(seed=st.integers(0, 2**32 - 1), norm=st.sampled_from(["linf", "l2"]))
def test_the_steepest_direction_attains_the_dual_norm(seed, norm):
    gradients = np.random.default_rng(seed).standard_normal((4, *SHAPE))
    ball = Ball(norm)
    unit = ball.steepest(gradients).reshape(4, -1)
    assert np.linalg.norm(unit, ord=np.inf if norm == "linf" else 2, axis=1) == pytest.approx(1.0, rel=1e-14)
    assert (unit * gradients.reshape(4, -1)).sum(axis=1) == pytest.approx(ball.dual_norm(gradients), rel=1e-14)


def test_a_zero_gradient_leads_nowhere():
    for norm in ("linf", "l2"):
        assert not Ball(norm).steepest(np.zeros((2, *SHAPE))).any()


def test_small_losses_keep_their_digits():
    """A network that is sure by 50 nat has the loss exp(-50), where 1 - p would be 0 in double precision."""
    architecture = Architecture("sure", (1, 1, 1), (FullyConnected(2),))
    parameters = {"layer0.weight": np.array([[0.0, 50.0]]), "layer0.bias": np.zeros(2)}
    surface = NetworkSurface(ReferenceNetwork(architecture, parameters))
    losses = surface.losses(np.ones((2, 1, 1, 1)), np.array([1, 0]))
    assert losses == pytest.approx([np.exp(-50.0), 50.0], rel=1e-14)


@pytest.mark.parametrize(
    ("radii", "points", "said"),
    [
        ([0.2, 0.1], 0.5, "increasing"),
        ([-0.1, 0.1], 0.5, "increasing"),
        ([0.0, np.inf], 0.5, "increasing"),
        ([], 0.5, "increasing"),
        ([0.0, 0.1], 1.5, "outside the box"),
    ],
)
def test_bad_radii_and_points_are_refused(radii, points, said):
    points = np.full((1, *SHAPE), points)
    with pytest.raises(ParameterError, match=said):
        measure(linear_network(), points, np.zeros(1, int), radii, Ball(), Search(), np.random.default_rng(0))


def test_no_points_bad_norm_bad_box_and_bad_search_are_refused():
    with pytest.raises(ParameterError, match="no points"):
        measure(Bowl(), np.zeros((0, 1)), np.zeros(0), [0.1], Ball(), Search(), np.random.default_rng(0))
    with pytest.raises(ParameterError, match="l1"):
        Ball("l1")
    with pytest.raises(ParameterError, match="box"):
        Ball("linf", 1.0, 0.0)
    for name, value in {"steps": 0, "restarts": -1, "randoms": -1, "segments": -1}.items():
        with pytest.raises(ParameterError, match=name):
            Search(**{name: value})
