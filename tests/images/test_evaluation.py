"""Evaluations: what each check finds, and that each warning is raised where it must be and only there."""

import numpy as np
import pytest
from attacked_networks import SHAPE, SIZE, cliff_network, grey_images, linear_network, small_network, two_layer_network

from cgrosim.errors import ParameterError, UserError
from cgrosim.images.attacks.black_box import Square
from cgrosim.images.attacks.evaluation import SecondOpinion, evaluate
from cgrosim.images.attacks.gradient import Attack, finite_margins
from cgrosim.images.attacks.standard import Standard
from cgrosim.images.attacks.worst import WorstCase
from cgrosim.images.network.network import Network
from cgrosim.images.network.reference import ReferenceNetwork

RADIUS = 0.1
PGD = Attack.pgd("linf", RADIUS, 10, restarts=2)


def test_a_linear_network_raises_no_warning():
    """The white-box attack attains the closed form there, so nothing can beat it."""
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((SIZE, 2))
    network = linear_network(weight, -weight.sum(axis=0) / 2, SHAPE)
    images, labels = generator.uniform(0.2, 0.8, (300, *SHAPE)).astype(np.float32), generator.integers(0, 2, 300)
    attack = Attack.pgd("linf", 0.005, 10)
    found = evaluate(network, images, labels, attack=attack, generator=generator, substitute=network)
    clean = finite_margins(network, images, labels)
    assert found.warnings == ()
    assert found.clean_accuracy == (clean > 0).mean()
    assert found.robust_accuracy == (clean > 0.005 * np.abs(weight[:, 0] - weight[:, 1]).sum()).mean()
    assert 0 < found.robust_accuracy < found.clean_accuracy < 1
    assert found.zero_gradient_share == 0
    assert found.black_box.only_here == found.transfer.only_here == 0
    assert found.black_box.samples == found.transfer.samples == 100
    assert found.black_box_accuracy == found.black_box.accuracy >= found.black_box.white_box_accuracy
    assert found.transfer.accuracy == found.transfer.white_box_accuracy  # the same network, the same optimum
    assert found.describe() == (
        f"clean accuracy {100 * found.clean_accuracy:.2f} %, robust accuracy {100 * found.robust_accuracy:.2f} % "
        "(linf PGD-10, radius 0.005, step 0.00125, random start; 300 samples)"
    )


@pytest.mark.parametrize("network_type", [Network, ReferenceNetwork])
def test_dead_units_raise_the_zero_gradient_warning(network_type):
    """With every hidden unit dead the network is constant: its first class is right, and there is no gradient."""
    hidden = np.ones((SIZE, 4)), np.full(4, -1000.0)
    network = two_layer_network(hidden, (np.ones((4, 2)), np.array([1.0, 0.0])), SHAPE, network_type)
    labels = np.array([0] * 30 + [1] * 20)
    found = evaluate(network, grey_images(0, 50), labels, attack=PGD, generator=np.random.default_rng(0))
    assert found.clean_accuracy == found.robust_accuracy == found.zero_gradient_share == 0.6
    assert found.warnings == (
        f"The loss gradient is exactly zero at every start of {PGD.describe()} for 30 of 50 samples that are "
        "classified correctly: they had no direction to go, and robust accuracy may be overstated.",
    )
    assert found.black_box.only_here == 0  # a constant network is robust, only the attack cannot tell


@pytest.mark.parametrize("network_type", [Network, ReferenceNetwork])
def test_saturation(network_type):
    """A softmax that is exactly 0 or 1 hides the gradient from the reference, and nothing from the compiled network.

    In float64 that happens once logits differ by more than 745. The compiled network rescales the gradient of the loss,
    so that only its direction is left; it finds the same robust accuracy as with logits a million times smaller.
    """
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((SIZE, 1)) * np.array([1.0, -1.0])
    images = grey_images(0, 40)
    results = []
    for scale in (1.0, 1e6):
        bias = scale * (np.array([2.0, -2.0]) - weight.sum(axis=0) / 2)
        network = linear_network(scale * weight, bias, SHAPE, network_type)
        labels = np.argmax(network.logits(images), axis=1)
        results.append(
            evaluate(network, images, labels, attack=PGD, generator=np.random.default_rng(1), black_box_queries=100)
        )
    plain, saturated = results
    assert plain.clean_accuracy == saturated.clean_accuracy == 1.0
    assert plain.warnings == ()
    assert plain.robust_accuracy == 0.0
    if network_type is Network:
        assert saturated.robust_accuracy == saturated.zero_gradient_share == 0.0
        assert saturated.warnings == ()
    else:
        # the margin is four standard deviations of what a random start changes
        assert saturated.robust_accuracy == saturated.zero_gradient_share > 0.9
        assert "exactly zero" in saturated.warnings[0]
        assert "A black-box attack beats" in saturated.warnings[1]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_masked_gradients_raise_both_warnings(norm):
    """Below the cliff there is no gradient at all, and random search crosses it.

    In l_2 its proposals are bumps of two signs, so the cliff is in the direction "upper half up, lower half down", at
    0.2 of the radius: the cosine of a random direction in 1024 dimensions has the deviation 1/32.
    """
    if norm == "linf":
        network, images, attack = cliff_network(slope=0.0), grey_images(0, 40), PGD
    else:
        halves = np.repeat([1.0, -1.0], 512) / 32
        network, images = cliff_network(slope=0.0, direction=halves, height=0.2), np.full((40, 32, 32, 1), 0.5)
        attack = Attack.pgd("l2", 1.0, 10, restarts=2)
    found = evaluate(network, images, np.zeros(40, np.int64), attack=attack, generator=np.random.default_rng(0))
    assert found.robust_accuracy == found.zero_gradient_share == 1.0
    assert found.black_box_accuracy < 0.9
    assert len(found.warnings) == 2
    assert "for 40 of 40 samples" in found.warnings[0]
    assert found.warnings[1] == (
        f"A black-box attack beats the white-box one: {100 * found.black_box_accuracy:.1f} % of the same 40 samples "
        f"survive {norm} Square Attack, 500 queries, and 100.0 % {attack.describe()}: "
        "gradients are masked or the attack is too weak."
    )


def test_misleading_gradients_raise_the_black_box_warning_alone():
    network = cliff_network(slope=1e-3)
    found = evaluate(
        network, grey_images(0, 40), np.zeros(40, np.int64), attack=PGD, generator=np.random.default_rng(0)
    )
    assert found.robust_accuracy == 1.0
    assert found.zero_gradient_share == 0.0
    assert found.black_box_accuracy < 0.9
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("A black-box attack beats the white-box one: ")


def test_a_weak_attack_raises_the_black_box_warning():
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((SIZE, 2))
    network = linear_network(weight, -weight.sum(axis=0) / 2, SHAPE)
    images = generator.uniform(0.2, 0.8, (200, *SHAPE)).astype(np.float32)
    labels = np.argmax(network.logits(images), axis=1)
    weak, strong = (
        evaluate(network, images, labels, attack=attack, generator=np.random.default_rng(1))
        for attack in (Attack("linf", 0.02, 3, 0.001, random_start=False), Attack.pgd("linf", 0.02, 10))
    )
    assert strong.warnings == ()
    assert weak.robust_accuracy > strong.robust_accuracy
    assert len(weak.warnings) == 1
    assert weak.warnings[0].startswith("A black-box attack beats the white-box one: ")


def test_examples_of_another_network_raise_the_warning():
    """The substitute has the same cliff without the flat part, so its gradients lead over it."""
    substitute = linear_network(np.stack([-np.ones(SIZE), np.ones(SIZE)], axis=1), np.zeros(2), SHAPE)
    found = evaluate(
        cliff_network(slope=0.0),
        grey_images(0, 40),
        np.zeros(40, np.int64),
        attack=PGD,
        generator=np.random.default_rng(0),
        black_box_queries=1,
        substitute=substitute,
    )
    assert found.transfer.accuracy == 0.0
    assert found.transfer.only_here == 40
    assert found.warnings[-1].startswith("A black-box attack beats the white-box one: 0.0 % of the same 40 samples ")


@pytest.mark.parametrize(
    ("accuracy", "white_box", "only_here", "said"),
    [
        (0.60, 0.60, 0, None),
        (0.60, 0.60, 2, None),  # two points are tolerated as long as the white-box attack is not behind
        (0.60, 0.60, 3, "on some samples: a search broke 3 of 100 that survived .* about 3.0 points too high"),
        (0.60, 0.61, 1, "60.0 % of the same 100 samples survive a search, and 61.0 %"),
    ],
)
def test_when_a_second_opinion_is_a_warning(accuracy, white_box, only_here, said):
    warning = SecondOpinion("a search", 100, accuracy, white_box, only_here).warning(PGD)
    if said is None:
        assert warning is None
    else:
        with pytest.raises(UserError, match=said):
            raise UserError(warning)


def test_masking_of_some_samples_only_is_found():
    """The images of class 1 fall to gradients but not to a few queries, those of class 0 the other way round.

    Class 1 wins where a pattern that no square is like is above -4; its images are at 0, and the ball reaches -6.4.
    The images of class 0 are at -19, and there only the cliff remains: at 1.54, where random starts have the deviation
    8 r / sqrt(3) = 0.46, and vertical stripes, the first thing the search tries, 8 sqrt(8) r = 2.3.
    """
    generator = np.random.default_rng(0)
    pattern = generator.permutation(np.repeat([-1.0, 1.0], SIZE // 2))
    weight = np.stack([np.ones(SIZE), pattern, -pattern], axis=1)
    offset = np.array([-SIZE * 0.5 - 0.24 * SIZE * RADIUS, 0.0, 0.0])
    readout = np.array([[0.0, 100.0], [0.0, 1.0], [0.0, -1.0]]), np.array([0.0, 4.0])
    network = two_layer_network((weight, offset), readout, SHAPE)
    images = np.full((60, *SHAPE), 0.5, np.float32)
    images[:20] -= np.float32(0.3) * pattern.reshape(SHAPE).astype(np.float32)
    labels = np.array([0] * 20 + [1] * 40)
    found = evaluate(network, images, labels, attack=PGD, generator=np.random.default_rng(1), black_box_queries=40)
    assert found.clean_accuracy == 1.0
    assert found.robust_accuracy == 20 / 60
    assert found.black_box.accuracy > found.black_box.white_box_accuracy
    assert found.black_box.only_here > 2
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("A black-box attack beats the white-box one on some samples: ")


def test_the_same_seed_gives_the_same_evaluation_and_restarts_only_lower_it():
    generator = np.random.default_rng(0)
    images, labels = generator.random((60, 6, 6, 1), np.float32), generator.integers(0, 3, 60)
    network = small_network(2, (6, 6, 1))
    first, again, more = (
        evaluate(
            network, images, labels, attack=Attack.pgd("l2", 0.2, 3, restarts=k), generator=np.random.default_rng(4)
        )
        for k in (1, 1, 3)
    )
    assert first == again
    assert more.robust_accuracy <= first.robust_accuracy
    assert more.black_box.accuracy == first.black_box.accuracy  # the checks have their own streams


def test_without_black_box_samples_there_is_no_second_opinion():
    network = small_network(2, SHAPE)
    found = evaluate(
        network,
        grey_images(0, 3),
        np.zeros(3, np.int64),
        attack=PGD,
        generator=np.random.default_rng(0),
        black_box_samples=0,
    )
    assert found.black_box is None
    assert found.transfer is None
    assert found.black_box_accuracy is None


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (np.zeros((0, 8, 8, 1)), np.zeros(0, np.int64), "at least one image"),
        (np.zeros((2, 8, 8, 1)), np.zeros(3, np.int64), r"labels of shape \(3,\)"),
        (np.zeros((2, 8, 8)), np.zeros(2, np.int64), r"shape \(2, 8, 8\)"),
        (np.full((2, 8, 8, 1), 255.0), np.zeros(2, np.int64), "from 255 to 255"),
        (np.full((2, 8, 8, 1), np.nan), np.zeros(2, np.int64), "from nan"),
    ],
)
def test_images_that_cannot_be_evaluated(images, labels, said):
    with pytest.raises(ParameterError, match=said):
        evaluate(small_network(0, SHAPE), images, labels, attack=PGD, generator=np.random.default_rng(0))


@pytest.mark.parametrize(("broken", "warned"), [(0, False), (1, False), (3, True)])
def test_what_square_attack_alone_breaks_is_told_from_two_of_a_hundred_on(monkeypatch, broken, warned):
    """The worst case of a hundred images is given: so many survived all gradient attacks and not the last one."""
    attack = Standard(norm="linf", radius=RADIUS)
    before, after = np.ones(100), np.where(np.arange(100) < broken, -1.0, 1.0)
    members = [(member, after if isinstance(member, Square) else before) for member in attack.members(3)]
    images, labels = grey_images(0, 100), np.zeros(100, dtype=np.int64)
    found = WorstCase(images, np.ones(100), after, np.zeros(100, dtype=bool), tuple(members))
    monkeypatch.setattr("cgrosim.images.attacks.evaluation.worst_case", lambda *a, **k: found)
    network, generator = small_network(0, SHAPE), np.random.default_rng(0)
    told = evaluate(network, images, labels, attack=attack, generator=generator, black_box_samples=0).warnings
    assert [f"broke {broken} of 100 images" in sentence for sentence in told] == [True] * warned
