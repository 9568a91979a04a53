"""The CGRO classifier: the network is the formula, its size too, its balls are certified and hold against attacks."""

import dataclasses
import io
from fractions import Fraction

import numpy as np
import pytest
from approximate_squares import approximate_square
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from relu_cases import Case, cgro_cases, plain, random_network

from cgrosim.theory.ball_attacks import attack, extreme_offsets, project, random_offsets
from cgrosim.theory.balls import CubeDesign, SeparationError, SphereDesign, ball_box, separation
from cgrosim.theory.certification import certify
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.relu_network import ReluNetwork, load_network
from cgrosim.theory.representation import CgroClassifier, assemble, cgro_classifier, classification_margins


def indicators(classifier: CgroClassifier, points: np.ndarray) -> np.ndarray:
    """I_i at every point from its definition, shape (n, N)."""
    offsets = points[:, None] - classifier.samples
    design = classifier.design
    if isinstance(design, CubeDesign):
        outside = np.maximum(np.abs(offsets) - classifier.radius, 0).sum(axis=2)
        return np.maximum(1 - outside / design.ramp, 0)
    reach = design.half_range
    squares = reach**2 * approximate_square(np.minimum(np.abs(points) / reach, 1), design.levels)
    squares += 2 * reach * np.maximum(np.abs(points) - reach, 0)
    distances = squares.sum(axis=1)[:, None] - 2 * points @ classifier.samples.T + (classifier.samples**2).sum(axis=1)
    return np.maximum(1 - np.maximum(distances - design.inner, 0) / design.ramp, 0)


def formula(classifier: CgroClassifier, points: np.ndarray) -> np.ndarray:
    inside = indicators(classifier, points)
    shut = classifier.clamp * inside.sum(axis=1, keepdims=True)
    clean = plain(classifier.clean, points)
    gates = np.maximum(clean - shut, 0) - np.maximum(-clean - shut, 0)
    if classifier.clean.outputs == 1:
        return gates + inside @ classifier.labels[:, None]
    return gates + inside @ np.eye(classifier.clean.outputs)[classifier.labels]


@settings(max_examples=50)
@given(cgro_cases())
def test_network_is_the_formula_and_its_size_is_the_count(case: Case) -> None:
    classifier = cgro_classifier(*case[:3], radius=case.radius, norm=case.norm)
    assert classifier.parameter_count == classifier.parameter_formula
    rng = np.random.default_rng(0)
    spread = np.abs(case.samples).max() + 4 * case.radius
    near = np.repeat(case.samples, 4, axis=0)
    near = near + 1.5 * random_offsets(near.shape, case.radius, case.norm, generator=rng)
    points = np.vstack([case.samples, near, rng.uniform(-spread, spread, (20, case.samples.shape[1]))])
    values, expected = classifier.network(points), formula(classifier, points)
    # An indicator amplifies the rounding of what it measures by its slope; a gate amplifies that by M.
    if isinstance(classifier.design, SphereDesign):
        measured = classifier.design.rounding
    else:
        measured = 20 * 2.0**-53 * spread * case.samples.shape[1]
    slack = len(case.samples) * (classifier.clamp + 1) * (measured / classifier.design.ramp + 1e-14)
    slack += 1e-13 * np.abs(expected).max()
    assert values == pytest.approx(expected, abs=4 * slack)


@settings(max_examples=40)
@given(cgro_cases(), st.integers(0, 10**6))
def test_every_closed_ball_is_certified_and_holds_against_attacks(case: Case, seed: int) -> None:
    classifier = cgro_classifier(*case[:3], radius=case.radius, norm=case.norm)
    certificate = certify(classifier)
    assert certificate.robust_training_error == 0.0
    # 1 but for the rounding of a few hundred operations on numbers of size 1 (the indicators and their sums).
    assert np.all(certificate.margins >= 1 - 1e-12)
    rng = np.random.default_rng(seed)
    worst, _ = attack(
        classifier.network, case.samples, case.labels, radius=case.radius, norm=case.norm, generator=rng,
        guides=[case.clean], steps=4, restarts=1,
    )  # fmt: skip
    assert np.all(worst >= np.maximum(certificate.margins, 1.0))
    corners = case.samples + extreme_offsets(case.samples.shape, case.radius, case.norm, generator=rng)
    corners = project(corners, case.samples, case.radius, norm=case.norm)
    assert np.all(classifier.margins(corners, case.labels) >= certificate.margins)


@settings(max_examples=50)
@given(cgro_cases(), st.integers(0, 10**6))
def test_far_from_the_samples_it_is_the_clean_classifier(case: Case, seed: int) -> None:
    classifier = cgro_classifier(*case[:3], radius=case.radius, norm=case.norm)
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(30, case.samples.shape[1]))
    order = np.inf if case.norm == "linf" else 2
    directions *= rng.uniform(2, 1e3, (30, 1)) * case.radius / np.linalg.norm(directions, order, axis=1, keepdims=True)
    points = case.samples[rng.integers(len(case.samples), size=30)] + directions
    distances = np.linalg.norm(points[:, None] - case.samples, order, axis=2).min(axis=1)
    far = points[distances >= 2 * case.radius * (1 + 1e-9)]
    assert np.array_equal(classifier.network(far), case.clean(far))


@settings(max_examples=50)
@given(cgro_cases(), st.integers(0, 10**6))
def test_clean_errors_are_among_those_of_the_clean_classifier(case: Case, seed: int) -> None:
    """For fresh points that keep the classes 2 delta apart: right where f_clean is right."""
    classifier = cgro_classifier(*case[:3], radius=case.radius, norm=case.norm)
    rng = np.random.default_rng(seed)
    points = np.repeat(case.samples, 10, axis=0)
    points = points + rng.uniform(0, 2.5, (len(points), 1)) * extreme_offsets(
        points.shape, case.radius, case.norm, generator=rng
    )
    classes = [-1, 1] if case.clean.outputs == 1 else list(range(case.clean.outputs))
    labels = rng.choice(classes, len(points))
    order = np.inf if case.norm == "linf" else 2
    distances = np.linalg.norm(points[:, None] - case.samples, order, axis=2)
    other = np.where(labels[:, None] == case.labels, np.inf, distances).min(axis=1)
    apart = other > 2 * case.radius * (1 + 1e-9)
    assume(apart.any())
    clean = classification_margins(case.clean, points[apart], labels[apart]) > 0
    assert np.all(classifier.margins(points[apart], labels[apart])[clean] > 0)


@given(st.floats(-1e3, 1e3), st.floats(1e-9, 1e3))
def test_boxes_hold_the_closed_balls(centre: float, radius: float) -> None:
    """In rational arithmetic: a rounded c + delta may lie inside the ball."""
    lower, upper = ball_box(np.array([[centre]]), radius)
    assert Fraction(float(lower[0, 0])) <= Fraction(centre) - Fraction(radius)
    assert Fraction(float(upper[0, 0])) >= Fraction(centre) + Fraction(radius)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_overlapping_balls_of_one_class(norm: str) -> None:
    """The middle ball overlaps both others; in the overlap the margin is the number of balls."""
    samples = np.array([[0.0, 0.0], [0.15, 0.0], [0.3, 0.0], [1.0, 0.0]])
    labels = np.array([1, 1, 1, -1])
    classifier = cgro_classifier(affine_network([[0.0, 1.0]], [0.0]), samples, labels, radius=0.2, norm=norm)
    assert certify(classifier).robust_training_error == 0.0
    assert classifier.margins([[0.15, 0.0]], [1])[0] == pytest.approx(3.0, abs=1e-12)
    assert classifier.margins([[-0.1, 0.0]], [1])[0] >= 1.0


@pytest.mark.parametrize(("norm", "distance"), [("linf", 0.4), ("l2", 0.5)])
@pytest.mark.parametrize("outputs", [1, 3])
def test_meeting_balls_of_two_classes_are_refused_by_name(norm: str, distance: float, outputs: int) -> None:
    samples = np.array([[5.0, 5.0], [0.0, 0.0], [9.0, 9.0], [0.3, 0.4], [-5.0, 0.0]])
    labels = np.array([1, 1, -1, -1, 1]) if outputs == 1 else np.array([0, 1, 2, 2, 1])
    clean = random_network(0, 2, (3,), outputs)
    for radius in (distance / 2, 0.6 * distance, np.nextafter(distance / 2, 0)):  # touching, overlapping, by one bit
        with pytest.raises(
            SeparationError, match=rf"Samples 1 \(class 1\) and 3 \(class -?\d\) are {distance}"
        ) as info:
            cgro_classifier(clean, samples, labels, radius=radius, norm=norm)
        assert info.value.pair == (1, 3)
        assert info.value.distance == pytest.approx(distance, rel=1e-15)
    assert (
        certify(cgro_classifier(clean, samples, labels, radius=0.4999 * distance, norm=norm)).robust_training_error
        == 0.0
    )


def test_the_same_image_with_two_labels_is_refused() -> None:
    with pytest.raises(SeparationError, match="are 0 apart"):
        cgro_classifier(random_network(0, 2, ()), [[1.0, 2.0], [1.0, 2.0]], [1, -1], radius=0.1)


@given(st.integers(0, 10**6), st.sampled_from(["linf", "l2"]), st.integers(2, 40))
def test_separation_finds_the_closest_pair(seed: int, norm: str, count: int) -> None:
    rng = np.random.default_rng(seed)
    samples, labels = rng.normal(size=(count, 3)), rng.integers(0, 3, count)
    order = np.inf if norm == "linf" else 2
    pairs = [(i, j) for i in range(count) for j in range(i) if labels[i] != labels[j]]
    distances = [float(np.linalg.norm(samples[i] - samples[j], order)) for i, j in pairs]
    found = separation(samples, labels, norm)
    assert found.distance == pytest.approx(min(distances, default=np.inf), rel=1e-14)
    if pairs:
        assert found.pair == tuple(sorted(pairs[int(np.argmin(distances))]))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_parameters_per_sample_and_dimension(norm: str) -> None:
    """Slope in N at fixed D exactly 6D + 2 for l_inf; 2D + 5 for l_2, at equal levels of the squares."""
    counts = {}
    for dimension in (4, 9):
        for count in (10, 20, 40):
            samples = np.zeros((count, dimension))
            samples[:, 0] = np.arange(count) % 2  # separation 1 whatever N; twice the sample is no obstacle
            labels = np.where(samples[:, 0] > 0, 1, -1)
            clean = affine_network([[1.0, *[0.0] * (dimension - 1)]], [-0.5])
            counts[dimension, count] = cgro_classifier(clean, samples, labels, radius=0.2, norm=norm).parameter_count
        per_sample = 6 * dimension + 2 if norm == "linf" else 2 * dimension + 5
        assert counts[dimension, 20] - counts[dimension, 10] == 10 * per_sample
        assert counts[dimension, 40] - counts[dimension, 20] == 20 * per_sample


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_damaged_network_is_not_certified(norm: str, outputs: int) -> None:
    rng = np.random.default_rng(4)
    samples = rng.random((12, 5))
    labels = rng.choice([-1, 1], 12) if outputs == 1 else rng.integers(0, 3, 12)
    radius = 0.4 * separation(samples, labels, norm).distance
    classifier = cgro_classifier(random_network(1, 5, (4,), outputs), samples, labels, radius=radius, norm=norm)
    votes = classifier.network.weights[-1]
    damaged = votes.copy()
    damaged.data = -votes.data
    broken = ReluNetwork([*classifier.network.weights[:-1], damaged], classifier.network.biases)
    assert certify(dataclasses.replace(classifier, network=broken)).robust_training_error > 0
    # One ball moved by a little more than the slack of its thresholds, one bias.
    kinks = classifier.network.biases[0].copy()
    kinks[6] += classifier.radius  # after the four units of the clean network
    moved = ReluNetwork(classifier.network.weights, [kinks, *classifier.network.biases[1:]])
    assert certify(dataclasses.replace(classifier, network=moved)).robust_training_error > 0
    if isinstance(classifier.design, SphereDesign):  # thresholds that were consistently built, but wrong
        for wrong in ({"inner": 0.5 * radius**2}, {"ramp": 3 * classifier.design.ramp}, {"half_range": 0.5}):
            design = dataclasses.replace(classifier.design, **wrong)
            built = assemble(classifier.clean, samples, labels, radius=radius, design=design, clamp=classifier.clamp)
            shrunk = dataclasses.replace(classifier, network=built, design=design)
            assert certify(shrunk).robust_training_error > 0
    # A radius for which the network was not built, and labels it was not built for.
    wider = dataclasses.replace(classifier, radius=1.3 * radius)
    assert certify(wider).robust_training_error > 0
    relabelled = dataclasses.replace(classifier, labels=np.roll(labels, 1))
    assert certify(relabelled).robust_training_error > 0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_clean_classifier_larger_than_the_clamp_is_not_certified(norm: str) -> None:
    samples, labels = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([-1, 1])
    classifier = cgro_classifier(affine_network([[0.0, 0.0]], [3.0]), samples, labels, radius=0.1, norm=norm)
    assert certify(classifier).margins == pytest.approx(1.0, abs=1e-12)
    network = assemble(classifier.clean, samples, labels, radius=0.1, design=classifier.design, clamp=1.0)
    weak = dataclasses.replace(classifier, network=network, clamp=1.0)
    assert certify(weak).margins[0] <= 0  # f_clean = 3 opposes the label -1 and the gate lets 2 pass
    assert weak.margins(samples, labels)[0] == -1.0


def test_robust_test_error_is_that_of_the_clean_classifier_away_from_the_balls() -> None:
    """Fresh points 0.4 and more from every sample: their balls are attacked as if there were no memory."""
    rng = np.random.default_rng(5)
    samples = rng.uniform(-1, 1, (30, 8))
    labels = np.where(samples[:, 0] > 0, 1, -1)
    keep = np.abs(samples[:, 0]) > 0.25
    samples, labels = samples[keep], labels[keep]
    clean = affine_network([[1.0, *[0.0] * 7]], [0.0])
    classifier = cgro_classifier(clean, samples, labels, radius=0.15)
    fresh = rng.uniform(-1, 1, (200, 8))
    truth = np.where(fresh[:, 0] > 0, 1, -1)
    far = np.abs(fresh[:, None] - samples).max(axis=2).min(axis=1) > 0.46
    fresh, truth = fresh[far], truth[far]
    worst, points = attack(
        classifier.network, fresh, truth, radius=0.15, norm="linf", generator=rng, steps=3, restarts=1
    )
    assert np.array_equal(worst <= 0, np.abs(fresh[:, 0]) <= 0.15)
    assert np.max(np.abs(points - fresh)) <= 0.15 * (1 + 1e-12)
    assert 0.02 < np.mean(worst <= 0) < 0.5
    assert certify(classifier).robust_training_error == 0.0


def test_saved_network_is_the_classifier() -> None:
    classifier = cgro_classifier(random_network(0, 3, (4,), 2), np.eye(3), [0, 1, 1], radius=0.3, norm="l2")
    file = io.BytesIO()
    classifier.network.save(file)
    file.seek(0)
    again = load_network(file)
    assert certify(dataclasses.replace(classifier, network=again)).robust_training_error == 0.0
    assert again.parameter_count == classifier.parameter_formula


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"samples": np.zeros((2, 3))}, r"reads \(N, 2\)"),
        ({"samples": np.array([[0.0, np.nan], [1.0, 0.0]])}, "Sample 0 holds a value"),
        ({"labels": [1, -1, 1]}, "there are 2 samples"),
        ({"labels": [1, 0]}, r"Label 1 is 0, but a clean network with 1 output\(s\) needs -1 or \+1"),
        ({"labels": [1, 0.5]}, "Label 1 is 0.5"),
        ({"radius": 0.0}, "radius is 0.0"),
        ({"radius": np.nan}, "radius is nan"),
        ({"norm": "l1"}, "norm is 'l1'; choose one of linf, l2"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(change: dict, sentence: str) -> None:
    given_values = {"samples": np.eye(2), "labels": [1, -1], "radius": 0.1, "norm": "linf"} | change
    with pytest.raises(ValueError, match=sentence):
        cgro_classifier(random_network(0, 2, (3,)), **given_values)
