"""Choices of a training beside its loss: the radius that grows, and that every choice survives a kill."""

import numpy as np
import pytest
from small_trainings import same_bits, small_dataset, small_settings

from cgrosim.images.network.network import Network
from cgrosim.images.training.schedules import Schedule
from cgrosim.images.training.train import train

DATA = small_dataset()
CHOICES = {
    "moved and mirrored": {"random_shift": 1, "random_flip": True},
    "a growing radius": {"radius_warmup": 0.9},
    "cosine": {"schedule": "cosine"},
    "cyclic": {"schedule": "cyclic"},
    "TRADES": {"trades_beta": 3.0},
    "the mean of epochs": {"averaging": "swa:0.3"},
    "the mean of steps": {"averaging": "ema:0.9"},
}


class Killed(Exception):
    """The training ends here, without a word."""


@pytest.mark.parametrize("choice", CHOICES)
def test_a_killed_training_goes_on_bit_identically(choice, tmp_path):
    settings = small_settings(epochs=3, **CHOICES[choice])

    def kill(what, share):
        if share > 0.5:  # in the second of three epochs
            raise Killed

    with pytest.raises(Killed):
        train(settings, DATA, checkpoint=tmp_path / "run.npz", progress=kill)
    resumed, whole = train(settings, DATA, checkpoint=tmp_path / "run.npz"), train(settings, DATA)
    assert same_bits(resumed, whole)
    assert not same_bits(whole, train(small_settings(epochs=3), DATA))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_radius_grows_evenly_and_the_step_with_it(norm, monkeypatch):
    from cgrosim.images.attacks.gradient import Attack, perturb

    met = []

    def seen(network, images, labels, attack, generator):
        met.append(attack)
        return perturb(network, images, labels, attack=attack, generator=generator)

    monkeypatch.setattr("cgrosim.images.training.objective.perturb", seen)
    full = Attack.pgd(norm, 0.05, 2)
    settings = small_settings(attack=full, radius_warmup=0.5, epochs=4, validation=0)
    train(settings, DATA)  # four batches an epoch: 16 steps, of which the first 8 have a smaller radius
    shares = np.minimum(np.arange(1, 17) / 8, 1.0)
    np.testing.assert_allclose([attack.radius for attack in met], 0.05 * shares, rtol=1e-14)
    np.testing.assert_allclose([attack.step_size for attack in met], full.step_size * shares, rtol=1e-14)
    assert met[7:] == [full] * 9
    assert "radius growing over the first 0.5 of the training" in settings.attack_description


def test_the_rate_follows_the_schedule_from_the_first_step_to_the_last(monkeypatch):
    met, plain = [], Network.step

    def step(network, rate, *others):
        met.append(rate)
        plain(network, rate, *others)

    monkeypatch.setattr(Network, "step", step)
    settings = small_settings(schedule=Schedule("cyclic"), epochs=3, validation=0)
    train(settings, DATA)
    shares = np.arange(12) / 12  # four batches an epoch
    assert met == pytest.approx([settings.schedule.rate(settings.learning_rate, done) for done in shares], rel=1e-12)


def test_without_a_warmup_nothing_is_copied():
    settings = small_settings()
    assert settings.attack_at(1e-9) is settings.attack
