"""Training on images: what it minimises, what it measures, what it keeps, and that a killed one loses nothing."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_trainings import NETWORK, same_bits, small_dataset, small_settings

from cgrosim.errors import FileError, ParameterError
from cgrosim.images.attacks.gradient import Attack, perturb
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.training.file import Training
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.schedules import Schedule
from cgrosim.images.training.settings import Settings
from cgrosim.images.training.train import new_network, train, work
from cgrosim.interrupts import raising_interrupts
from cgrosim.model.streams import TrainingStream, stream

DATA = small_dataset()


@pytest.fixture(scope="module")
def whole():
    """The training that the others are compared with."""
    return train(small_settings(snapshots=(0, 2)), DATA)


def test_a_training_learns_and_says_what_it_did(whole):
    assert whole.status == "finished"
    assert whole.message == ""
    assert list(whole.history["epoch"]) == [1, 2, 3, 4]
    assert whole.history["train_loss"][-1] < whole.history["train_loss"][0]
    assert whole.history["clean_test"][-1] > 0.6  # guessing is 1/3, and 30 images have a standard error of 0.09
    for name in ("train", "validation", "test"):
        assert np.all(whole.history[f"robust_{name}"] <= whole.history[f"clean_{name}"])
    assert sorted(whole.snapshots) == [0, 2]


def test_the_same_settings_give_the_same_bits_and_another_seed_others(whole):
    assert same_bits(train(whole.settings, DATA), whole)
    assert not same_bits(train(whole.settings.replace(seed=4), DATA), whole)


@pytest.mark.parametrize(("weight", "smoothing"), [(0.0, 0.0), (0.3, 0.0), (1.0, 0.0), (0.3, 0.2)])
def test_one_step_is_the_step_of_the_weighted_loss(weight, smoothing):
    """Against the reference network in float64, step by hand: one epoch of one batch."""
    from cgrosim.images.network.reference import ReferenceNetwork

    settings = small_settings(
        epochs=1, batch_size=30, adversarial_weight=weight, weight_decay=0.01, label_smoothing=smoothing, snapshots=(0,)
    )
    found = train(settings, DATA)
    data = training_data(settings, DATA).train
    generator = stream(settings.seed, TrainingStream.EPOCH, 1)
    order = generator.permutation(30)
    images, labels = data.images[order], data.labels[order]
    start = found.snapshots[0]
    reference, attacked = ReferenceNetwork(NETWORK, start), images
    if weight > 0.0:  # the attack of the network that was trained: a sign may turn in float32
        attacked, _, _ = perturb(
            new_network(NETWORK, start), images, labels, attack=settings.attack, generator=generator
        )
    loss = 0.0
    for share, batch in ((1.0 - weight, images), (weight, attacked)):
        if share > 0.0:
            loss += share * float(reference.accumulate_gradient(batch, labels, share, smoothing).mean())
    reference.step(0.1, 0.9, 0.01)
    # sums of at most 480 products of numbers below 10 in float32: 480 * 10 * 2^-24 = 3e-4 bounds every one of them
    assert found.history["train_loss"][0] == pytest.approx(loss, abs=3e-4)
    for name, value in reference.parameters().items():
        np.testing.assert_allclose(found.last[name], value, atol=3e-4)


def test_a_loss_without_weight_is_not_computed(monkeypatch):
    calls = []
    monkeypatch.setattr("cgrosim.images.training.objective.perturb", lambda *a, **k: calls.append(a))
    train(small_settings(adversarial_weight=0.0, epochs=1), DATA)
    assert not calls


def test_the_measurement_is_the_worst_case_of_the_kept_samples(whole):

    settings = whole.settings
    test = training_data(settings, DATA).measured["test"]
    worst = worst_case(
        new_network(NETWORK, whole.last),
        test.images,
        test.labels,
        attack=settings.evaluation_attack,
        generator=stream(settings.seed, TrainingStream.START, 2),
    )
    assert whole.history["robust_test"][-1] == np.mean(worst.margins > 0)
    assert whole.history["clean_test"][-1] == np.mean(worst.clean_margins > 0)


def test_the_best_epoch_is_the_earliest_with_the_largest_robust_validation_accuracy(whole):
    long = train(small_settings(epochs=12, confirmation_steps=0), DATA)
    scores = long.history["robust_validation"]
    assert np.count_nonzero(scores == scores.max()) > 1, "no tie: the test does not test ties"
    assert long.best_epoch == 1 + int(np.argmax(scores))
    assert long.best_accuracy == scores.max()
    until = train(small_settings(epochs=12, snapshots=(long.best_epoch,)), DATA)
    for name, value in until.snapshots[long.best_epoch].items():
        np.testing.assert_array_equal(long.best[name], value)


def test_without_validation_images_nothing_is_selected():
    found = train(small_settings(validation=0, epochs=1), DATA)
    assert (found.best, found.best_epoch) == (None, None)
    assert np.isnan(found.history["robust_validation"]).all()


def test_validation_and_training_images_are_balanced_and_apart():
    data = training_data(small_settings(), DATA)
    keys = [{image.tobytes() for image in part.images} for part in (data.train, data.validation, data.test)]
    assert [len(each) for each in keys] == [30, 12, 30]
    assert not set.union(keys[0] & keys[1], keys[0] & keys[2], keys[1] & keys[2])
    assert list(np.bincount(data.train.labels)) == [10, 10, 10]
    assert list(np.bincount(data.validation.labels)) == [4, 4, 4]


def test_shuffled_labels_are_the_same_labels_elsewhere_and_only_in_training():
    straight, shuffled = (training_data(small_settings(shuffle_labels=flag), DATA) for flag in (False, True))
    np.testing.assert_array_equal(straight.train.images, shuffled.train.images)
    assert np.mean(straight.train.labels != shuffled.train.labels) > 0.3
    assert sorted(straight.train.labels) == sorted(shuffled.train.labels)
    np.testing.assert_array_equal(straight.validation.labels, shuffled.validation.labels)
    np.testing.assert_array_equal(straight.test.labels, shuffled.test.labels)


def test_trainings_of_one_seed_are_paired():
    one, other = (train(small_settings(adversarial_weight=lam, epochs=1, snapshots=(0,)), DATA) for lam in (0.0, 1.0))
    for name, value in one.snapshots[0].items():
        np.testing.assert_array_equal(value, other.snapshots[0][name])


def test_the_schedule_is_followed_step_by_step():
    found = train(small_settings(schedule=Schedule("piecewise", (0.5,), 0.1)), DATA)
    np.testing.assert_allclose(found.history["learning_rate"], [0.1, 0.1, 0.01, 0.01], rtol=1e-15)
    cosine = train(small_settings(schedule=Schedule("cosine"), epochs=1), DATA)  # four batches of 8, 8, 8, 6
    assert cosine.history["learning_rate"][0] == pytest.approx(0.05 * (1 + math.cos(0.75 * math.pi)), rel=1e-14)


def test_divergence_stops_with_the_place_and_keeps_the_history(tmp_path):
    wild = small_settings(learning_rate=1e3, weight_decay=1.0, epochs=50)  # weights grow by a factor -999 a step
    found = train(wild, DATA, checkpoint=tmp_path / "wild.npz")
    assert found.status == "diverged"
    assert "epoch" in found.message
    assert "Take a smaller learning rate than 1000" in found.message
    assert found.epochs_done < 50
    assert all(np.isfinite(value).all() for value in found.last.values())
    again = train(wild, DATA, checkpoint=tmp_path / "wild.npz")
    assert (again.status, again.message) == ("diverged", found.message)


def test_progress_grows_to_one_and_every_epoch_is_shown():
    told, shown = [], []
    train(
        small_settings(),
        DATA,
        progress=lambda what, share: told.append((what, share)),
        on_epoch=lambda epoch, network: shown.append((epoch, network.parameters())),
    )
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0, abs=1e-12)
    assert told[0][0].startswith("epoch 1/4")
    assert [epoch for epoch, _ in shown] == [1, 2, 3, 4]


def test_attacks_make_a_training_cost_more():
    costs = [work(small_settings(adversarial_weight=lam), DATA) for lam in (0.0, 1.0, 0.5)]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2]


# ------------------------------------------------------------------------------------------------ files and resuming


def test_a_file_gives_the_training_back(whole, tmp_path):
    whole.save(tmp_path / "run.npz")
    again = Training.load(tmp_path / "run.npz")
    assert same_bits(whole, again)
    assert again.settings == whole.settings
    assert (again.status, again.message, again.made_with) == (whole.status, whole.message, whole.made_with)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.npz"]


@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_training_goes_on_bit_identically(whole, stop, tmp_path):
    """Ctrl-C in the middle of an epoch: the epoch is done again from its start."""
    path = tmp_path / "run.npz"

    def interrupt(what, share):
        if what.startswith(f"epoch {stop}/") and share > (stop - 0.9) / 4:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the test runner has done with it
    try:
        stopped = train(whole.settings, DATA, checkpoint=path, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.status == "interrupted"
    assert stopped.epochs_done == stop - 1
    assert f"Interrupted in epoch {stop}" in stopped.message
    resumed = train(whole.settings, DATA, checkpoint=path)
    assert resumed.status == "finished"
    assert resumed.message == ""
    assert same_bits(resumed, whole)


def test_where_half_a_training_is_worth_nothing_ctrl_c_is_raised():
    def interrupt(what, share):
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with raising_interrupts(), pytest.raises(KeyboardInterrupt):
            train(small_settings(), DATA, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)


KILLED = """
import sys, time
from small_trainings import small_dataset, small_settings
from cgrosim.images.training.train import train

def wait(what, share):
    if what.startswith("epoch 3/") and share > 2.3 / 4:  # in the middle of the third of four epochs
        print("in the middle", flush=True)
        time.sleep(600)

train(small_settings(snapshots=(0, 2)), small_dataset(), checkpoint=sys.argv[1], progress=wait)
"""


def test_a_training_killed_with_sigkill_goes_on_bit_identically(whole, tmp_path):
    path = tmp_path / "run.npz"
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    left = Training.load(path)
    assert (left.status, left.epochs_done) == ("running", 2)
    resumed = train(whole.settings, DATA, checkpoint=path)
    assert same_bits(resumed, whole)
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_finished_training_is_not_done_again(whole, tmp_path, monkeypatch):
    path = whole.save(tmp_path / "run.npz")
    monkeypatch.setattr("cgrosim.images.training.train._next_epoch", None)
    assert same_bits(train(whole.settings, DATA, checkpoint=path), whole)


def test_other_settings_are_one_sentence_that_names_them(whole, tmp_path):
    path = whole.save(tmp_path / "run.npz")
    with pytest.raises(FileError, match=r"run.npz holds a training with other settings \(learning_rate, seed\)"):
        train(whole.settings.replace(learning_rate=0.3, seed=9), DATA, checkpoint=path)


def test_other_versions_are_refused_for_half_a_training_only(whole, tmp_path):
    import dataclasses

    old = dataclasses.replace(whole, made_with={**whole.made_with, "numpy": "1.0"})
    assert same_bits(train(whole.settings, DATA, checkpoint=old.save(tmp_path / "done.npz")), whole)
    half = dataclasses.replace(old, status="running").save(tmp_path / "half.npz")
    with pytest.raises(FileError, match="other versions of numpy"):
        train(whole.settings, DATA, checkpoint=half)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "other archive", "no last", "pickled"])
def test_a_damaged_file_is_one_sentence(whole, damage, tmp_path):
    path = whole.save(tmp_path / "run.npz")
    content = path.read_bytes()
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if damage in ("truncated", "empty", "text"):
        path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"hello"}[damage])
    elif damage == "other archive":
        np.savez(path, header=np.array('{"format": "else"}'))
    elif damage == "pickled":
        np.savez(path, header=np.array([{"format": "cgrosim training 1"}], dtype=object))
    else:
        np.savez(path, **{name: value for name, value in arrays.items() if not name.startswith("last/")})
    with pytest.raises(FileError, match=r"run\.npz is not a"):
        train(whole.settings, DATA, checkpoint=path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        Training.load(tmp_path / "no.npz")


# ---------------------------------------------------------------------------------------------------------- settings


def test_settings_survive_json(whole):
    import json

    from cgrosim.images.network.architectures import lenet, patch_network

    for network in (lenet(2), patch_network((28, 28, 1), 7, 20)):
        settings = whole.settings.replace(architecture=network)
        assert Settings.load(json.loads(json.dumps(settings.dump()))) == settings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"subset": 0}, "subset is 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"learning_rate": -0.1}, "learning_rate is -0.1"),
        ({"momentum": 1.0}, "momentum is 1"),
        ({"weight_decay": -1.0}, "weight_decay is -1"),
        ({"adversarial_weight": 1.5}, "adversarial_weight is 1.5"),
        ({"snapshots": (9,)}, "snapshots"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_impossible_settings_are_one_sentence(change, words):
    with pytest.raises(ParameterError, match=words):
        small_settings(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subset": 55}, "ask for 67 training images"),
        ({"subset": None, "validation": 60}, "ask for 61"),
    ],
)
def test_more_images_than_there_are_is_one_sentence(change, words):
    with pytest.raises(ParameterError, match=words):
        train(small_settings(**change), DATA)


def test_images_of_another_shape_are_one_sentence():
    from cgrosim.images.network.architectures import lenet

    with pytest.raises(ParameterError, match="lenet-x1 takes images of"):
        train(small_settings().replace(architecture=lenet(1)), DATA)


def test_the_attack_is_described_with_the_training():
    assert small_settings().attack_description.startswith("trained against linf PGD-2, radius 0.05")
    text = small_settings(adversarial_weight=0.0, evaluation_attack=Attack.fgsm(0.1)).attack_description
    assert text == "trained without attack; measured every epoch by linf FGSM, radius 0.1"
