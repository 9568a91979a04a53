"""Settings on images: what is dumped is what is read back, values are normalised, and nonsense is one sentence."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trainings import NETWORK, small_dataset, small_settings

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.black_box import square_attack
from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.attacks.gradient import Attack, perturb
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.experiments.landscape_search import Search
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.network.architectures import lenet, patch_network, stack3x3
from cgrosim.images.network.layers import Architecture, FullyConnected, ReLU
from cgrosim.images.network.reference import ReferenceNetwork
from cgrosim.images.training.averaging import Averaging
from cgrosim.images.training.defaults import default_settings
from cgrosim.images.training.schedules import Schedule
from cgrosim.images.training.settings import Settings
from cgrosim.images.training.train import train

reals = st.floats(1e-9, 1.0, exclude_max=True)
counts = st.integers(1, 10**6)
attacks = st.builds(
    Attack, norm=st.sampled_from(["linf", "l2"]), radius=reals, steps=counts, step_size=reals, restarts=counts
)
schedules = st.one_of(
    st.sampled_from(["constant", "cosine", "cyclic"]).map(Schedule),
    st.builds(
        Schedule,
        name=st.just("piecewise"),
        milestones=st.sets(reals, min_size=1, max_size=4).map(lambda milestones: tuple(sorted(milestones))),
        factor=reals,
    ),
)
averagings = st.builds(Averaging, name=st.sampled_from(["swa", "ema"]), value=reals) | st.just(Averaging())
networks = st.sampled_from([NETWORK, lenet(2), stack3x3(4), patch_network((28, 28, 1), 7, 20)])
trainings = st.builds(
    Settings,
    dataset=st.text(max_size=10),
    architecture=networks,
    attack=attacks,
    evaluation_attack=attacks,
    epochs=st.integers(1, 10**5),
    batch_size=counts,
    learning_rate=st.floats(1e-300, 1e300),
    momentum=st.floats(0.0, 1.0, exclude_max=True),
    weight_decay=st.floats(0.0, 1e300),
    label_smoothing=st.floats(0.0, 1.0, exclude_max=True),
    schedule=schedules,
    adversarial_weight=st.floats(0.0, 1.0),
    trades_beta=st.floats(0.0, 1e300),
    radius_warmup=st.floats(0.0, 1.0),
    random_shift=st.integers(0, 3),
    random_flip=st.booleans(),
    averaging=averagings,
    validation=st.integers(0, 10**6),
    subset=st.none() | counts,
    evaluation_samples=counts,
    shuffle_labels=st.booleans(),
    seed=st.integers(0, 2**200),
)
class_mean_attacks = st.builds(ClassMeanAttack, gap=st.floats(0.0, 1.0, exclude_max=True), search=st.booleans())
stages = st.builds(
    StageSettings,
    learning_rate=reals,
    initial_scale=reals,
    attack=attacks | class_mean_attacks,
    evaluation_attack=st.none() | attacks | class_mean_attacks,
    samples=st.none() | st.integers(2, 1000),
    record_correlations=st.booleans(),
)
searches = st.builds(Search, steps=counts, restarts=counts)


@given(st.one_of(attacks, schedules, averagings, trainings, class_mean_attacks, stages, searches))
def test_what_is_dumped_is_what_is_read_back(settings):
    again = type(settings).load(json.loads(json.dumps(settings.dump())))
    assert again == settings
    assert again.dump() == settings.dump()
    assert settings.replace() == settings


@given(schedules)
def test_the_text_of_a_schedule_gives_its_rates_back(schedule):
    again = Schedule.parse(schedule.describe())
    assert [again.rate(0.3, k / 97) for k in range(97)] == [schedule.rate(0.3, k / 97) for k in range(97)]


def test_a_schedule_of_thirds_goes_on_from_its_file(tmp_path):
    settings = small_settings(schedule=Schedule.parse("piecewise:0.33333333,0.66666667:0.1"), epochs=1)
    first = train(settings, small_dataset(), checkpoint=tmp_path / "run.npz")
    assert train(settings, small_dataset(), checkpoint=tmp_path / "run.npz").settings == first.settings


def test_the_text_of_a_schedule_will_do():
    assert small_settings(schedule="piecewise:0.25:0.5").schedule == Schedule("piecewise", (0.25,), 0.5)


def test_numpys_numbers_and_texts_are_pythons_numbers(tmp_path):
    given = small_settings(
        seed=np.int64(3),
        subset=np.int32(30),
        epochs=np.float64(2.0),
        batch_size="8",
        learning_rate=np.float32(0.5),
        validation=12.0,
        snapshots=np.array([0, 2]),
        attack=Attack.pgd("linf", "8/255", np.int64(2)),
    )
    plain = small_settings(
        epochs=2, learning_rate=0.5, snapshots=(0, 2), attack=Attack("linf", 8 / 255, 2, 2.5 * (8 / 255) / 2)
    )
    assert given == plain
    assert [type(value) for value in (given.seed, given.epochs, given.learning_rate)] == [int, int, float]
    assert small_settings(subset="all").subset is None
    train(given.replace(epochs=1, snapshots=()), small_dataset(), checkpoint=tmp_path / "run.npz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 1.5}, "epochs is 1.5, but must be a whole number"),
        ({"epochs": True}, "epochs is True, but must be a whole number"),
        ({"learning_rate": "8/0"}, "learning_rate is '8/0', but must be a number"),
        ({"learning_rate": False}, "learning_rate is False, but must be a number"),
        ({"momentum": 1}, "momentum is 1, but must be at least 0 and below 1"),
        ({"adversarial_weight": 2}, "adversarial_weight is 2, but must lie between 0 and 1"),
        ({"weight_decay": -1}, "weight_decay is -1, but must not be negative"),
        ({"label_smoothing": 1}, "label_smoothing is 1, but must be at least 0 and below 1"),
        ({"trades_beta": -1}, "trades_beta is -1, but must not be negative"),
        (
            {"trades_beta": 6, "attack": Attack.fgsm(0.1)},
            "trades_beta is 6, but the attack has no random start, .* use random starts",
        ),
        ({"subset": 0}, "subset is 0, but must be at least 1"),
        ({"attack": 3}, "attack is 3"),
        ({"attack": Attack.pgd("linf", 8.0, 2)}, "radius is 8, but no two images .* 8/255"),
        ({"attack": Attack.pgd("l2", 4.5, 2)}, "farther apart than 4 in l2"),
        ({"epoch": 3}, "epoch is not a parameter"),
    ],
)
def test_bad_values_are_one_sentence(changes, words):
    with pytest.raises(ParameterError, match=words) as caught:
        small_settings(**changes)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))  # a question where a name is suggested


def test_a_network_is_an_architecture():
    with pytest.raises(ParameterError, match="architecture is 'vgg', but must be of the class Architecture"):
        small_settings().replace(architecture="vgg")


def test_what_a_figure_says_of_a_training():
    assert small_settings().besides == ()
    told = small_settings(trades_beta=6, random_shift=2, random_flip=True, averaging="swa", radius_warmup=0.3)
    assert told.objective == "TRADES (β = 6, λ = 1)"
    assert told.besides == (
        "radius growing over the first 0.3 of the training",
        "images moved by up to 2 pixels",
        "images mirrored",
        "weights averaged (swa:0.75)",
    )


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(ParameterError, match=r"use replace\(seed=\.\.\.\)"):
        small_settings().seed = 4


@pytest.mark.parametrize("content", [[], "x", {"dataset": "digits"}, {"architecture": {"layers": [{"layer": "exec"}]}}])
def test_what_describes_no_settings_is_one_sentence(content):
    with pytest.raises(ParameterError):
        Settings.load(content)


def test_a_radius_in_levels_is_refused():
    assert default_settings("cifar-10", radius="8/255").attack.radius == 8 / 255
    with pytest.raises(ParameterError, match="such as 8/255"):
        default_settings("cifar-10", radius=8)


@pytest.mark.parametrize("attacking", ["perturb", "worst_case", "square_attack"])
def test_attacks_refuse_pixels_in_levels_and_radii_beyond_the_box(attacking):
    from cgrosim.images.network.layers import initial_parameters

    generator = np.random.default_rng(0)
    network = ReferenceNetwork(NETWORK, initial_parameters(NETWORK, generator))
    more = {"queries": 2} if attacking == "square_attack" else {}
    attack = {"perturb": perturb, "worst_case": worst_case, "square_attack": square_attack}[attacking]
    images, labels = generator.random((3, 4, 4, 1)), np.arange(3)
    with pytest.raises(ParameterError, match="Pixels go from"):
        attack(network, 255.0 * images, labels, attack=Attack.pgd("linf", 0.1, 2), generator=generator, **more)
    with pytest.raises(ParameterError, match="radius is 8"):
        attack(network, images, labels, attack=Attack.pgd("linf", 8.0, 2), generator=generator, **more)


def test_a_network_beyond_memory_is_refused_before_anything_is_made():
    layers = (FullyConnected(10**7), ReLU(), FullyConnected(10**6), ReLU(), FullyConnected(3))
    wide = small_settings().replace(architecture=Architecture("wide", NETWORK.input_shape, layers))
    with pytest.raises(ParameterError, match=r"wide has 1e\+13 weights, more than a training can hold in this memory"):
        train(wide, small_dataset())
