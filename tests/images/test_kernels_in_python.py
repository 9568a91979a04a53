"""The kernels of one sample, run as plain Python, against the NumPy twins: nothing is compiled, every number is seen.

The numbers of a sample stand `stride` apart from a first place on; what lies between belongs to others.
"""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.images.network.ascent import Seen, adaptive_ascent, direction, project, windows
from cgrosim.images.network.divergence import divergence, log_softmax
from cgrosim.images.network.kernels import adaptive, head, slots
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.losses import (
    ascended_loss,
    cross_entropy,
    margins,
    smoothed_cross_entropy,
)

EPS, UNIT = np.finfo(np.float64).eps, float(np.finfo(np.float32).eps)
LOSSES = {"dlr": slots.LOGIT_RATIO, "dlr-targeted": slots.TARGETED_RATIO}
FIRST, STRIDE = 3, 2
seeds = st.integers(0, 2**32 - 1)


def in_python(module):
    """The module with its kernels as the functions they are compiled from, which call one another."""
    plain = {name: getattr(each, "py_func", each) for name, each in vars(module).items()}
    made = {name: types.FunctionType(each.__code__, plain, name, each.__defaults__)
            for name, each in plain.items() if each is not getattr(module, name)}  # fmt: skip
    plain |= made
    return types.SimpleNamespace(**made)


HEAD, ADAPTIVE = in_python(head), in_python(adaptive)


def spread(values, dtype, first=FIRST, stride=STRIDE):
    """An array that holds `values` from a place on, `stride` apart, and nan elsewhere; and those places."""
    places = first + stride * np.arange(len(values))
    array = np.full(places[-1] + 3, np.nan, dtype)
    array[places] = values
    return array, places


def read(array, places):
    """The numbers at the places, if nothing else was written."""
    assert np.isnan(np.delete(array, places)).all()
    return array[places].astype(np.float64)


def some_logits(seed, classes=5, size=3.0):
    generator = np.random.default_rng(seed)
    return generator.normal(0, size, (1, classes)).astype(np.float32).astype(np.float64), generator


def slopes(found, expected):
    """A gradient is rounded to float32 once a sum of up to three numbers."""
    assert np.abs(found - expected).max() <= 3 * UNIT * (1e-30 + np.abs(expected).max())


@given(seeds, st.integers(2, 6), st.integers(0, 5), st.sampled_from([0.0, 0.3]), st.sampled_from([0.3, 3.0, 60.0]))
def test_cross_entropy_margin_and_gradients(seed, classes, label, smoothing, size):
    logits, _ = some_logits(seed, classes, size)
    labels = np.array([label % classes])
    given_, at = spread(logits[0], np.float64)
    expected, slope = smoothed_cross_entropy(logits, labels, smoothing)
    plain, direct = cross_entropy(logits, labels)
    for kind, scale in ((head.DERIVATIVE, 0.25), (head.DIRECTION, 1.0)):
        out, to = spread(np.zeros(classes), np.float32, 1)
        loss, margin = HEAD.judge(given_, at[0], STRIDE, classes, labels[0], out, to[0], kind, scale, smoothing)
        assert margin == margins(logits, labels)[0]
        # the exponents are rounded as numbers of the size of the logits
        assert loss == pytest.approx((expected if kind == head.DERIVATIVE else plain)[0], rel=1e-12, abs=EPS * 100)
        if kind == head.DERIVATIVE:
            assert np.abs(read(out, to) - scale * slope[0]).max() <= 3 * UNIT * scale * np.abs(slope).max() + 1e-15
        elif -direct[0, labels[0]] > 1e-300:
            slopes(read(out, to), direct[0] / -direct[0, labels[0]])


def test_a_label_beyond_doubt_has_a_direction_and_no_derivative():
    """The other probability is below exp(-700), far below the numbers of float32."""
    logits, at = spread([705.0, 0.0, -1.0], np.float64)
    others = np.array([1.0, 1 / np.e]) / (1.0 + 1 / np.e)
    for kind, expected in ((head.DERIVATIVE, [0.0, 0.0, 0.0]), (head.DIRECTION, [-1.0, *others])):
        out, to = spread(np.zeros(3), np.float32)
        loss, margin = HEAD.judge(logits, at[0], STRIDE, 3, 0, out, to[0], kind, 1.0, 0.0)
        assert 0.0 <= loss < 1e-300
        assert margin == 705.0
        slopes(read(out, to), np.array(expected))


@given(seeds, st.integers(2, 6))
def test_divergence_and_its_gradients(seed, classes):
    logits, generator = some_logits(seed, classes)
    log_p = log_softmax(generator.normal(0, 2, (1, classes)))
    array, at = spread(logits[0], np.float64)
    expected, _, by_q = divergence(log_p, log_softmax(logits))
    given_ = np.concatenate([[np.nan, np.nan], log_p[0]])
    for kind in (head.DERIVATIVE, head.DIRECTION):
        out, to = spread(np.zeros(classes), np.float32, 2)
        found, against = HEAD.diverge(array, at[0], STRIDE, classes, given_, 2, out, to[0], kind, 0.5)
        assert found == -against == pytest.approx(expected[0], rel=1e-9, abs=100 * EPS)
        length = 0.5 if kind == head.DERIVATIVE else 1.0 / np.abs(by_q).max()
        assert np.abs(read(out, to) - length * by_q[0]).max() <= 2 * UNIT * length * np.abs(by_q).max() + 1e-12 * length


def test_equal_distributions_diverge_by_nothing_and_in_no_direction():
    logits, at = spread([0.0, 0.0], np.float64)
    for kind in (head.DERIVATIVE, head.DIRECTION):
        out, to = spread(np.ones(2), np.float32)
        found = HEAD.diverge(logits, at[0], STRIDE, 2, np.log([0.5, 0.5]), 0, out, to[0], kind, 1.0)
        assert found == (0.0, 0.0)
        assert read(out, to).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("ways", [1, -1])
def test_a_direction_of_divergence_does_not_vanish_by_saturation(ways):
    """q_1 = exp(-900) and p_1 = exp(-901) are both zero; the gradient on class 1 is their difference up to a factor."""
    logits, at = spread([0.0, -900.0][::ways], np.float64)
    out, to = spread(np.zeros(2), np.float32)
    given_ = np.array([np.nan, np.nan, *[0.0, -901.0][::ways]])
    HEAD.diverge(logits, at[0], STRIDE, 2, given_, 2, out, to[0], head.DIRECTION, 1.0)
    assert read(out, to).tolist() == [-1.0, 1.0][::ways]


def test_what_is_given_is_added():
    out, to = spread([1.0, 2.0, 4.0], np.float32)
    HEAD.add_slope(out, to[0], STRIDE, 3, np.array([9.0, 1.0, -2.0, 3.0]), 1, 0.5)
    assert read(out, to).tolist() == [1.5, 1.0, 5.5]


@given(seeds, st.integers(3, 6), st.sampled_from(sorted(LOSSES)))
def test_ratios_of_logits(seed, classes, loss):
    classes = max(classes, 4 if loss == "dlr-targeted" else 3)
    logits, generator = some_logits(seed, classes)
    label, away = generator.integers(classes), generator.integers(1, classes)
    labels, targets = np.array([label]), np.array([(label + away) % classes])
    expected, slope = ascended_loss(loss, labels, targets, classes)(logits)
    array, at = spread(logits[0], np.float64)
    out, to = spread(np.full(classes, 7.0), np.float32, 2)
    ratio, margin = HEAD.weigh_ratio(array, at[0], STRIDE, classes, label, targets[0], out, to[0], LOSSES[loss])
    assert ratio == pytest.approx(expected[0], rel=1e-12, abs=1e-14)
    assert margin == margins(logits, labels)[0]
    order = np.sort(logits[0])
    width = order[-1] - (order[-3] if loss == "dlr" else (order[-3] + order[-4]) / 2)
    found = read(out, to)
    assert np.abs(found - slope[0] * width).max() <= 8 * UNIT * (1 + abs(ratio))


def test_ratios_of_equal_logits_take_the_first_of_them():
    """All but equal logits: the denominator is 1e-12, and of equal ones the first are the largest."""
    for loss, expected in (("dlr", [0, -1, 1, 0, 0]), ("dlr-targeted", [0, -1, 0, 0, 1])):
        array, at = spread(np.full(5, 2.0), np.float64)
        out, to = spread(np.zeros(5), np.float32)
        found = HEAD.weigh_ratio(array, at[0], STRIDE, 5, 1, 4, out, to[0], LOSSES[loss])
        assert found == (0.0, 0.0)
        assert read(out, to).tolist() == ([1, -1, 0, 0, 0] if loss == "dlr" else expected)
    array, at = spread([1.0, 1.0 + 2e-13, 1.0], np.float64)
    ratio, _ = HEAD.weigh_ratio(array, at[0], STRIDE, 3, 0, 1, np.zeros(12, np.float32), 0, slots.LOGIT_RATIO)
    assert ratio == (array[at[1]] - 1.0) / 1e-12


def box_numbers(radius, rate, low=0.2, high=0.8):
    numbers = np.full(8, np.nan)
    places = (slots.NUMBER_RADIUS, slots.NUMBER_RATE, slots.NUMBER_LOW, slots.NUMBER_HIGH)
    numbers[list(places)] = radius, rate, low, high
    return numbers


@given(seeds, st.sampled_from(["linf", "l2"]), st.sampled_from([0.05, 0.4]), st.sampled_from([0.02, 0.7]))
def test_a_step_of_ascent(seed, norm, radius, rate):
    """Into the ball, then into the box, both of which are met at these sizes."""
    generator = np.random.default_rng(seed)
    clean, slope = generator.uniform(0.2, 0.8, 7).astype(np.float32), generator.normal(0, 1, 7).astype(np.float32)
    slope[3] = 0.0
    start = (clean + generator.uniform(-radius, radius, 7) / 3).astype(np.float32)
    (image, at), (middle, _), (rise, _) = (spread(each, np.float32) for each in (start, clean, slope))
    kind = slots.LINF if norm == "linf" else slots.L2
    assert not HEAD.climb(image, middle, rise, FIRST, STRIDE, 7, kind, box_numbers(radius, rate))
    shaped = [each.astype(np.float64).reshape(1, 7, 1, 1) for each in (start, clean, slope)]
    moved = project(shaped[0] + rate * direction(shaped[2], norm), shaped[1], radius, norm)
    # a few roundings of numbers below 1.5
    assert np.abs(read(image, at) - np.clip(moved, 0.2, 0.8).ravel()).max() <= 6 * UNIT
    rise[at] = 0.0
    before = read(image, at)
    assert HEAD.climb(image, middle, rise, FIRST, STRIDE, 7, kind, box_numbers(radius, rate))
    assert np.abs(read(image, at) - before).max() <= 2 * UNIT  # on the edge of the ball it is projected again


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_steps_in_l2_neither_overflow_nor_vanish(size):
    slope = np.array([3 * size, 0.0, 4 * size], np.float32)
    image, clean = np.full(3, 0.5, np.float32), np.full(3, 0.5, np.float32)
    assert not HEAD.climb(image, clean, slope, 0, 1, 3, slots.L2, box_numbers(0.25, 0.1))
    assert image == pytest.approx([0.56, 0.5, 0.58], abs=2 * UNIT)
    memory = np.zeros(adaptive.MEMORY_SIZE)
    ADAPTIVE.remember(memory, 0, 0.0, 0, 0, 0.05)
    image[:] = 0.5
    arrays = [np.zeros(3, np.float32) for _ in range(3)]
    ADAPTIVE.advance(image, clean, arrays[0], slope, *arrays[1:], 0, 3, memory, 0, 0, slots.L2, box_numbers(0.05, 9.0))
    assert image == pytest.approx([0.53, 0.5, 0.54], abs=2 * UNIT)  # a step of 2 radii, back to the ball


@pytest.mark.parametrize(("slope", "stuck"), [([0, 0, 0], True), ([1, 1, 1], False), ([0, 0, -1e-30], False)])
def test_a_gradient_is_called_zero_where_all_of_it_is(slope, stuck):
    arrays = [np.full(3, 0.5, np.float32) for _ in range(5)]
    image, clean, previous, *best = arrays
    memory = np.zeros(adaptive.MEMORY_SIZE)
    for norm in (slots.LINF, slots.L2):
        places = (image, clean, previous, np.array(slope, np.float32), *best, 0, 3, memory, 0, 0)
        assert ADAPTIVE.advance(*places, norm, box_numbers(0.1, 9.0)) == stuck


class Hills:
    """A loss of pixels with many maxima, of three samples."""

    def __init__(self, seed):
        self.waves = np.random.default_rng(seed).normal(0, 9, (3, 6))

    def __call__(self, x, lane):
        return np.sin(self.waves[lane] * x).sum(axis=-1), self.waves[lane] * np.cos(self.waves[lane] * x)

    def look(self, x):
        """What `adaptive_ascent` asks; where it stands the float32 numbers of the kernels would be."""
        seen = [self(x[lane].ravel(), lane) for lane in range(3)]
        return Seen(np.array([loss for loss, _ in seen]), np.zeros(3), np.array([s for _, s in seen]).reshape(x.shape))


def test_a_loss_that_comes_back_to_where_it_began_halves_the_step():
    """It rises four times of five, which is enough, but no higher than at first: then the step size was too large."""
    memory, at = np.full(3 * adaptive.MEMORY_SIZE, np.nan), adaptive.MEMORY_SIZE
    for step, loss in enumerate((5.0, 1.0, 2.0, 3.0, 4.0, 5.0)):
        ADAPTIVE.remember(memory, at, loss, step, 5 if step == 5 else 0, 0.25)
    assert memory[at + adaptive.RATE] == 0.5 * adaptive.FIRST_RATE * 0.25
    assert memory[at + adaptive.RETURNS] == memory[at + adaptive.HALVED] == 1.0
    assert np.isnan(np.delete(memory, slice(at, at + adaptive.MEMORY_SIZE))).all()


def alone(hills, start, clean, radius, steps, norm):
    """Highest points and losses by `advance`, one sample after the other, which stands at 2 in its arrays."""
    numbers, found = box_numbers(radius, np.nan), []
    for lane in range(3):
        image, middle = (np.concatenate([[np.nan] * 2, each[lane], [np.nan]]) for each in (start, clean))
        previous, slope, best, best_slope = (np.full(9, np.nan) for _ in range(4))
        memory, at = np.full(3 * adaptive.MEMORY_SIZE, np.nan), adaptive.MEMORY_SIZE
        for step, window in enumerate(windows(steps)):
            loss, slope[2:8] = hills(image[2:8], lane)
            ADAPTIVE.remember(memory, at, loss, step, window, radius)
            if memory[at + adaptive.FOUND]:
                best[2:8] = image[2:8]
            if step < steps:
                places = (image, middle, previous, slope, best, best_slope, 2, 6, memory, at, step)
                assert not ADAPTIVE.advance(*places, norm, numbers)
        assert np.isnan(image[[0, 1, 8]]).all()
        found.append((best[2:8], memory[at + adaptive.LARGEST]))
    return tuple(map(np.array, zip(*found, strict=True)))


def together(hills, start, clean, radius, steps, norm):
    """The same by `advance_lanes`: pixel i of sample `lane` is at ``i BLOCK + lane``."""
    numbers, size = box_numbers(radius, np.nan), 6 * BLOCK
    image, middle, previous, slope, best, best_slope = (np.zeros(size + BLOCK) for _ in range(6))
    for array, values in ((image, start), (middle, clean)):
        array[:size].reshape(6, BLOCK)[:, :3] = values.T
    at, memory = 5, np.zeros(5 + BLOCK * adaptive.MEMORY_SIZE)
    for step, window in enumerate(windows(steps)):
        for lane in range(3):
            loss, rise = hills(image[lane:size:BLOCK], lane)
            slope[lane:size:BLOCK] = rise
            ADAPTIVE.remember(memory, at + lane * adaptive.MEMORY_SIZE, loss, step, window, radius)
        ADAPTIVE.keep_lanes(image, best, 6, memory, at, 3)
        if step < steps:
            places = (image, middle, previous, slope, best, best_slope, 6, memory, at, 3, step)
            ADAPTIVE.advance_lanes(*places, norm, numbers)
    largest = memory[at + adaptive.LARGEST :: adaptive.MEMORY_SIZE][:3]
    return best[:size].reshape(6, BLOCK)[:, :3].T, largest


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("ascend", [alone, together])
def test_ascent_with_a_step_size_that_adapts(ascend, norm):
    """The arrays hold float64: 22 steps with six checkpoints are those of the twin.

    Up to numbers that are float32: step, radius, box and inertia, which are exact here, and in l_2 the point, rounded
    twice a step by 3e-8; what the steps make of that stays below a thousand times as much.
    """
    hills, generator, radius = Hills(4), np.random.default_rng(1), 0.125 if norm == "linf" else 0.25
    clean = generator.uniform(0.25, 0.75, (3, 6))
    start = np.clip(clean + generator.uniform(-0.05, 0.05, clean.shape), 0.2, 0.8)
    kind = slots.LINF if norm == "linf" else slots.L2
    points, losses = ascend(hills, start, clean, radius, 22, kind)
    shaped = (each.reshape(3, 6, 1, 1) for each in (clean, start))
    low, high = (float(np.float32(edge)) for edge in (0.2, 0.8))
    twin = adaptive_ascent(hills.look, *shaped, norm, radius, 22, low, high)
    assert (losses > [hills(start[lane], lane)[0] for lane in range(3)]).all()
    assert points == pytest.approx(twin.highest.reshape(3, 6), abs=3e-5)
    assert losses == pytest.approx(twin.losses, abs=3e-5 * np.abs(hills.waves).sum(axis=1).max())
