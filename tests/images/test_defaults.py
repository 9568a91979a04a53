"""What stands in a training where nothing is said: the numbers themselves, since every later result hangs on them."""

import pytest

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.black_box import Square
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.attacks.standard import Standard
from cgrosim.images.data.own.found import Outline
from cgrosim.images.network.architectures import lenet, stack3x3
from cgrosim.images.training import defaults
from cgrosim.images.training.averaging import Averaging
from cgrosim.images.training.defaults import DEFAULTS, default_settings, final_attack
from cgrosim.images.training.schedules import Schedule
from cgrosim.images.training.settings import Settings

MIXED = {"subset": 1000, "validation": 500, "batch_size": 25, "adversarial_weight": 0.5}
STAGES = {
    "patch": 14,
    "samples": 1000,
    "learning_rate": 0.02,
    "initial_scale": 0.03,
    "steps": 3000,
    "test_samples": 500,
}
DIGITS = {"subset": 200, "validation": 200, "epochs": 60, "batch_size": 20, "learning_rate": 0.02}
COLOURED = {"epochs": 100, "learning_rate": 0.005, "schedule": Schedule("piecewise", (0.75, 0.9), 0.1)}
TABLE = {  # shape, classes, network, its width, radius in l_inf and l_2, training, stages
    "digits": ((8, 8, 1), 10, "lenet", 8, 0.1, 0.5, DIGITS, {}),
    "mnist": ((28, 28, 1), 10, "lenet", 8, 0.3, 2.0, MIXED | {"epochs": 80, "learning_rate": 0.03}, STAGES),
    "fashion-mnist": ((28, 28, 1), 10, "lenet", 8, 0.1, 1.0, MIXED | {"epochs": 100, "learning_rate": 0.03}, STAGES),
    "cifar-10": ((32, 32, 3), 10, "stack3x3", 32, 8 / 255, 0.5, MIXED | COLOURED,
                 STAGES | {"patch": 16, "learning_rate": 0.005}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_data_sets(name):
    start = DEFAULTS[name]
    found = (start.input_shape, start.classes, start.architecture, start.width, start.linf_radius, start.l2_radius)
    assert (*found, start.training, start.stages) == TABLE[name]


def test_a_training_of_the_digits():
    found = default_settings("digits")
    assert found.attack == Attack("linf", 0.1, 7, 2.5 * 0.1 / 7)
    assert found.evaluation_attack == Attack("linf", 0.1, 10, 2.5 * 0.1 / 10)
    assert default_settings("digits", norm="l2").attack.radius == 0.5
    assert found.schedule == Schedule("piecewise", (0.6, 0.85), 0.1)
    assert found.architecture == lenet(8, (8, 8, 1), 10)
    assert default_settings("digits", architecture="stack3x3", width=1).architecture == stack3x3(1, (8, 8, 1), 10)
    with pytest.raises(ParameterError, match="width is 0, but must be at least 1"):
        default_settings("digits", width=0)


OWN = [  # shape, training and test images a class; validation, rate, patch, samples and test samples of the stages
    ((16, 16, 1), (40, 25), (9, 7), 4, 0.02, 8, 50, 14),
    ((15, 40, 1), (9, 9), (3, 3), 2, 0.02, 5, 18, 6),
    ((16, 40, 3), (900, 600), (300, 400), 120, 0.005, 8, 1000, 500),
    ((32, 32, 3), (10, 19), (1, 1), 2, 0.005, 16, 20, 2),
    ((7, 11, 1), (20, 20), (5, 5), 4, 0.02, 1, 40, 10),
]


@pytest.mark.parametrize(("shape", "train", "test", "validation", "rate", "patch", "samples", "test_samples"), OWN)
def test_images_of_ones_own(shape, train, test, validation, rate, patch, samples, test_samples):
    """A tenth for validation; patches are squares, at least two in every row; stages as of MNIST from 16 pixels on."""
    found = defaults._own_defaults(Outline(shape, ("a", "b"), train, test))
    model = DEFAULTS["cifar-10" if shape[2] == 3 else "fashion-mnist"]
    assert (found.input_shape, found.classes, found.architecture, found.width) == (
        shape, 2, model.architecture, model.width
    )  # fmt: skip
    assert (found.linf_radius, found.l2_radius) == (model.linf_radius, model.l2_radius)
    assert found.training == {
        "validation": validation, "epochs": 30, "batch_size": 25, "learning_rate": rate, "adversarial_weight": 0.5
    }  # fmt: skip
    own = {"patch": patch, "samples": samples, "test_samples": test_samples}
    assert found.stages == (STAGES if min(shape[:2]) >= 16 else {}) | own


def test_fields_of_a_training():
    attack = Attack.pgd("linf", 0.1, 2)
    found = Settings("digits", lenet(2, (8, 8, 1), 10), attack, attack).model_dump(exclude={"architecture"})
    for name, value in {
        "epochs": 30, "batch_size": 128, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0,
        "label_smoothing": 0.0, "adversarial_weight": 1.0, "trades_beta": 0.0, "radius_warmup": 0.0, "random_shift": 0,
        "random_flip": False, "validation": 0, "subset": None, "evaluation_samples": 1000, "confirmation_steps": 20,
        "shuffle_labels": False, "snapshots": (), "seed": 0,
    }.items():  # fmt: skip
        assert found[name] == value, name
    plain = Settings("digits", lenet(2, (8, 8, 1), 10), attack, attack)
    assert plain.averaging == Averaging("none")
    assert plain.schedule == Schedule("constant")
    assert (Schedule("piecewise").milestones, Schedule("piecewise").factor) == ((0.5, 0.75), 0.1)


LEAST = {"epochs": 1, "batch_size": 1, "momentum": 0, "weight_decay": 0, "label_smoothing": 0, "adversarial_weight": 0,
         "trades_beta": 0, "radius_warmup": 0, "random_shift": 0, "validation": 0, "subset": 1, "evaluation_samples": 1,
         "confirmation_steps": 0, "seed": 0}  # fmt: skip
MOST = {"adversarial_weight": 1, "radius_warmup": 1, "random_shift": 7}


@pytest.mark.parametrize("name", sorted(LEAST))
def test_the_least_and_the_most_of_a_field(name):
    attack = Attack.pgd("linf", 0.1, 2)
    plain = Settings("digits", lenet(2, (8, 8, 1), 10), attack, attack)
    assert getattr(plain.replace(**{name: LEAST[name]}), name) == LEAST[name]
    with pytest.raises(ParameterError, match=f"{name} is {LEAST[name] - 1}, but must"):
        plain.replace(**{name: LEAST[name] - 1})
    if name in MOST:
        assert getattr(plain.replace(**{name: MOST[name]}), name) == MOST[name]
        with pytest.raises(ParameterError, match=f"{name} is {MOST[name] + 1}, but"):
            plain.replace(**{name: MOST[name] + 1})


@pytest.mark.parametrize(("classes", "loss"), [(3, "dlr"), (4, "dlr-targeted")])
def test_attacks_of_final_numbers(classes, loss):
    attack = Attack.pgd("l2", 0.3, 6)
    training = Settings("digits", lenet(2, (8, 8, 1), classes), attack, attack)
    assert final_attack(training) == Attack.pgd("l2", 0.3, 12, restarts=5)
    assert final_attack(training, 3) == Attack.pgd("l2", 0.3, 12, restarts=3)
    assert final_attack(training, 3, "standard") == Standard("l2", 0.3, pgd_steps=12, pgd_restarts=3)
    assert final_attack(training, kind="square") == Square("l2", 0.3)
    assert final_attack(training, kind="apgd-ce") == AutoPGD("l2", 0.3, "ce")
    assert final_attack(training, kind="apgd-dlr") == AutoPGD("l2", 0.3, loss)
