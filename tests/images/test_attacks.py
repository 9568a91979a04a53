"""Gradient attacks: descriptions, random starts, balls and boxes, closed forms, restarts."""

import numpy as np
import pytest
from attacked_networks import linear_network, offset_lengths, overshoot, small_network
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cgrosim.errors import ParameterError, UserError
from cgrosim.images.attacks import worst as attacks
from cgrosim.images.attacks.gradient import Attack, check_pixels, finite_margins, perturb, random_start
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.network.network import Network, NonFiniteError
from cgrosim.images.network.reference import ReferenceNetwork

ERROR_RATE = 1e-5  # of the statistical tests
BOTH = pytest.mark.parametrize("network_type", [Network, ReferenceNetwork])


@st.composite
def any_attack(draw):
    """An attack of either norm, with radii up to the whole box."""
    norm = draw(st.sampled_from(["linf", "l2"]))
    radius = draw(st.floats(1e-3, 1.0)) * (1.0 if norm == "linf" else 3.0)
    steps = draw(st.integers(1, 4))
    return Attack(norm, radius, steps, radius * draw(st.floats(0.05, 3.0)), draw(st.integers(1, 2)))


class Recording:
    """A network that keeps the starts it is given."""

    def __init__(self, network):
        self.network, self.starts = network, []

    def logits(self, images):
        return self.network.logits(images)

    def perturb(self, images, labels, start, **rest):
        self.starts.append(np.array(start))
        return self.network.perturb(images, labels, start, **rest)


def test_descriptions():
    assert Attack.pgd("linf", 0.3, 20, restarts=2).describe() == (
        "linf PGD-20, radius 0.3, step 0.0375, 2 restarts, random start"
    )
    assert Attack.pgd("l2", 1.5, 10, 0.25).describe() == "l2 PGD-10, radius 1.5, step 0.25, random start"
    assert Attack("linf", 0.3, 5, 0.1, random_start=False).describe() == (
        "linf PGD-5, radius 0.3, step 0.1, no random start"
    )
    assert Attack.fgsm(8 / 255).describe() == "linf FGSM, radius 0.03137"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"norm": "l1"}, "norm is 'l1'"),
        ({"radius": 0.0}, "radius is 0.0"),
        ({"radius": float("nan")}, "radius is nan"),
        ({"step_size": -1.0}, "step_size is -1.0"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"restarts": True}, "restarts is True"),
        ({"restarts": 2, "random_start": False}, "2 restarts without a random start"),
    ],
)
def test_impossible_attacks_are_named(change, said):
    with pytest.raises(ParameterError, match=said):
        Attack(**{"norm": "linf", "radius": 0.3, "steps": 5, "step_size": 0.1} | change)


@given(any_attack(), st.integers(0, 2**32 - 1))
def test_starts_lie_in_ball_and_box(attack, seed):
    generator = np.random.default_rng(seed)
    images = generator.random((4, 5, 3, 2), np.float32)
    start = random_start(images, attack, generator)
    assert start.dtype == np.float32
    assert start.min() >= 0.0
    assert start.max() <= 1.0
    assert offset_lengths(start, images, attack.norm).max() <= attack.radius + overshoot(attack, 30)


def test_without_a_random_start_the_image_is_the_start():
    images = np.random.default_rng(0).random((2, 3, 3, 1), np.float32)
    start = random_start(images, Attack.fgsm(0.1), np.random.default_rng(0))
    assert np.array_equal(start, images)
    assert start is not images


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_starts_are_uniform_in_the_ball(norm):
    """Of a uniform point, (length / radius)^D is uniform; so is every pixel in l_inf, and directions are symmetric."""
    shape, size, count = (2, 3, 1), 6, 4000
    attack = Attack.pgd(norm, 0.4, 1)  # around 0.5 the box does not cut
    start = random_start(np.full((count, *shape), 0.5, np.float32), attack, np.random.default_rng(3))
    offset = start.reshape(count, size) - 0.5
    lengths = offset_lengths(start, np.full((count, *shape), 0.5), norm)
    assert stats.kstest((lengths / 0.4) ** size, "uniform").pvalue > ERROR_RATE
    if norm == "linf":
        assert stats.kstest((offset.ravel() / 0.8) + 0.5, "uniform").pvalue > ERROR_RATE
    else:  # a coordinate of a uniform direction in D dimensions: (1 + c) / 2 is Beta((D - 1) / 2, (D - 1) / 2)
        cosine = offset / np.linalg.norm(offset, axis=1, keepdims=True)
        for pixel in range(size):
            law = stats.beta((size - 1) / 2, (size - 1) / 2)
            assert stats.kstest((1 + cosine[:, pixel]) / 2, law.cdf).pvalue > ERROR_RATE / size


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_starts_drawn_in_parts_are_those_drawn_at_once(norm):
    images = np.random.default_rng(0).random((7, 4, 4, 1), np.float32)
    attack = Attack.pgd(norm, 0.3, 1)
    whole = random_start(images, attack, np.random.default_rng(1))
    parts = np.random.default_rng(1)
    split = [random_start(images[:3], attack, parts), random_start(images[3:], attack, parts)]
    assert np.array_equal(whole, np.concatenate(split))


@BOTH
@given(any_attack(), st.integers(0, 2**32 - 1), st.booleans())
def test_adversarial_images_lie_in_ball_and_box(network_type, attack, seed, keep_worst):
    generator = np.random.default_rng(seed)
    shape = (4, 5, 2)
    images = generator.random((3, *shape), np.float32)
    labels = generator.integers(0, 3, 3)
    network = small_network(seed, shape, network=network_type)
    adversarial, margins, _ = perturb(
        network, images, labels, attack=attack, generator=generator, keep_worst=keep_worst
    )
    assert adversarial.min() >= 0.0
    assert adversarial.max() <= 1.0
    assert offset_lengths(adversarial, images, attack.norm).max() <= attack.radius + overshoot(attack, 40)
    assert margins.shape == (3,)


def test_margins_belong_to_the_returned_images():
    """The images are rounded to float32, by 2^-25 at most, after their margins were found."""
    generator = np.random.default_rng(0)
    images, labels = generator.random((6, 4, 4, 1), np.float32), generator.integers(0, 3, 6)
    weight = generator.standard_normal((16, 3))
    network = linear_network(weight, np.zeros(3), (4, 4, 1))
    for keep_worst in (False, True):
        attack = Attack.pgd("l2", 0.5, 5, restarts=3)
        adversarial, margins, _ = perturb(
            network, images, labels, attack=attack, generator=generator, keep_worst=keep_worst
        )
        change = 2.0**-25 * 2 * np.abs(weight).sum(axis=0).max()
        assert np.abs(finite_margins(network, adversarial, labels) - margins).max() <= change


@BOTH
def test_fgsm_is_one_step_along_the_sign(network_type):
    generator = np.random.default_rng(0)
    images, labels = generator.random((6, 4, 4, 1), np.float32), generator.integers(0, 3, 6)
    network = small_network(1, (4, 4, 1), network=network_type)
    adversarial, _, _ = perturb(network, images, labels, attack=Attack.fgsm(0.1), generator=generator)
    expected = np.clip(images + 0.1 * np.sign(network.input_gradient(images, labels)), 0, 1)
    assert np.abs(adversarial - expected).max() <= overshoot(Attack.fgsm(0.1), 16)
    step = Attack("linf", 0.1, 1, 0.1, random_start=False)
    assert np.array_equal(adversarial, perturb(network, images, labels, attack=step, generator=generator)[0])


@BOTH
@given(st.sampled_from(["linf", "l2"]), st.booleans(), st.floats(0.01, 0.2), st.integers(0, 2**32 - 1))
def test_linear_networks_meet_their_closed_form(network_type, norm, randomly, radius, seed):
    """Away from the box the smallest margin of a linear network is m - radius |w_y - w_other| in the dual norm.

    Steps of a whole radius reach it: in l_inf the second one ends in the corner, and in l_2 each one at least halves
    the angle to the optimal direction (the sum of two vectors lies nearer to the longer of them), so that after 30
    steps the angle is below pi 2^-30 and what is missing of the margin, its square, is nothing.
    """
    generator = np.random.default_rng(seed)
    shape, size = (3, 4, 1), 12
    images = generator.uniform(0.3, 0.7, (5, *shape)).astype(np.float32)
    labels = generator.integers(0, 2, 5)
    weight = generator.standard_normal((size, 2)).astype(np.float32)
    bias = generator.standard_normal(2).astype(np.float32)
    network = linear_network(weight, bias, shape, network_type)
    attack = Attack(norm, radius, 30, radius, random_start=randomly)
    exact = linear_network(weight, bias, shape)
    clean = finite_margins(exact, images, labels)
    dual = np.linalg.norm(weight[:, 0].astype(np.float64) - weight[:, 1], 1 if norm == "linf" else 2)
    # Both logits: `size` products and the bias are added in float32, with a unit round-off for each of the size + 1
    # sums and the product, of numbers whose sizes add up to `scale` at most. The pixels of the optimum are off by as
    # much as a point may stand out of the ball, and the last step of l_2 rounds once more.
    scale = np.abs(weight).sum() + np.abs(bias).sum()
    tolerance = scale * ((size + 2) * 2.0**-24 + 2 * overshoot(attack, size))
    margins = perturb(network, images, labels, attack=attack, generator=generator)[1]
    found = worst_case(network, images, labels, attack=attack, generator=generator)
    assert np.abs(margins - (clean - radius * dual)).max() <= tolerance
    certain = np.abs(clean - radius * dual) > tolerance
    assert np.array_equal((found.margins > 0)[certain], (clean - radius * dual > 0)[certain])
    assert np.abs(found.clean_margins - clean).max() <= tolerance


def test_robust_accuracy_of_a_linear_network_falls_with_the_radius():
    generator = np.random.default_rng(4)
    images, labels = generator.uniform(0.3, 0.7, (200, 3, 4, 1)).astype(np.float32), generator.integers(0, 2, 200)
    weight = generator.standard_normal((12, 2))
    network = linear_network(weight, -0.5 * weight.sum(axis=0), (3, 4, 1))
    clean = finite_margins(network, images, labels)
    robust = []
    for radius in (0.01, 0.03, 0.1, 0.2):
        found = worst_case(network, images, labels, attack=Attack.pgd("linf", radius, 10), generator=generator)
        robust.append((found.margins > 0).mean())
        closed_form = (clean > radius * np.abs(weight[:, 0] - weight[:, 1]).sum()).mean()
        assert robust[-1] == closed_form
    assert robust == sorted(robust, reverse=True)
    assert robust[0] > robust[-1]


@given(st.sampled_from(["linf", "l2"]), st.integers(0, 2**32 - 1))
def test_more_restarts_never_help_the_network(norm, seed):
    generator = np.random.default_rng(seed)
    images, labels = generator.random((12, 4, 4, 1), np.float32), generator.integers(0, 3, 12)
    network = small_network(seed, (4, 4, 1))
    found = [
        worst_case(
            network,
            images,
            labels,
            attack=Attack.pgd(norm, 0.3, 2, restarts=restarts),
            generator=np.random.default_rng(seed),
        ).margins
        for restarts in (1, 2, 4)
    ]
    assert (found[1] <= found[0]).all()
    assert (found[2] <= found[1]).all()


def test_the_clean_image_counts_and_broken_samples_are_left_alone():
    generator = np.random.default_rng(0)
    images, labels = generator.random((30, 4, 4, 1), np.float32), generator.integers(0, 3, 30)
    network = Recording(small_network(1, (4, 4, 1)))
    found = worst_case(network, images, labels, attack=Attack.pgd("linf", 0.05, 3, restarts=2), generator=generator)
    wrong = found.clean_margins <= 0
    assert 0 < wrong.sum() < 30
    assert np.array_equal(found.adversarial[wrong], images[wrong])
    assert np.array_equal(found.margins[wrong], found.clean_margins[wrong])
    assert (found.margins <= found.clean_margins).all()
    assert len(network.starts[0]) == (~wrong).sum()
    assert len(network.starts[1]) <= len(network.starts[0])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_first_restart_is_the_same_however_many_follow(norm):
    generator = np.random.default_rng(0)
    images, labels = generator.random((5, 4, 4, 1), np.float32), generator.integers(0, 3, 5)
    starts = []
    for restarts in (1, 3):
        network = Recording(small_network(1, (4, 4, 1)))
        perturb(
            network,
            images,
            labels,
            attack=Attack.pgd(norm, 0.3, 1, restarts=restarts),
            generator=np.random.default_rng(7),
        )
        starts.append(network.starts)
    assert np.array_equal(starts[0][0], starts[1][0])
    assert not np.array_equal(starts[1][0], starts[1][1])


def test_results_do_not_depend_on_the_parts_of_an_evaluation(monkeypatch):
    generator = np.random.default_rng(0)
    images, labels = generator.random((11, 4, 4, 1), np.float32), generator.integers(0, 3, 11)
    attack = Attack.pgd("l2", 0.2, 3, restarts=2)
    found, reported = [], []
    for chunk in (1000, 3):
        monkeypatch.setattr(attacks, "_CHUNK", chunk)
        network = Recording(small_network(1, (4, 4, 1)))
        result = worst_case(
            network,
            images,
            labels,
            attack=attack,
            generator=np.random.default_rng(7),
            progress=lambda text, share: reported.append(share),
        )
        found.append((np.concatenate(network.starts), result.margins))
    assert np.array_equal(found[0][0], found[1][0])
    # the float64 reference may sum in another order for another batch size: round-off of 16 + 64 + 8 terms
    assert np.allclose(found[0][1], found[1][1], rtol=0, atol=1e-12)
    assert reported[:2] == [0.5, 1.0]
    assert reported[2:] == sorted(reported[2:])
    assert reported[-1] == 1.0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_compiled_network_gives_every_sample_the_same_bits_in_any_company(norm, monkeypatch):
    generator = np.random.default_rng(0)
    images, labels = generator.random((23, 6, 6, 2), np.float32), generator.integers(0, 3, 23)
    radius = 0.02 if norm == "linf" else 0.1
    network, attack = small_network(1, (6, 6, 2), network=Network), Attack.pgd(norm, radius, 4, restarts=3)
    found = []
    for chunk in (1000, 5):
        monkeypatch.setattr(attacks, "_CHUNK", chunk)
        found.append(worst_case(network, images, labels, attack=attack, generator=np.random.default_rng(7)))
    assert np.array_equal(found[0].margins, found[1].margins)
    assert np.array_equal(found[0].adversarial, found[1].adversarial)
    assert 0 < (found[0].margins > 0).sum() < (found[0].clean_margins > 0).sum()


def test_pixels_may_miss_the_box_by_a_millionth():
    attack = Attack.pgd("linf", 0.1, 1)
    for beyond in ([0.0, 1.0 + 9e-7], [-9e-7, 1.0], [0.0, 1.0 + 1e-6], [-1e-6, 1.0]):
        check_pixels(np.array(beyond).reshape(1, 1, 2, 1), attack)
    for beyond in ([0.0, 1.0 + 1.05e-6], [-1.05e-6, 1.0], [0.0, np.nan]):
        with pytest.raises(ParameterError, match="but the attacks need them in"):
            check_pixels(np.array(beyond).reshape(1, 1, 2, 1), attack)


@BOTH
def test_zero_gradients_are_found(network_type):
    network = linear_network(np.zeros((16, 2)), np.array([1.0, 0.0]), (4, 4, 1), network_type)
    images = np.full((3, 4, 4, 1), 0.5, np.float32)
    labels = np.array([0, 1, 0])
    attack = Attack.pgd("linf", 0.1, 2, restarts=2)
    assert perturb(network, images, labels, attack=attack, generator=np.random.default_rng(0))[2].all()
    found = worst_case(network, images, labels, attack=attack, generator=np.random.default_rng(0))
    assert found.zero_gradient.tolist() == [True, False, True]  # the second is misclassified already


def test_margins_that_are_not_numbers_are_reported():
    network = linear_network(np.zeros((16, 2)), np.array([np.nan, 0.0]), (4, 4, 1))
    images, labels = np.full((3, 4, 4, 1), 0.5, np.float32), np.array([0, 1, 0])
    with pytest.raises(UserError, match="margin of sample 0 is nan"):
        worst_case(network, images, labels, attack=Attack.fgsm(0.1), generator=np.random.default_rng(0))
    with pytest.raises(UserError, match="margin of sample 0 is nan"):
        perturb(network, images, labels, attack=Attack.fgsm(0.1), generator=np.random.default_rng(0))
    compiled = linear_network(np.zeros((16, 2)), np.array([np.nan, 0.0]), (4, 4, 1), Network)
    with pytest.raises(NonFiniteError):
        perturb(compiled, images, labels, attack=Attack.fgsm(0.1), generator=np.random.default_rng(0))
