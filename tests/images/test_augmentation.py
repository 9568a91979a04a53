"""Images moved and mirrored: every pixel by hand, the law of the draws, and a step of training on them."""

import numpy as np
import pytest
from small_trainings import NETWORK, same_bits, small_dataset, small_settings

from cgrosim.errors import ParameterError
from cgrosim.images.network.reference import ReferenceNetwork
from cgrosim.images.training.augmentation import Moves, draw_moves
from cgrosim.images.training.samples import Samples, training_data
from cgrosim.images.training.train import train
from cgrosim.model.streams import TrainingStream, stream

DATA = small_dataset()


def moved_by_hand(image: np.ndarray, down: int, right: int, mirrored: bool) -> np.ndarray:
    """Pixel by pixel: where it comes from, or black."""
    height, width, _ = image.shape
    out = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            to = width - 1 - x if mirrored else x
            if 0 <= y - down < height and 0 <= x - right < width:
                out[y, to] = image[y - down, x - right]
    return out


def test_every_move_of_small_images_by_hand():
    grid = [(d, r, m) for d in range(-3, 4) for r in range(-3, 4) for m in (False, True)]
    generator = np.random.default_rng(1)
    samples = Samples(generator.random((len(grid), 5, 4, 2), np.float32), np.arange(len(grid)))
    down, right, mirrored = (np.array(each) for each in zip(*grid, strict=True))
    order = generator.permutation(len(grid))
    found = Moves(down, right, mirrored).of(samples, order)
    np.testing.assert_array_equal(found.labels, order)
    for image, k in zip(found.images, order, strict=True):
        np.testing.assert_array_equal(image, moved_by_hand(samples.images[k], *grid[k]))
    assert found.images.dtype == np.float32
    assert found.images.flags.c_contiguous


def test_shifts_and_sides_are_drawn_evenly_and_apart():
    """25 shifts and two sides of 20,000 images: six standard errors leave one false alarm in 10^7 runs.

    A shift that came 1.3 times as often as it should, or 52.2 % mirrored, would be seen.
    """
    count, settings = 20_000, small_settings(random_shift=2, random_flip=True)
    moves = draw_moves(settings, 1, count)
    pairs = np.histogram2d(moves.down, moves.right, bins=5, range=((-2.5, 2.5), (-2.5, 2.5)))[0]
    assert np.all(np.abs(pairs - count / 25) < 6 * np.sqrt(count / 25))
    assert abs(np.mean(moves.mirrored) - 0.5) < 6 * 0.5 / np.sqrt(count)
    apart = np.corrcoef([moves.down, moves.right, moves.mirrored, np.arange(count)])
    assert np.all(np.abs(apart - np.eye(4)) < 6 / np.sqrt(count) + 1e-12)
    other = draw_moves(settings, 2, count)
    assert np.mean(other.down != moves.down) > 0.7
    alone = draw_moves(settings.replace(random_shift=0), 1, count)
    np.testing.assert_array_equal(alone.mirrored, moves.mirrored)
    assert not alone.down.any()
    assert not draw_moves(settings.replace(random_flip=False), 1, count).mirrored.any()
    assert draw_moves(small_settings(), 1, count) is None


def test_a_step_is_taken_on_the_moved_images_and_measured_on_the_images_as_they_are():
    settings = small_settings(
        epochs=1, batch_size=30, adversarial_weight=0.0, random_shift=2, random_flip=True, snapshots=(0,)
    )
    found, data = train(settings, DATA), training_data(settings, DATA).train
    order = stream(settings.seed, TrainingStream.EPOCH, 1).permutation(30)
    moves = draw_moves(settings, 1, 30)
    images = [moved_by_hand(data.images[k], moves.down[k], moves.right[k], moves.mirrored[k]) for k in order]
    reference = ReferenceNetwork(NETWORK, found.snapshots[0])
    loss = reference.accumulate_gradient(np.array(images), data.labels[order], 1.0).mean()
    reference.step(0.1, 0.9, 0.0)
    # sums of at most 480 products of numbers below 10 in float32: 480 * 10 * 2^-24 = 3e-4 bounds every one of them
    assert found.history["train_loss"][0] == pytest.approx(loss, abs=3e-4)
    for name, value in reference.parameters().items():
        np.testing.assert_allclose(found.last[name], value, atol=3e-4)
    logits = ReferenceNetwork(NETWORK, found.last).logits(data.images)
    assert found.history["clean_train"][0] == np.mean(logits.argmax(axis=1) == data.labels)


def test_moves_change_neither_split_nor_order():
    still, moving = (train(small_settings(epochs=1, random_shift=by, snapshots=(0,)), DATA) for by in (0, 1))
    assert not same_bits(still, moving)
    for name, value in still.snapshots[0].items():
        np.testing.assert_array_equal(value, moving.snapshots[0][name])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"random_shift": 4}, "random_shift is 4, but would move images of 4 x 4 pixels out of sight; give at most 3"),
        ({"random_shift": -1}, "random_shift is -1, but must be at least 0"),
        ({"random_shift": 1.5}, "random_shift is 1.5, but must be a whole number"),
        ({"random_flip": "left"}, "random_flip is 'left', but must be true or false"),
        ({"radius_warmup": 1.5}, "radius_warmup is 1.5, but must lie between 0 and 1"),
    ],
)
def test_bad_values_are_one_sentence(changes, words):
    with pytest.raises(ParameterError, match=words) as caught:
        small_settings(**changes)
    assert "\n" not in str(caught.value)
