"""Means with intervals, and the contrast of training with test points, where the answer is known."""

import numpy as np
import pytest

from cgrosim.images.experiments.landscape_statistics import RESAMPLES, contrast, mean_interval, numbers, sentence

CONSTANT = {"train": np.tile([1.0, 8.0], (5, 1)), "test": np.tile([2.0, 8.0], (7, 1))}


def test_the_interval_of_a_mean_is_the_normal_one_for_many_points():
    generator = np.random.default_rng(0)
    values = generator.uniform(size=(4000, 2)) * [1.0, 10.0]
    found = mean_interval(values, generator)
    error = values.std(axis=0) / np.sqrt(len(values))
    assert found.estimate == pytest.approx(values.mean(axis=0), rel=1e-14)
    # an end is a quantile of RESAMPLES draws: five of its standard deviations sqrt(p (1 - p) / RESAMPLES) / density
    slack = 5.0 * np.sqrt(0.025 * 0.975 / RESAMPLES) / 0.0584 * error
    assert np.all(np.abs(found.low - (found.estimate - 1.96 * error)) < slack)
    assert np.all(np.abs(found.high - (found.estimate + 1.96 * error)) < slack)


def test_the_contrast_of_constants_is_exact():
    found = contrast(CONSTANT["train"], CONSTANT["test"], np.random.default_rng(0))
    expected = {"inside": 2.0, "growth_train": 8.0, "growth_test": 4.0, "sharpening": 2.0}
    for name, value in expected.items():
        interval = getattr(found, name)
        # the resampling weights are count / points, whose sum is 1 up to a few roundings
        assert [interval.estimate, interval.low, interval.high] == pytest.approx([value] * 3, rel=1e-14)
        assert interval.above_one == "seen"


def test_exchanging_training_and_test_points_gives_the_opposite_answer():
    found = contrast(CONSTANT["test"], CONSTANT["train"], np.random.default_rng(0))
    assert found.inside.above_one == "opposite seen"
    assert found.sharpening.above_one == "opposite seen"


@pytest.mark.slow
def test_samples_of_one_law_are_rarely_told_apart():
    """A 95 % interval misses in 5 % of the cases; more than 11 misses of 60 have probability below 1e-4."""
    generator = np.random.default_rng(1)
    answers = []
    for _ in range(60):
        train, test = (np.cumsum(generator.exponential(size=(150, 2)), axis=1) for _ in range(2))
        answers.append(contrast(train, test, generator).inside.above_one)
    assert sum(answer != "undecided" for answer in answers) <= 11


def test_a_difference_of_two_laws_is_seen():
    generator = np.random.default_rng(2)
    train, test = (np.cumsum(generator.exponential(size=(200, 2)) * scale, axis=1) for scale in ([1, 9], [3, 9]))
    found = contrast(train, test, generator)
    assert found.inside.above_one == "seen"
    assert found.sharpening.above_one == "seen"
    assert found.inside.low < 3.0 < found.inside.high


def test_points_without_any_gradient_leave_the_answer_open():
    found = contrast(np.zeros((4, 2)), np.zeros((4, 2)), np.random.default_rng(0))
    assert found.inside.above_one == "undecided"
    assert found.sharpening.above_one == "undecided"


def test_an_interval_reads_as_text():
    found = contrast(CONSTANT["train"], CONSTANT["test"], np.random.default_rng(0))
    assert str(found.inside) == "2 [2, 2]"


def test_what_was_seen_is_said_in_words():
    found = contrast(CONSTANT["train"], CONSTANT["test"], np.random.default_rng(0))
    assert sentence("adversarial", 7, "value_change", found) == (
        "adversarial training, epoch 7, largest loss change: within the training radius training points are flatter "
        "than test points (test / train 2 [2, 2]); beyond it the growth is larger at training points (train 8 [8, 8], "
        "test 4 [4, 4])."
    )
    opposite = contrast(CONSTANT["test"], CONSTANT["train"], np.random.default_rng(0))
    assert "steeper than test points" in sentence("adversarial", 7, "value_change", opposite)
    assert "larger at test points" in sentence("adversarial", 7, "value_change", opposite)
    same = contrast(CONSTANT["test"], CONSTANT["test"], np.random.default_rng(0))
    assert "not told apart" in sentence("adversarial", 7, "value_change", same)
    constant = contrast(np.zeros((4, 2)), np.zeros((4, 2)), np.random.default_rng(0))
    assert "constant" in sentence("adversarial", 7, "value_change", constant)


def test_numbers_are_plain():
    found = numbers(contrast(CONSTANT["train"], CONSTANT["test"], np.random.default_rng(0)))
    assert found["growth_train"] == pytest.approx([8.0, 8.0, 8.0])
    assert found["training points flatter inside"] == "seen"
    assert found["sharpening more beyond at training points"] == "seen"
