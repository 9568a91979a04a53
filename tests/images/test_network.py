"""The compiled network against the float64 reference, within a derived bound on its rounding, and its promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from network_cases import (
    LAYOUTS,
    NAMED,
    UNIT,
    Analysis,
    Case,
    architectures,
    check_everything,
    check_smoothing,
    close,
    fits,
    gamma,
    make_case,
    network,
    pairs,
)

from cgrosim.errors import ParameterError
from cgrosim.images.network.architectures import lenet, patch_network, stack3x3
from cgrosim.images.network.ascent import direction, project
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, Power, ReLU
from cgrosim.images.network.losses import margins

pytest.importorskip("cgrosim.images.network.network")

BATCHES = st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70])


def margins_of(network, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Exact differences of the float32 logits."""
    return margins(network.logits(images).astype(np.float64), labels)


@pytest.mark.parametrize(("architecture", "layout"), pairs(NAMED))
def test_named_networks(architecture: Architecture, layout: str) -> None:
    for samples in (1, 19, 32):
        check_everything(make_case(architecture, samples, seed=samples), layout)


@pytest.mark.parametrize(("architecture", "layout"), pairs(NAMED))
def test_smoothed_labels(architecture: Architecture, layout: str) -> None:
    check_smoothing(make_case(architecture, 19, seed=2), layout)


def test_the_bound_is_sharp_enough_to_see_another_smoothing() -> None:
    case = make_case(lenet(1, (8, 8, 1)), 19, seed=2)
    ours, bound = network(case), Analysis(case, 1.0, 0.301)
    ours.accumulate_gradient(case.images, case.labels, 1.0, 0.3)
    name = "layer8.bias"
    with pytest.raises(AssertionError, match="more than the bound"):
        close(ours.gradient()[name], bound.gradient[name], bound.gradient_error[name])


@given(architecture=architectures(), samples=BATCHES, seed=st.integers(0, 999))
@settings(max_examples=25)
def test_any_stack_with_channels_side_by_side(architecture: Architecture, samples: int, seed: int) -> None:
    check_everything(make_case(architecture, samples, seed), "channels")


@given(architecture=architectures(common=True), samples=BATCHES, seed=st.integers(0, 999))
@settings(max_examples=25)
def test_any_stack_with_samples_side_by_side(architecture: Architecture, samples: int, seed: int) -> None:
    if not fits(architecture, "samples"):
        reject()
    check_everything(make_case(architecture, samples, seed), "samples")


def test_a_layout_that_does_not_fit_is_one_sentence() -> None:
    case = make_case(NAMED[3], 1, seed=0)
    with pytest.raises(ParameterError, match=r"layout samples has no kernel for Power"):
        network(case, "samples")
    with pytest.raises(ParameterError, match=r"layout is 'rows'"):
        network(case, "rows")
    assert np.isfinite(network(case).logits(case.images)).all()  # auto finds one that fits


def test_the_bound_is_sharp_enough_to_see_a_wrong_weight() -> None:
    """A change of one weight in a thousand by a hundredth is outside of the bound."""
    case = make_case(lenet(2, (12, 12, 1)), 20, seed=4)
    bound, changed = Analysis(case), {name: value.copy() for name, value in case.parameters.items()}
    changed["layer3.weight"][2, 2, 1, 3] *= 1.01
    logits = network(Case(case.architecture, changed, case.images, case.labels)).logits(case.images)
    assert np.any(np.abs(logits - bound.logits) > bound.logits_error)
    gradients = [bound.input_gradient, *bound.gradient.values()]
    errors = [bound.input_gradient_error, *bound.gradient_error.values()]
    for value, error in zip(gradients, errors, strict=True):
        assert np.median(error) < 1e-3 * np.abs(value).max()


def test_gradients_add_up_and_are_cleared_by_a_step() -> None:
    case = make_case(lenet(1, (8, 8, 1)), 24, seed=6)
    ours, first, second = network(case), slice(0, 10), slice(10, 24)
    for part, weight in ((first, 0.25), (second, 0.75)):
        ours.accumulate_gradient(case.images[part], case.labels[part], weight)
    parts = [
        Analysis(Case(case.architecture, case.parameters, case.images[part], case.labels[part]), weight)
        for part, weight in ((first, 0.25), (second, 0.75))
    ]
    for name, value in ours.gradient().items():
        expected = sum(part.gradient[name] for part in parts)
        error = sum(part.gradient_error[name] for part in parts) + gamma(1) * np.abs(expected)
        close(value, expected, error)


def test_parameters_and_velocity_are_read_and_written_exactly() -> None:
    for architecture in NAMED:
        case = make_case(architecture, 3, seed=1)
        for layout in LAYOUTS if fits(architecture, "samples") else LAYOUTS[:1]:
            ours = network(case, layout)
            other = {name: 2 * value for name, value in case.parameters.items()}
            for read, write in ((ours.parameters, ours.set_parameters), (ours.velocity, ours.set_velocity)):
                write(other)
                found = read()
                assert all(np.array_equal(found[name], other[name]) for name in other)
                found["layer0.weight"][...] = 7.0  # copies
                assert np.array_equal(read()["layer0.weight"], other["layer0.weight"])


@pytest.mark.slow
def test_batches_larger_than_the_workspace() -> None:
    case = make_case(lenet(1, (8, 8, 1)), 2500, seed=3)
    ours, bound = network(case), Analysis(case)
    close(ours.logits(case.images), bound.logits, bound.logits_error)
    ours.accumulate_gradient(case.images, case.labels, 1.0)
    for name, value in ours.gradient().items():
        close(value, bound.gradient[name], bound.gradient_error[name])


def random_start(case: Case, norm: str, radius: float, seed: int) -> np.ndarray:
    offset = np.random.default_rng(seed).uniform(-radius, radius, case.images.shape)
    return np.clip(project(case.images + 0.8 * offset, case.images, radius, norm), 0.0, 1.0).astype(np.float32)


def assert_inside(adversarial: np.ndarray, case: Case, norm: str, radius: float) -> None:
    """In the box exactly; in the ball up to the rounding of its border, of pixels below 1 in size."""
    offset = adversarial.astype(np.float64) - case.images
    assert adversarial.min() >= 0.0
    assert adversarial.max() <= 1.0
    if norm == "linf":  # clean + radius is rounded once, and so is the radius
        assert np.abs(offset).max() <= radius + 2 * UNIT
    else:  # the length is a sum of squares, then a quotient, a product and a sum of every pixel
        length = np.sqrt((offset**2).sum(axis=(1, 2, 3)))
        pixels = case.images[0].size
        assert length.max() <= radius * (1 + gamma(pixels + 8)) + 2 * UNIT * np.sqrt(pixels)


PERTURBED = [lenet(2, (12, 11, 1)), stack3x3(4, (8, 8, 3)), patch_network((6, 6, 1), 3, filters=20)]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("architecture", "layout"), pairs(PERTURBED))
def test_one_step_of_an_attack(architecture: Architecture, norm: str, layout: str) -> None:
    case = make_case(architecture, 21, seed=9)
    radius, step_size = (0.3, 0.2) if norm == "linf" else (1.5, 1.0)
    start = random_start(case, norm, radius, 1)
    options = {"norm": norm, "radius": radius, "step_size": step_size, "steps": 1}
    ours = network(case, layout)
    found, margin, stuck = ours.perturb(case.images, case.labels, start, **options)
    bound = Analysis(Case(architecture, case.parameters, start, case.labels), network=ours)
    gradient, error = bound.input_gradient, bound.input_gradient_error
    clean = case.images.astype(np.float64)

    def after(g: np.ndarray) -> np.ndarray:
        moved = start.astype(np.float64) + step_size * direction(g, norm)
        return np.clip(project(moved, clean, radius, norm), 0.0, 1.0)

    if norm == "linf":  # where the sign is certain every pixel is known up to the rounding of three numbers below 2
        certain = np.abs(gradient) > error
        assert certain.mean() > 0.5  # all but saturated samples, whose gradient is rounding
        assert np.abs(found - after(gradient))[certain].max() <= 4 * UNIT
    else:  # projection is a contraction, and g / |g| moves by at most 2 |error| / |g|
        length = np.sqrt((gradient**2).sum(axis=(1, 2, 3)))
        off = 2 * np.sqrt((error**2).sum(axis=(1, 2, 3))) / length
        slack = gamma(2 * case.images[0].size + 16) * (radius + step_size) + 4 * UNIT * np.sqrt(case.images[0].size)
        distance = np.sqrt(((found - after(gradient)) ** 2).sum(axis=(1, 2, 3)))
        assert np.all(distance <= step_size * off + slack)
        assert np.median(off) < 1e-2
    assert_inside(found, case, norm, radius)
    reached = Analysis(Case(architecture, case.parameters, found, case.labels), network=ours)
    error = 2 * reached.logits_error.max(axis=1) + 2 * UNIT * np.abs(reached.logits).max(axis=1)
    assert np.all(np.abs(margin - margins(reached.logits, case.labels)) <= error)
    assert not stuck.any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("keep_worst", [False, True])
def test_a_whole_attack_is_its_steps(norm: str, keep_worst: bool, layout: str) -> None:
    """Five steps in one call are five calls of one step; the smallest margin on the way is the one kept."""
    case = make_case(PERTURBED[0], 40, seed=7)
    ours, radius = network(case, layout), 0.2 if norm == "linf" else 1.0
    options = {"norm": norm, "radius": radius, "step_size": radius / 2}
    start = x = random_start(case, norm, radius, 2)
    way = [(x, margins_of(ours, x, case.labels))]
    for _ in range(5):
        x, margin, _ = ours.perturb(case.images, case.labels, x, **options, steps=1)
        way.append((x, margin))
    found = ours.perturb(case.images, case.labels, start, **options, steps=5, keep_worst=keep_worst)
    points, values = np.array([each[0] for each in way]), np.array([each[1] for each in way])
    chosen = values.argmin(axis=0) if keep_worst else np.full(40, 5)
    rows = np.arange(40)
    assert np.array_equal(found[1], values[chosen, rows])
    assert np.array_equal(found[0], points[chosen, rows])
    assert_inside(found[0], case, norm, radius)
    if keep_worst:
        assert (chosen < 5).any()  # otherwise nothing was tested


def test_no_steps_return_the_start_and_its_margins() -> None:
    case = make_case(PERTURBED[0], 5, seed=3)
    ours = network(case)
    options = {"norm": "linf", "radius": 0.1, "step_size": 0.1, "steps": 0}
    found, margin, _ = ours.perturb(case.images, case.labels, case.images, **options)
    assert np.array_equal(found, case.images)
    assert np.array_equal(margin, margins_of(ours, case.images, case.labels))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_zero_gradient_is_told_and_leaves_the_image(layout: str) -> None:
    """Dead ReLUs: every second image has no gradient, moves nowhere, and is named."""
    architecture = Architecture("dead", (4, 4, 1), (Convolution(3, 3, bias=True), ReLU(), FullyConnected(3)))
    case = make_case(architecture, 12, seed=1)
    case.parameters["layer0.weight"][...] = np.abs(case.parameters["layer0.weight"])
    case.parameters["layer0.bias"][...] = -1e-3
    images = case.images.copy()
    images[::2] = 0.0
    for norm in ("linf", "l2"):
        options = {"norm": norm, "radius": 0.1, "step_size": 0.05, "steps": 3}
        found, _, stuck = network(case, layout).perturb(images, case.labels, images, **options)
        assert np.array_equal(stuck, np.arange(12) % 2 == 0)
        assert not found[::2].any()
        assert np.abs(found[1::2] - images[1::2]).max() > 0.01


def test_ties_of_the_maximum_go_to_the_first() -> None:
    """A constant image and a 1x1 convolution: every cell ties exactly; the gradient goes to its upper left place."""
    architecture = Architecture("ties", (5, 6, 1), (Convolution(4, 1), MaxPool(), FullyConnected(3)))
    case = make_case(architecture, 9, seed=1)
    case.images[...] = 0.5
    first = np.zeros((5, 6), bool)
    first[0:4:2, 0:6:2] = True
    for layout in LAYOUTS:
        gradient = network(case, layout).input_gradient(case.images, case.labels)[..., 0]
        assert np.all(gradient[:, first] != 0.0)
        assert not gradient[:, ~first].any()


HIDDEN = (Convolution(20, 3), ReLU(), MaxPool(), FullyConnected(5), ReLU(), FullyConnected(3))
BROKEN = Architecture("broken", (6, 6, 1), HIDDEN)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sample", [0, 17, 36])
def test_a_pixel_that_is_not_finite_is_located(value: float, sample: int, layout: str) -> None:
    from cgrosim.images.network.network import NonFiniteError

    case = make_case(BROKEN, 37, seed=5)
    ours = network(case, layout)
    case.images[sample, 2, 3, 0] = value
    labels, images = case.labels, case.images
    options = {"norm": "linf", "radius": 0.1, "step_size": 0.1, "steps": 2}
    for call in (
        lambda: ours.logits(images),
        lambda: ours.losses(images, labels),
        lambda: ours.input_gradient(images, labels),
        lambda: ours.accumulate_gradient(images, labels, 1.0),
        lambda: ours.perturb(images, labels, images, **options),
    ):
        with pytest.raises(NonFiniteError, match=rf"\b{sample}\b"):
            call()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["layer0.weight", "layer0.bias", "layer3.weight", "layer3.bias", "layer5.weight"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_located(name: str, value: float, layout: str) -> None:
    """Also behind ReLU and max pooling, which can swallow a nan or a minus infinity."""
    from cgrosim.images.network.network import NonFiniteError

    case = make_case(BROKEN, 5, seed=5)
    case.parameters[name].reshape(-1)[3 % case.parameters[name].size] = value
    index = int(name[5])
    with pytest.raises(NonFiniteError, match=rf"layer ?{index}\b"):
        network(case, layout).logits(case.images)


def test_an_overflow_on_the_way_is_located() -> None:
    from cgrosim.images.network.network import NonFiniteError

    architecture = Architecture("large", (4, 4, 1), (Convolution(2, 2), Power(5), FullyConnected(2)))
    case = make_case(architecture, 5, seed=5)
    case.parameters["layer0.weight"] *= np.float32(1e10)
    with pytest.raises(NonFiniteError, match=r"layer ?1\b"):
        network(case).logits(case.images)
