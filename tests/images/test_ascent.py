"""Ascent with a step size that adapts: losses, checkpoints, schedule, and the kernels against the NumPy twin."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from attacked_networks import linear_network, offset_lengths, overshoot
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.gradient import finite_margins
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.network.ascent import Seen, adaptive_ascent, checkpoints, windows
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, ReLU, initial_parameters
from cgrosim.images.network.losses import ascended_loss, logit_ratio, margins, targeted_logit_ratio
from cgrosim.images.network.network import Network
from cgrosim.images.network.reference import ReferenceNetwork

LAYOUTS = ("channels", "samples")
LOSSES = ("ce", "dlr", "dlr-targeted")
SHAPE = (6, 6, 2)
LOGITS = np.array([5.0, 3.0, 1.0, 0.0])
BY_HAND = [  # label, target, untargeted ratio, targeted one
    (0, 1, -2 / 4, -2 / 4.5),
    (1, 3, 2 / 4, -3 / 4.5),
    (2, 0, 4 / 4, 4 / 4.5),
    (3, 2, 5 / 4, 1 / 4.5),
]


def small_parameters(classes=5):
    """A network whose logits depend on many units and have biases: a ratio of logits along one ray is constant."""
    layers = (Convolution(4, 3, padding=1), ReLU(), MaxPool(), FullyConnected(24), ReLU(), FullyConnected(classes))
    architecture, generator = Architecture("small", SHAPE, layers), np.random.default_rng(0)
    parameters = initial_parameters(architecture, generator)
    parameters |= {n: (v + 0.1 * generator.standard_normal(v.shape)).astype(np.float32) for n, v in parameters.items()}
    return architecture, parameters


def problem(seed, count, network, radius, norm):
    """Images with the labels that the network gives them, targets, and starts in the ball."""
    generator = np.random.default_rng(seed)
    images = generator.random((count, *SHAPE), np.float32)
    labels = np.argmax(network.logits(images), axis=1)
    span = radius if norm == "linf" else radius / np.sqrt(images[0].size)
    start = np.clip(images + generator.uniform(-span, span, images.shape), 0, 1).astype(np.float32)
    return images, labels, (labels + 1 + generator.integers(0, 4, count)) % 5, start


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
@pytest.mark.parametrize("shift", [0.0, -7.0])
def test_ratios_by_hand(scale, shift):
    logits = np.tile(scale * (LOGITS + shift), (4, 1))
    labels, targets, plain, aimed = (np.array(each) for each in zip(*BY_HAND, strict=True))
    assert logit_ratio(logits, labels)[0] == pytest.approx(plain, rel=1e-12)
    assert targeted_logit_ratio(logits, labels, targets)[0] == pytest.approx(aimed, rel=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_kernels_give_the_ratios_by_hand(layout):
    """Pixels are the logits: the weights are the identity."""
    architecture = Architecture("identity", (1, 1, 4), (FullyConnected(4),))
    network = Network(architecture, {"layer0.weight": np.eye(4), "layer0.bias": np.zeros(4)}, layout)
    images = np.tile(LOGITS, (4, 1)).reshape(4, 1, 1, 4).astype(np.float32)
    labels, targets, plain, aimed = (np.array(each) for each in zip(*BY_HAND, strict=True))
    for loss, expected in (("dlr", plain), ("dlr-targeted", aimed)):
        found = network.ascend(
            images, labels, images, norm="linf", radius=1.0, steps=0, loss=loss, targets=targets, high=9.0
        )
        assert found.losses == pytest.approx(expected, rel=1e-12)
        assert found.margins.tolist() == margins(images[:, 0, 0].astype(float), labels).tolist()


@given(st.integers(0, 2**32 - 1), st.sampled_from(LOSSES[1:]), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_ratios_know_neither_scale_nor_shift(seed, loss, scale, shift):
    """So the gradient has no part along (1, ..., 1) nor along the logits (Euler), and is that of finite differences."""
    generator = np.random.default_rng(seed)
    logits, labels = generator.standard_normal((6, 5)), generator.integers(0, 5, 6)
    value = ascended_loss(loss, labels, (labels + 2) % 5, 5)
    found, gradient = value(logits)
    size = np.abs(gradient).max(axis=1) * (1 + np.abs(logits).max())
    assert np.allclose(
        value(scale * logits + shift)[0], found, rtol=0, atol=1e-10 * (1 + size.max() * (1 + 100 / scale))
    )
    assert (np.abs(gradient.sum(axis=1)) <= 1e-12 * size).all()
    assert (np.abs((gradient * logits).sum(axis=1)) <= 1e-12 * size).all()
    step, ordered = 1e-6, np.sort(logits, axis=1)
    smooth = np.diff(ordered, axis=1).min(axis=1) > 1e-3  # no kink within the step
    slope = np.array([(value(logits + d)[0] - value(logits - d)[0]) / (2 * step) for d in step * np.eye(5)]).T
    # the third derivative of a ratio is at most 6 (its size + 1) / width^3
    width = ordered[:, -1] - ordered[:, -3]
    assert (np.abs(slope - gradient).max(axis=1) <= 1e-8 * (1 + 1 / width**3) * (1 + size))[smooth].all()


def test_checkpoints():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert windows(0).tolist() == [0]
    for steps in (1, 2, 3, 7, 20, 50, 1000):
        shares = [Fraction(0), Fraction(22, 100)]
        while shares[-1] <= 1:
            shares.append(shares[-1] + max(shares[-1] - shares[-2] - Fraction(3, 100), Fraction(6, 100)))
        assert checkpoints(steps) == [ceil(share * steps) for share in shares[1:-1]]
        found = windows(steps)
        assert len(found) == steps + 1
        assert found.sum() == np.flatnonzero(found)[-1] <= steps


def scripted(losses, down=()):
    """Points on one pixel that twenty steps look at: their losses are given, and slopes are up, but for some places."""
    points = []

    def look(x):
        place = len(points)
        points.append(float(x[0, 0, 0, 0]))
        return Seen(np.array([float(losses[place])]), np.zeros(1), np.full_like(x, -1.0 if place in down else 1.0))

    adaptive_ascent(look, np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), "linf", 1.0, 20, -9.0, 9.0)
    return points


def test_the_step_size_is_halved_and_the_best_point_taken_up():
    """Twenty steps are judged after 5, 9, ...: rate 2, then 1, then 1/2; a quarter of the last move goes on.

    The loss never rises, so that each time the next step starts from the image, where it was largest first.
    """
    points = scripted([0.0] * 21)
    assert points[:7] == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75 * 1.0 - 0.25 * 1.0]
    assert points[10] == 0.75 * 0.5 - 0.25 * points[8]


@pytest.mark.parametrize(
    ("losses", "halved"),
    [
        ([6, 7, 7, 8], False),  # three rises in four steps are rho of them
        ([6, 7, 7, 7], True),  # two are not (condition 1)
        ([1, 2, 3, 4], True),  # three rises, but the largest loss is still the 5 of before (condition 2)
    ],
)
def test_when_the_step_size_is_halved(losses, halved):
    """After nine steps the slope is turned round there: a step of 2 leads from 1 to -1, three quarters of the way.

    If the step size was halved, the ascent goes on from an earlier point, whose slope still leads to the edge.
    """
    points = scripted([0, 1, 2, 3, 4, 5, *losses, *range(20, 31)], down=(9,))
    assert points[9] == 1.0
    assert points[10] == (1.0 if halved else -0.5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_kernels_are_the_reference(layout, loss, norm):
    """The loss does not double an error more than about ten times in thirty steps, as long as no kink is met.

    A step in l_inf goes by signs, so that points agree to round-off until the sign of a vanishing slope differs.
    """
    parameters, radius = small_parameters(), {"linf": 0.05, "l2": 0.3}[norm]
    network, reference = Network(*parameters, layout), ReferenceNetwork(*parameters)
    images, labels, targets, start = problem(1, 21, reference, radius, norm)
    common = {"norm": norm, "radius": radius, "loss": loss, "targets": targets}
    for steps in (0, 1, 30):
        ours = network.ascend(images, labels, start, steps=steps, **common)
        theirs = reference.ascend(images, labels, start, steps=steps, **common)
        assert np.abs(ours.losses - theirs.losses).max() <= 2e-5 * (1 + np.abs(theirs.losses).max())
        assert np.abs(ours.margins - theirs.margins).max() <= 2e-5
        assert np.array_equal(ours.stuck, theirs.stuck)
    assert (theirs.losses > reference.ascend(images, labels, start, steps=1, **common).losses).mean() > 0.5


@given(st.sampled_from(["linf", "l2"]), st.sampled_from(LOSSES), st.sampled_from(LAYOUTS), st.floats(1e-3, 1.0),
       st.integers(0, 12), st.integers(0, 2**32 - 1))  # fmt: skip
def test_points_stay_inside_and_the_loss_above_that_of_the_start(norm, loss, layout, radius, steps, seed):
    network = Network(*small_parameters(), layout)
    radius *= 1.0 if norm == "linf" else 3.0
    images, labels, targets, start = problem(seed, 5, network, radius, norm)
    common = {"norm": norm, "radius": radius, "loss": loss, "targets": targets}
    found = network.ascend(images, labels, start, steps=steps, **common)
    begun = network.ascend(images, labels, start, steps=0, **common)
    # a step rounds a few times more than the projection does: twice its allowance, and that of the start
    allowed = radius + 3 * overshoot(AutoPGD(norm, radius), images[0].size)
    for points in (found.highest, found.adversarial):
        assert points.dtype == np.float32
        assert 0.0 <= points.min() <= points.max() <= 1.0
        assert offset_lengths(points, images, norm).max() <= allowed
    assert (found.losses >= begun.losses).all()
    assert (found.margins <= begun.margins).all()
    again = network.ascend(images, labels, found.highest, steps=0, **common)
    assert np.array_equal(again.losses, found.losses)  # the loss is that of the returned point, bit for bit
    assert np.array_equal(finite_margins(network, found.adversarial, labels), found.margins)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bits_do_not_depend_on_the_company(layout):
    network = Network(*small_parameters(), layout)
    images, labels, targets, start = problem(3, 37, network, 0.05, "linf")
    common = {"norm": "linf", "radius": 0.05, "loss": "dlr-targeted", "steps": 12}
    whole = network.ascend(images, labels, start, targets=targets, **common)
    for part in (slice(0, 1), slice(20, 37)):
        found = network.ascend(images[part], labels[part], start[part], targets=targets[part], **common)
        assert np.array_equal(found.highest, whole.highest[part])
        assert np.array_equal(found.adversarial, whole.adversarial[part])
        assert np.array_equal(found.losses, whole.losses[part])


def test_a_linear_network_meets_its_closed_form():
    """The first step is twice the radius along the sign: from anywhere in the ball to the corner."""
    generator = np.random.default_rng(0)
    images, labels = generator.uniform(0.3, 0.7, (40, 3, 4, 1)).astype(np.float32), generator.integers(0, 2, 40)
    weight = generator.standard_normal((12, 2)).astype(np.float32)
    network = linear_network(weight, np.zeros(2), (3, 4, 1), Network)
    found = worst_case(
        network, images, labels, attack=AutoPGD("linf", 0.02, steps=2), generator=np.random.default_rng(0)
    )
    exact = found.clean_margins - 0.02 * np.abs(weight[:, 0].astype(float) - weight[:, 1]).sum()
    right = found.clean_margins > 0
    scale = np.abs(weight).sum()  # as for PGD: float32 sums of 12 products, and pixels off by the overshoot
    tolerance = scale * (14 * 2.0**-24 + 2 * overshoot(AutoPGD("linf", 0.02), 12))
    assert np.abs(found.margins - exact)[right].max() <= tolerance
    assert 0 < right.sum() < 40


@pytest.mark.parametrize(
    ("classes", "loss", "said"),
    [
        (2, "dlr", "loss dlr compares the 3 largest logits, but there are 2 classes; use ce, or the attack"),
        (3, "dlr-targeted", "compares the 4 largest logits, but there are 3 classes; use ce or dlr, or the attack"),
        (5, "hinge", "loss is 'hinge', but must be one of ce, dlr, dlr-targeted"),
    ],
)
@pytest.mark.parametrize("network_type", [Network, ReferenceNetwork])
def test_a_loss_that_cannot_be_is_named(network_type, classes, loss, said):
    network, images = network_type(*small_parameters(classes)), np.zeros((2, *SHAPE), np.float32)
    with pytest.raises(ParameterError, match=f"(?i){said}"):
        network.ascend(images, np.zeros(2, int), images, norm="linf", radius=0.1, steps=1, loss=loss)


@pytest.mark.parametrize("targets", [None, [1], [0, 1], [1, 5], [-1, 1]])
def test_targets_are_other_classes(targets):
    network, images = Network(*small_parameters()), np.zeros((2, *SHAPE), np.float32)
    with pytest.raises(ParameterError, match="needs a target for each of the 2 labels"):
        network.ascend(
            images, np.zeros(2, int), images, norm="linf", radius=0.1, steps=1, loss="dlr-targeted", targets=targets
        )
