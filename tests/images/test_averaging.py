"""Averages of weights: their closed forms, in a training, beside the last weights, in files and in words."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trainings import NETWORK, small_dataset, small_settings

from cgrosim.errors import FileError, ParameterError
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.training.averaging import Average, Averaging
from cgrosim.images.training.file import Training
from cgrosim.images.training.final import final_accuracies, overfitting_sentence
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.train import new_network, train, work
from cgrosim.model.streams import TrainingStream, stream

DATA = small_dataset()
EPS = np.finfo(np.float64).eps


@given(
    st.sampled_from(["swa:0.5", "ema:0.3", "ema:0.9", "ema:0.999"]),
    st.lists(st.floats(-10.0, 10.0, width=32), min_size=1, max_size=30),
)
def test_an_average_is_the_weighted_mean(text, values):
    averaging = Averaging.parse(text)
    average = Average(averaging)
    assert average.mean() is None
    for value in values:
        average.add({"w": np.array([value], np.float32)})
    weights = np.ones(len(values)) if averaging.name == "swa" else averaging.value ** np.arange(len(values))[::-1]
    # every step rounds numbers below 20 a few times; 1 - d^n loses up to 3 digits to cancellation
    bound = 1e3 * 8 * 20 * EPS * len(values)
    assert average.mean()["w"][0] == pytest.approx(np.average(values, weights=weights), abs=bound)
    assert average.count == len(values)


def test_what_is_averaged_on_stays_as_it_was():
    """An interrupted epoch must leave the average of the epoch before."""
    mean = {"w": np.ones(3)}
    Average(Averaging("ema", 0.5), mean, 1).add({"w": np.zeros(3, np.float32)})
    assert mean["w"].tolist() == [1.0, 1.0, 1.0]


def test_the_training_averages_the_networks_after_the_last_epochs():
    settings = small_settings(averaging="swa:0.5", epochs=5, snapshots=(3, 4, 5))
    found = train(settings, DATA)  # 3/5, 4/5 and 5/5 lie behind the half
    assert found.averaged_networks == 3
    for name, mean in found.averaged.items():
        exact = np.mean([found.snapshots[epoch][name].astype(np.float64) for epoch in (3, 4, 5)], axis=0)
        np.testing.assert_allclose(mean, exact, atol=1e-14)
    assert np.isnan(found.history["averaged_robust_test"][:2]).all()
    # the mean of one network is that network
    assert found.history["averaged_robust_test"][2] == found.history["robust_test"][2]


def test_the_training_averages_every_step():
    """One batch an epoch, so that the snapshots are the networks after every step."""
    epochs = (1, 2, 3, 4)
    found = train(small_settings(averaging="ema:0.6", batch_size=30, snapshots=epochs), DATA)
    assert found.averaged_networks == 4
    for name, mean in found.averaged.items():
        kept = [found.snapshots[epoch][name].astype(np.float64) for epoch in epochs]
        np.testing.assert_allclose(mean, np.average(kept, axis=0, weights=0.6 ** np.arange(4)[::-1]), atol=1e-14)


@pytest.fixture(scope="module")
def averaged():
    """A training with an average of its steps."""
    return train(small_settings(averaging="ema:0.9"), DATA)


def test_the_average_changes_nothing_of_the_training_and_is_measured_like_it(averaged):
    plain = train(small_settings(), DATA)
    for name, value in plain.last.items():
        np.testing.assert_array_equal(value, averaged.last[name])
    np.testing.assert_array_equal(plain.history["robust_test"], averaged.history["robust_test"])
    assert not [name for name in plain.history if name.startswith("averaged")]
    settings, test = averaged.settings, training_data(averaged.settings, DATA).measured["test"]
    generator = stream(settings.seed, TrainingStream.START, 2)
    network = new_network(NETWORK, averaged.averaged)
    worst = worst_case(network, test.images, test.labels, attack=settings.evaluation_attack, generator=generator)
    assert averaged.history["averaged_robust_test"][-1] == np.mean(worst.margins > 0)
    assert averaged.history["averaged_clean_test"][-1] == np.mean(worst.clean_margins > 0)


def test_final_numbers_stand_beside_those_of_the_last_weights(averaged):
    attack = Attack.pgd("linf", 0.05, 4)
    found = final_accuracies(averaged, DATA, attack, black_box_samples=0)
    assert [row.selected for row in found] == ["last", "validation-selected", "averaged"]
    alone = dataclasses.replace(averaged, last={k: v.astype(np.float32) for k, v in averaged.averaged.items()})
    again = final_accuracies(alone, DATA, attack, black_box_samples=0)[0]
    assert found[2] == again.replace(selected="averaged")
    said = overfitting_sentence([found[0], found[2].replace(robust_test=found[0].robust_test / 2)])
    assert "validation-selected" not in said
    points = f"{50 * found[0].robust_test:.1f} points less than the last ones"
    assert f"The averaged weights have a robust test accuracy of {50 * found[0].robust_test:.1f} %, {points}" in said


def test_the_best_epoch_is_that_of_the_average_once_there_is_one():
    """What is selected is what is evaluated: before the first average the weights themselves, then the averages."""
    settings = small_settings(averaging="swa:0.5", epochs=8, confirmation_steps=0, snapshots=tuple(range(1, 9)), seed=8)
    found = train(settings, DATA)
    raw, averaged = found.history["robust_validation"], found.history["averaged_robust_validation"]
    scores = np.where(np.isnan(averaged), raw, averaged)
    assert found.best_epoch == 1 + int(np.argmax(scores)) > 4
    assert found.best_epoch != 1 + int(np.argmax(raw))  # the weights alone would have said another
    assert found.best_accuracy == scores.max()
    for name, value in found.best.items():
        kept = [found.snapshots[epoch][name].astype(np.float64) for epoch in range(5, found.best_epoch + 1)]
        np.testing.assert_allclose(value, np.mean(kept, axis=0), rtol=1e-6, atol=1e-7)  # rounded to float32


def test_where_no_attacked_test_image_is_right_half_an_image_is_the_standard_error(averaged):
    """A gap of 1.6 images is more than three times half of one, and 1.4 are not."""
    last = final_accuracies(averaged, DATA, Attack.pgd("linf", 0.05, 4), black_box_samples=0)[0]
    for images, seen in ((1.6, True), (1.4, False)):
        row = last.replace(clean_train=1.0, clean_test=1.0, robust_test=0.0, robust_train=images / last.test_samples)
        assert ("robust overfitting is seen" in overfitting_sentence([row])) is seen


def test_the_sentence_goes_from_the_selected_average_to_the_last(averaged):
    last, selected, mean = final_accuracies(averaged, DATA, Attack.pgd("linf", 0.05, 4), black_box_samples=0)
    rows = [last.replace(robust_test=0.1), selected.replace(robust_test=0.5), mean.replace(robust_test=0.4)]
    told = overfitting_sentence(rows)
    assert "the robust test accuracy of the averaged weights falls by 10.0 points" in told
    assert "the robust test accuracy falls by 40.0 points" in overfitting_sentence(rows[:2])


def test_progress_ends_at_one_and_the_average_costs_its_measurement():
    told = []
    settings = small_settings(averaging="swa:0.5")
    train(settings, DATA, progress=lambda what, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0, abs=1e-12)
    costs = [work(small_settings(averaging=text), DATA) for text in ("none", "swa:0.5", "ema")]
    measuring = 72 * (1 + 2 * 3)  # 30 training, 12 validation and 30 test images under PGD-3
    assert np.diff(costs).tolist() == [2 * measuring, 2 * measuring]


def test_a_file_gives_the_average_back_and_refuses_one_that_is_not_its_own(averaged, tmp_path):
    again = Training.load(averaged.save(tmp_path / "run.npz"))
    assert again.averaged_networks == averaged.averaged_networks == 16
    for name, value in averaged.averaged.items():
        np.testing.assert_array_equal(again.averaged[name], value)
    for wrong in (
        dataclasses.replace(averaged, averaged_networks=7),
        dataclasses.replace(averaged, averaged_networks=0),
        dataclasses.replace(averaged, averaged=None),
        dataclasses.replace(averaged, averaged={name: value.astype("f4") for name, value in averaged.averaged.items()}),
    ):
        with pytest.raises(FileError):
            Training.load(wrong.save(tmp_path / "wrong.npz"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("swaa", "averaging is 'swaa', but must be one of none, swa, ema; did you mean swa"),
        ("none:0.5", "averaging is 'none:0.5'; write for example none, swa:0.75 or ema:0.995"),
        ("swa:half", "averaging is 'swa:half'; write for example"),
        ("swa:1", "begins at the share 1 of the training, but it must be at least 0 and below 1"),
        ("ema:1", "has the factor 1, but it must lie between 0 and 1"),
        ("ema:nan", "nan"),
        ({"name": "none", "value": 0.5}, "averaging is none, which takes no number"),
    ],
)
def test_a_bad_averaging_is_one_sentence(text, words):
    with pytest.raises(ParameterError, match=words) as caught:
        small_settings(averaging=text)
    assert "\n" not in str(caught.value)


@given(st.sampled_from(["swa", "ema"]), st.floats(1e-9, 1.0, exclude_max=True))
def test_the_text_gives_the_averaging_back(name, value):
    assert Averaging.parse(Averaging(name, value).describe()) == Averaging(name, value)
    assert small_settings(averaging=name).averaging == Averaging.parse(name) == Averaging(name)
