"""The patch network in float64: against the reference, finite differences, brute-force attacks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.network.architectures import lenet, patch_network
from cgrosim.images.network.losses import cross_entropy
from cgrosim.images.network.patch_model import (
    ClassMeanAttack,
    ClassMeans,
    PatchNetwork,
    as_patches,
    loss_slopes,
    worst_shift,
)
from cgrosim.images.network.reference import ReferenceNetwork


def small(readout, classes, exponent=3, seed=0, scale=0.2, common=False):
    """A network with its reference, and images with labels."""
    generator = np.random.default_rng(seed)
    architecture = patch_network(
        (6, 4, 2), 2, 6, classes=classes, exponent=exponent, initial_scale=scale, readout=readout
    )
    weights = scale * generator.standard_normal((6, 8))
    shift = 0.3 * generator.random((6, 8)) if common else np.zeros((6, 8))
    network = PatchNetwork(architecture, weights, shift)
    reference = ReferenceNetwork(architecture, {"layer0.weight": weights.T[None, None]})
    images = generator.random((9, 6, 4, 2))
    return network, reference, images, generator.permutation(np.arange(9) % classes)


KINDS = [("signed_sum", 2, 3), ("class_sums", 3, 3), ("class_sums", 2, 2), ("signed_sum", 2, 5)]


@pytest.mark.parametrize(("readout", "classes", "exponent"), KINDS)
def test_logits_gradients_and_attacks_are_those_of_the_reference(readout, classes, exponent):
    """Sums of at most a few hundred terms of size 1, so differences of rounding stay below 1e-12."""
    network, reference, images, labels = small(readout, classes, exponent)
    assert np.allclose(network.logits(images), reference.logits(images), rtol=1e-12, atol=1e-12)
    theirs = reference.input_gradient(images, labels)
    assert np.allclose(network.input_gradient(images, labels), theirs, rtol=1e-12, atol=1e-12)
    for norm, keep_worst in (("linf", False), ("l2", True)):
        how = {"norm": norm, "radius": 0.1, "step_size": 0.04, "steps": 4, "keep_worst": keep_worst}
        mine = network.perturb(images, labels, images, **how)
        others = reference.perturb(images, labels, images, **how)
        assert all(np.allclose(*pair, rtol=1e-10, atol=1e-10) for pair in zip(mine, others, strict=True))


@pytest.mark.parametrize(("readout", "classes", "exponent"), KINDS)
def test_a_step_of_descent_is_that_of_the_reference(readout, classes, exponent):
    network, reference, images, labels = small(readout, classes, exponent)
    reference.accumulate_gradient(images, labels, 1.0)
    reference.step(0.3)
    out = network.weights.copy()
    network.descend(network.centred(images), labels, 0.3, out)
    assert np.allclose(out, reference.parameters()["layer0.weight"][0, 0].T, rtol=1e-12, atol=1e-12)


def test_the_gradient_is_the_slope_of_the_loss_of_centred_images():
    """Central differences of step h are wrong by h^2 times a third derivative plus eps / h."""
    network, _, images, labels = small("signed_sum", 2, common=True)
    out = np.zeros_like(network.weights)
    network.descend(network.centred(images), labels, 1.0, out)

    def loss(weights):
        moved = PatchNetwork(network.architecture, weights, network.common)
        return cross_entropy(moved.logits(images), labels)[0].mean()

    for place in ((0, 0), (3, 5), (5, 7)):
        h = np.zeros_like(network.weights)
        h[place] = 1e-5
        slope = (loss(network.weights + h) - loss(network.weights - h)) / 2e-5
        assert abs(slope + out[place]) < 1e-8 * (1 + abs(slope))


def test_the_slopes_keep_their_digits_when_the_loss_is_nearly_zero():
    margin = 60.0
    slopes = loss_slopes(np.array([[-margin / 2, margin / 2]]), np.array([1]))
    assert slopes[0, 0] == pytest.approx(np.exp(-margin), rel=1e-14)
    assert slopes[0, 1] == -slopes[0, 0]


@given(st.integers(0, 10**6), st.floats(0.05, 1.0), st.sampled_from([0.0, 1e-3, 1.0, 30.0]))
def test_the_worst_shift_is_the_worst_of_a_fine_grid(seed, bound, size):
    """No point of a grid beats it, and no rounding more than eps times the size of the cubes explains a difference."""
    generator = np.random.default_rng(seed)
    own, part = generator.standard_normal((3, 2, 5)), size * generator.standard_normal((3, 2, 5))
    part[0, 0, 1:] = 0.0  # one filter: the cubic is degenerate to a monotone one
    shift = worst_shift(own, part, bound)
    assert np.all(np.abs(shift) <= bound)

    def value(t):
        return ((own - t[..., None] * part) ** 3).sum(axis=2)

    tolerance = 100 * np.finfo(np.float64).eps * ((np.abs(own) + np.abs(part)) ** 3).sum(axis=2)
    for t in np.linspace(-bound, bound, 401):
        assert np.all(value(shift) <= value(np.full_like(shift, t)) + tolerance)


@pytest.mark.parametrize("readout", ["signed_sum", "class_sums"])
def test_the_exact_attack_is_worse_than_every_other_shift_in_its_range(readout):
    network, _, images, labels = small(readout, 2, common=True)
    means = ClassMeans.of(images, labels, 2, 2)
    network.common[...] = means.common
    samples = network.samples(images, labels)
    generator = np.random.default_rng(1)
    attack = ClassMeanAttack(0.2)
    worst = network.attacked(samples, means, attack, generator)
    margin = network.margins(worst, labels)
    full = network.attacked(samples, means, ClassMeanAttack(0.2, search=False), generator)
    assert np.allclose(full, samples.patches - 0.8 * means.parts[labels], rtol=0, atol=1e-15)
    tried = [full, samples.patches]
    for _ in range(200):
        shift = generator.uniform(-0.8, 0.8, samples.patches.shape[:2])
        tried.append(samples.patches - shift[..., None] * means.parts[labels])
    for other in tried:
        assert np.all(margin <= network.margins(other, labels) + 1e-12)
    moved = np.linalg.norm(worst - samples.patches, axis=2)
    assert np.all(moved <= 0.8 * means.lengths[labels] * (1 + 1e-14))


def test_a_pixel_attack_stays_in_the_ball_and_the_box_of_the_uncentred_images():
    network, _, images, labels = small("signed_sum", 2, common=True)
    images = images.astype(np.float32)
    samples = network.samples(images, labels)
    attack = Attack.pgd("linf", 0.1, 5)
    attacked = network.attacked(samples, ClassMeans.of(images, labels, 2, 2), attack, np.random.default_rng(0))
    pixels = attacked + network.common
    clean = as_patches(images, 2)
    rounding = 2 * np.finfo(np.float32).eps  # the attacked images are float32
    assert np.all(np.abs(pixels - clean) <= 0.1 + rounding)
    assert pixels.min() >= -rounding
    assert pixels.max() <= 1 + rounding
    assert np.mean(network.margins(attacked, labels)) < np.mean(network.margins(samples.patches, labels))


def test_a_class_without_images_and_other_networks_are_refused():
    with pytest.raises(ParameterError, match="class 1 has no training image"):
        ClassMeans.of(np.zeros((2, 4, 4, 1)), np.array([0, 2]), 3, 2)
    with pytest.raises(ParameterError, match="is not a patch network"):
        PatchNetwork(lenet(1), np.zeros((2, 2)), np.zeros((1, 2)))
    with pytest.raises(ParameterError, match=r"gap is 1\.0"):
        ClassMeanAttack(1.0)
    network, _, images, labels = small("class_sums", 3)
    means = ClassMeans.of(images, labels, 3, 2)
    with pytest.raises(ParameterError, match="two classes and exponent 3"):
        network.attacked(network.samples(images, labels), means, ClassMeanAttack(), np.random.default_rng(0))
