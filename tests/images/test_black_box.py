"""Square Attack and transfer: ball and box, closed form, determinism, forward passes alone."""

import numpy as np
import pytest
from attacked_networks import linear_network, offset_lengths, overshoot, small_network
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.errors import ParameterError, UserError
from cgrosim.images.attacks import black_box
from cgrosim.images.attacks.black_box import Square, square_attack, transfer_attack
from cgrosim.images.attacks.gradient import Attack, finite_margins, perturb


class ForwardOnly:
    """A network that has logits and nothing else, and counts what it is asked for."""

    def __init__(self, network):
        self.network, self.passes = network, 0

    def logits(self, images):
        self.passes += len(images)
        return self.network.logits(images)


def problem(seed, samples, shape, low=0.0, high=1.0, classes=3):
    generator = np.random.default_rng(seed)
    images = generator.uniform(low, high, (samples, *shape)).astype(np.float32)
    return images, generator.integers(0, classes, samples)


@given(
    st.sampled_from(["linf", "l2"]),
    st.floats(0.01, 1.0),
    st.tuples(st.integers(2, 9), st.integers(2, 9), st.integers(1, 3)),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)
def test_found_images_lie_in_ball_and_box(norm, radius, shape, queries, seed):
    images, labels = problem(seed, 4, shape)
    attack = Attack.pgd(norm, radius, 1)
    network = ForwardOnly(small_network(seed, shape))
    found = square_attack(
        network, images, labels, attack=attack, generator=np.random.default_rng(seed), queries=queries
    )
    assert found.adversarial.min() >= 0.0
    assert found.adversarial.max() <= 1.0
    size = np.prod(shape)
    assert offset_lengths(found.adversarial, images, norm).max() <= radius + overshoot(attack, size)
    assert found.queries.max() <= queries
    assert network.passes == 4 + found.queries.sum()
    again = finite_margins(small_network(seed, shape), found.adversarial, labels)
    assert np.allclose(again, found.margins, rtol=0, atol=1e-12)  # float64 sums of some hundred terms of order 1


@pytest.mark.parametrize("channels", [1, 2])
def test_square_attack_reaches_the_corner_of_a_linear_network(channels):
    """In l_inf the optimum of a linear network is a corner of ball and box, and single pixels get there.

    With 16 pixels the square is one pixel after a fiftieth of the queries. A draw then always changes a pixel. With one
    channel it becomes right if it was wrong; with two, each wrong pair of signs becomes right with probability at least
    1/4. So a pixel is still wrong after 4900 queries with probability below (1 - 1/64)^4900 < 1e-33.
    """
    images, labels = problem(0, 40, (4, 4, channels), classes=2)
    weight = np.random.default_rng(1).standard_normal((16 * channels, 2))
    network = linear_network(weight, -weight.sum(axis=0) / 2, (4, 4, channels))
    attack = Attack.pgd("linf", 0.05, 1)
    found = square_attack(network, images, labels, attack=attack, generator=np.random.default_rng(2), queries=5000)
    clean = finite_margins(network, images, labels)
    toward_other = (
        np.sign(weight[:, 1] - weight[:, 0]).reshape(4, 4, channels) * np.where(labels, -1, 1)[:, None, None, None]
    )
    optimum = finite_margins(network, np.clip(images + 0.05 * toward_other, 0, 1), labels)
    breakable = (clean > 0) & (optimum <= 0)
    assert 0 < breakable.sum() < (clean > 0).sum()
    assert np.array_equal((clean > 0) & (found.margins <= 0), breakable)
    survived = optimum > 0
    # float32 ends of the ball: overshoot a pixel
    assert np.abs(found.margins - optimum)[survived].max() <= overshoot(attack, 16) * 2 * np.abs(weight).sum()
    assert (found.queries[survived] == 5000).all()
    assert (found.queries[clean <= 0] == 0).all()
    assert np.array_equal(found.adversarial[clean <= 0], images[clean <= 0])


def test_square_attack_in_l2_beats_blind_search_on_a_linear_network():
    """It can do no better than the closed form m - radius |w|, and does better than as many blind directions."""
    images, labels = problem(0, 40, (6, 6, 1), 0.3, 0.7)[0], np.zeros(40, np.int64)
    weight = np.random.default_rng(1).standard_normal((36, 2))
    difference = weight[:, 0] - weight[:, 1]
    best = 0.3 * np.linalg.norm(difference)
    network = linear_network(weight, np.array([4.0, 0.0]) - weight.sum(axis=0) / 2, (6, 6, 1))
    attack = Attack.pgd("l2", 0.3, 1)
    clean = finite_margins(network, images, labels)
    assert (clean > best).all()  # so that no search stops early
    found = square_attack(network, images, labels, attack=attack, generator=np.random.default_rng(2), queries=1000)
    gained = (clean - found.margins) / best
    assert gained.max() <= 1 + 2 * np.abs(weight).sum() * overshoot(attack, 36) / best
    blind = np.random.default_rng(3).standard_normal((40, 1000, 36))
    cosines = blind @ difference / (np.linalg.norm(blind, axis=2) * np.linalg.norm(difference))
    assert gained.mean() > cosines.max(axis=1).mean()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_sample_does_not_depend_on_the_others(norm, monkeypatch):
    images, labels = problem(3, 9, (5, 6, 2))
    network, attack = small_network(3, (5, 6, 2)), Attack.pgd(norm, 0.2, 1)
    whole = square_attack(network, images, labels, attack=attack, generator=np.random.default_rng(5), queries=60)
    monkeypatch.setattr(black_box, "_BLOCK", 7)
    part = square_attack(network, images[:4], labels[:4], attack=attack, generator=np.random.default_rng(5), queries=60)
    assert np.array_equal(whole.adversarial[:4], part.adversarial)
    assert np.array_equal(whole.queries[:4], part.queries)
    other = square_attack(network, images, labels, attack=attack, generator=np.random.default_rng(6), queries=60)
    assert not np.array_equal(whole.adversarial, other.adversarial)


def test_squares_shrink_on_the_schedule_of_the_paper():
    """Andriushchenko et al. (2020): with 10,000 queries the share is halved after 10, 50, 200, 500, ... of them."""
    shares = [black_box._share(query, 10_000) for query in (10, 11, 50, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)]
    assert shares == [0.8 / 2**k for k in (0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert [black_box._share(query, 500) for query in (1, 3, 500)] == [0.4, 0.2, 0.8 / 2**9]


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_bumps_have_unit_length_and_two_signs(side):
    bumps = black_box._bumps(side)
    assert bumps.shape == (side, side)
    assert abs((bumps**2).sum() - 1) < 1e-14
    assert (bumps[: side // 2] >= 0).all()
    assert (bumps[side // 2 :] <= 0).all()


def test_the_second_bump_of_side_five_by_hand():
    """A 3 x 5 bump: ring 0 at its centre (1, 2), ring 1 the rows 0 to 2 and columns 1 to 3, ring 2 everything."""
    bump = np.full((3, 5), 1 / 9)
    bump[:, 1:4] += 1 / 4
    bump[1, 2] += 1.0
    assert np.allclose(black_box._bump(3, 5), bump / np.linalg.norm(bump), rtol=1e-15)


def test_draws_decide_signs_and_turns():
    assert black_box._signs(np.array([0.0, 0.49, 0.5, 0.9])).tolist() == [-1.0, -1.0, 1.0, 1.0]
    pattern = np.arange(4.0).reshape(2, 2)
    turned = black_box._turned(pattern, np.array([0.49, 0.5]))
    assert np.array_equal(turned, [pattern, pattern.T])


def test_progress_and_a_bad_budget():
    assert Square("linf", 0.1).queries == 5000
    assert Square("linf", 0.1, queries=1).queries == 1
    with pytest.raises(ParameterError, match="queries is 0, but must be at least 1"):
        Square("linf", 0.1, queries=0)
    images, labels = problem(3, 3, (4, 4, 1))
    network, shares = linear_network(np.zeros((16, 3)), np.array([1.0, 1.0, 2.0]), (4, 4, 1)), []
    labels[:] = 2
    square_attack(
        network,
        images,
        labels,
        attack=Attack.fgsm(0.1),
        generator=np.random.default_rng(0),
        queries=300,
        progress=lambda text, share: shares.append(share),
    )
    assert shares == [0.0, 128 / 300, 256 / 300]
    with pytest.raises(ParameterError, match="0 queries"):
        square_attack(network, images, labels, attack=Attack.fgsm(0.1), generator=np.random.default_rng(0), queries=0)


def test_margins_that_are_not_numbers_are_reported():
    images, labels = problem(3, 3, (4, 4, 1))
    network = linear_network(np.zeros((16, 3)), np.array([1.0, np.inf, 2.0]), (4, 4, 1))
    with pytest.raises(UserError, match="check the weights"):
        square_attack(network, images, labels, attack=Attack.fgsm(0.1), generator=np.random.default_rng(0), queries=5)


def test_transfer_tries_the_examples_of_the_other_network():
    images, labels = problem(3, 8, (5, 5, 1))
    network, substitute = small_network(1, (5, 5, 1)), small_network(2, (5, 5, 1))
    attack = Attack.pgd("linf", 0.1, 3)
    found = transfer_attack(network, substitute, images, labels, attack, np.random.default_rng(0))
    made = perturb(substitute, images, labels, attack=attack, generator=np.random.default_rng(0))[0]
    assert np.array_equal(found.adversarial, made)
    assert np.array_equal(found.margins, finite_margins(network, made, labels))
    assert found.queries.tolist() == [1] * 8


@pytest.mark.parametrize(("draw", "first"), [(0.0, 0), (0.999, 3)])
def test_bumps_reach_every_edge_and_take_the_mass_that_is_left(draw, first):
    """A length of 0.1 of 0.3 lies in a corner, outside of the window: bumps of 0.09 - 0.01 beside it fill the ball."""
    clean = np.full((1, 7, 6, 1), 0.5, np.float32)
    place = (0, 6, 5, 0) if first == 0 else (0, 0, 0, 0)
    now = clean.copy()
    now[place] += 0.1
    search = black_box._SearchL2(clean, 0.3)
    draws = np.array([[draw, draw, draw, draw, 0.9, 0.1]])
    offset = search.propose(np.arange(1), now, 0.25, draws)[0, :, :, 0].astype(np.float64) - 0.5
    assert offset[place[1:3]] == pytest.approx(0.1, abs=1e-6)
    offset[place[1:3]] = 0.0
    rows, columns = (np.flatnonzero(np.abs(offset).sum(axis=axis) > 0) for axis in (1, 0))
    down = 0 if first == 0 else 4  # seven rows, six columns, a window of three
    assert rows.min() >= down
    assert rows.max() <= down + 2
    assert {first, first + 2} <= set(columns)
    assert np.sum(offset**2) == pytest.approx(0.08, abs=1e-6)
