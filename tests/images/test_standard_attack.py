"""The field's attacks together: which they are, that the worst counts image by image, and what is said of masking."""

import numpy as np
import pytest
from attacked_networks import cliff_network, grey_images, linear_network, small_network

from cgrosim.errors import ParameterError
from cgrosim.images.attacks import worst
from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.black_box import Square
from cgrosim.images.attacks.evaluation import evaluate
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.attacks.standard import Standard, passes
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.experiments.catalogue.train import Options, RobustOverfitting
from cgrosim.images.network.network import Network
from cgrosim.images.training.defaults import final_attack

SHAPE = (6, 6, 2)
SHORT = Standard("linf", 0.05, steps=6, targets=2, queries=20, pgd_steps=3, pgd_restarts=2)


@pytest.fixture(scope="module")
def problem():
    """A network of five classes, and images of which it gets four out of five right."""
    generator = np.random.default_rng(0)
    images, network = generator.random((23, *SHAPE), np.float32), small_network(1, SHAPE, 5, Network)
    labels = np.argmax(network.logits(images), axis=1)
    labels[::5] = (labels[::5] + 1) % 5
    return network, images, labels


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (2, ["PGD-20", "APGD-CE", "Square Attack"]),
        (3, ["PGD-20", "APGD-CE", "APGD-DLR", "Square Attack"]),
        (4, ["PGD-20", "APGD-CE", "targeted APGD-DLR", "Square Attack"]),
        (10, ["PGD-20", "APGD-CE", "targeted APGD-DLR", "Square Attack"]),
    ],
)
def test_members_by_the_number_of_classes(classes, names):
    members = Standard("linf", 0.1).members(classes)
    assert [member.describe().split(",")[0] for member in members] == [f"linf {name}" for name in names]
    network = linear_network(
        np.eye(4)[:, :2].repeat(classes, axis=1)[:, :classes], np.zeros(classes), (2, 2, 1), Network
    )
    found = worst_case(
        network, np.full((2, 2, 2, 1), 0.5), np.zeros(2, int), attack=SHORT, generator=np.random.default_rng(0)
    )
    assert len(found.after) == len(names)


def test_what_it_costs():
    """AutoAttack's budgets; on an image that withstands everything, for ten classes."""
    forward, backward = passes(Standard("linf", 0.1), 10)
    assert backward == 5 * 20 + 100 + 9 * 100
    assert forward == 5 * 21 + 101 + 9 * 101 + 5000
    assert passes(AutoPGD("linf", 0.1, "dlr-targeted", targets=9, restarts=2), 4) == (6 * 101, 600)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_worst_counts_and_every_member_attacks_what_is_left(problem, norm):
    network, images, labels = problem
    attack = SHORT.replace(norm=norm, radius=0.02 if norm == "linf" else 0.1)
    found = worst_case(network, images, labels, attack=attack, generator=np.random.default_rng(7))
    assert [type(member) for member, _ in found.after] == [Attack, AutoPGD, AutoPGD, Square]
    left = found.clean_margins
    streams = np.random.default_rng(7).spawn(4)
    for (member, margins), stream in zip(found.after, streams, strict=True):
        alone = worst_case(network, images, labels, attack=member, generator=stream)  # draws the same for everybody
        assert np.array_equal(margins, np.where(left > 0, np.minimum(left, alone.margins), left))
        left = margins
    assert np.array_equal(left, found.margins)
    assert 0 < (left > 0).sum() < (found.clean_margins > 0).sum()


def test_bits_do_not_depend_on_the_parts_of_an_evaluation(problem, monkeypatch):
    found = []
    for chunk in (1000, 5):
        monkeypatch.setattr(worst, "_CHUNK", chunk)
        found.append(worst_case(*problem, attack=SHORT, generator=np.random.default_rng(7)))
    assert np.array_equal(found[0].margins, found[1].margins)
    assert np.array_equal(found[0].adversarial, found[1].adversarial)


def test_targets_are_the_largest_other_logits_at_the_clean_image():
    network = linear_network(np.zeros((4, 5)), np.array([0.0, 4.0, 1.0, 3.0, 2.0]), (2, 2, 1))
    rivals = worst._rivals(network, np.zeros((2, 2, 2, 1)), np.array([1, 3]))
    assert rivals.tolist() == [[3, 4, 2, 0], [1, 4, 2, 0]]


def test_an_evaluation_tells_every_member(problem):
    network, images, labels = problem
    found = evaluate(network, images, labels, attack=SHORT, generator=np.random.default_rng(0), black_box_queries=5)
    assert [name for name, _ in found.members] == [member.describe() for member in SHORT.members(5)]
    accuracies = [accuracy for _, accuracy in found.members]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[-1] == found.robust_accuracy
    assert SHORT.describe() in found.describe()
    assert found.black_box.white_box_accuracy == accuracies[-2]  # the gradient attacks', of the same images


def test_masked_gradients_are_counted_and_reported():
    """Below the cliff there is no gradient; Square Attack finds the way, and its images do not count as robust."""
    attack = SHORT.replace(radius=0.1, queries=100)
    found = evaluate(
        cliff_network(slope=0.0),
        grey_images(0, 40),
        np.zeros(40, int),
        attack=attack,
        generator=np.random.default_rng(0),
    )
    assert found.members[-2][1] == 1.0
    assert found.robust_accuracy < 0.9
    broken = round(40 * (1 - found.robust_accuracy))
    assert found.zero_gradient_share == 1.0
    assert any(
        text.startswith(f"linf Square Attack, radius 0.1, 100 queries broke {broken} of 40 images that every gradient")
        for text in found.warnings
    )
    assert found.black_box.white_box_accuracy == 1.0  # held against what the gradients had left, not against itself
    assert any(text.startswith("A black-box attack beats the white-box one: ") for text in found.warnings)


def test_square_attack_alone_is_its_own_black_box():
    attack = Square("linf", 0.1, 60)
    found = evaluate(
        cliff_network(slope=0.0),
        grey_images(0, 20),
        np.zeros(20, int),
        attack=attack,
        generator=np.random.default_rng(0),
    )
    assert found.robust_accuracy < 0.9
    assert found.warnings == ()
    assert found.black_box is None


@pytest.mark.parametrize("kind", ["pgd", "apgd-ce", "apgd-dlr", "square", "standard"])
def test_the_attack_of_the_final_numbers_is_chosen_by_name(kind):
    experiment = Options(attack=kind, radius=0.2, norm="l2", restarts=3).experiment()
    assert (experiment.attack.norm, experiment.attack.radius) == ("l2", 0.2)
    assert RobustOverfitting.load(experiment.dump()) == experiment
    assert experiment.attack == final_attack(experiment.settings, 3, kind)
    names = {"pgd": "PGD-20", "apgd-ce": "APGD-CE", "apgd-dlr": "targeted APGD-DLR", "square": "Square Attack"}
    assert experiment.attack.describe().startswith(f"l2 {names.get(kind, kind)},")


def test_an_attack_that_is_none_is_named():
    with pytest.raises(ParameterError, match=r"attack is 'standart', but must be one of .*; did you mean standard"):
        Options(attack="standart")
    with pytest.raises(ParameterError, match="steps is 0, but it must be a whole number of at least 1"):
        Standard("linf", 0.1, steps=0)
    with pytest.raises(ParameterError, match="targets is 0, but it must be a whole number of at least 1"):
        AutoPGD("linf", 0.1, targets=0)
    with pytest.raises(ParameterError, match=r"radius is -1\.0"):
        Square("linf", -1.0)


def test_a_network_without_a_gradient_of_ratios_is_named(problem):
    class Other:
        def logits(self, images):
            return problem[0].logits(images)

    with pytest.raises(ParameterError, match=r"A Other cannot be attacked by linf APGD-CE, .*; use PGD"):
        worst_case(Other(), *problem[1:], attack=SHORT, generator=np.random.default_rng(0))
