"""Selection of an epoch on validation images: what a weak attack cannot see, a stronger one has to confirm."""

import numpy as np
import pytest
from small_trainings import NETWORK, SHAPE, small_dataset, small_settings

from cgrosim.files.archive import read_archive, write_archive
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.network.layers import Architecture, FullyConnected
from cgrosim.images.training.file import TRAINING, Training
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.selection import confirmed_accuracy, confirming_attacks
from cgrosim.images.training.train import new_network, train
from cgrosim.model.streams import TrainingStream, stream

DATA = small_dataset()
BLIND = Attack("linf", 0.15, 1, 1e-6)  # a measurement that moves the images nowhere but to their random starts


@pytest.fixture(scope="module")
def blind():
    """Eight epochs against a real attack, measured by a blind one, every network kept."""
    settings = small_settings(
        epochs=8, evaluation_attack=BLIND, validation=24, confirmation_steps=5, snapshots=tuple(range(1, 9))
    )
    return train(settings, DATA)


def left_right(settings, network, validation):
    """Which validation images withstand the measurement and both confirming attacks."""
    attacks = (settings.evaluation_attack, *confirming_attacks(settings))
    keys = ((TrainingStream.START, 1), (TrainingStream.CONFIRMATION, 0), (TrainingStream.CONFIRMATION, 1))
    found = [
        worst_case(
            network, validation.images, validation.labels, attack=attack, generator=stream(settings.seed, *key)
        ).margins
        > 0
        for attack, key in zip(attacks, keys, strict=True)
    ]
    return np.all(found, axis=0)


def test_the_best_epoch_is_that_of_the_largest_accuracy_under_all_attacks(blind):
    """Every epoch measured in full: only those that could be the best were, and the outcome is the same."""
    validation = training_data(blind.settings, DATA).measured["validation"]
    accuracies = [
        left_right(blind.settings, new_network(NETWORK, blind.snapshots[epoch]), validation).mean()
        for epoch in range(1, 9)
    ]
    assert blind.best_epoch == 1 + int(np.argmax(accuracies))
    assert blind.best_accuracy == max(accuracies)
    weak = blind.history["robust_validation"]
    assert blind.best_accuracy < weak[blind.best_epoch - 1]
    # what the weak attack would have selected is not as good under the strong ones
    assert accuracies[int(np.argmax(weak))] < max(accuracies)


def test_no_epoch_is_attacked_that_could_not_be_the_best(blind, monkeypatch):
    validation = training_data(blind.settings, DATA).measured["validation"]
    network, calls = new_network(NETWORK, blind.last), []
    monkeypatch.setattr(
        "cgrosim.images.training.selection.worst_case",
        lambda *a, **k: calls.append(getattr(k["attack"], "loss", "pgd")) or worst_case(*a, **k),
    )
    measured = blind.history["robust_validation"][-1]
    assert confirmed_accuracy(network, blind.settings, validation, measured, measured) is None
    assert calls == []
    found = confirmed_accuracy(network, blind.settings, validation, measured, -1.0)
    assert found < measured
    assert calls == ["pgd", "ce", "dlr"]
    assert confirmed_accuracy(network, blind.settings, validation, measured, found) is None  # the earlier of equals


def test_which_attacks_confirm():
    settings = small_settings()
    assert [attack.loss for attack in confirming_attacks(settings)] == ["ce", "dlr"]
    assert confirming_attacks(settings.replace(confirmation_steps=0)) == ()
    pair = Architecture("pair", SHAPE, (FullyConnected(2),))  # two logits have no ratio
    assert [attack.loss for attack in confirming_attacks(settings.replace(architecture=pair))] == ["ce"]


def test_a_file_that_says_nothing_was_selected_by_the_measurement_alone(tmp_path):
    """It is gone on with as such, and not with a confirmation it never had."""
    settings = small_settings(epochs=3, confirmation_steps=0)
    path = train(settings, DATA).save(tmp_path / "training.npz")
    archive = read_archive(path, TRAINING)
    header = {name: value for name, value in archive.header.items() if name != "best_accuracy"}
    header["settings"] = {k: v for k, v in header["settings"].items() if k != "confirmation_steps"}
    write_archive(path, TRAINING, header, archive.arrays)
    old = Training.load(path)
    assert old.settings == settings
    assert old.best_accuracy is None
    assert train(settings, DATA, checkpoint=path).best_epoch == old.best_epoch
