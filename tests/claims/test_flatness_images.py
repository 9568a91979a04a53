"""Flatness against the robust gap of image networks: the rule on known networks, a small training, the claim."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import flatness_images as claims
from cgrosim.claims.claim import Context, evaluate
from cgrosim.claims.image_flatness import ImageMoment, Sizes, image_moments


def replicates(sign, noise, count=8):
    """Networks whose gap goes up or down with flatness, or has nothing to do with it."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(count):
        flat = generator.uniform(1.0, 10.0, (3, 2, 5))
        gaps = sign * flat + noise * generator.standard_normal(flat.shape)
        found.append([
            ImageMoment(epoch, width, radius, 10.0 - flat[w, r, e], flat[w, r, e], 0.0, gaps[w, r, e])
            for w, width in enumerate((2, 4, 8))
            for r, radius in enumerate((0.05, 0.1))
            for e, epoch in enumerate((1, 2, 3, 4, 5))
        ])  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("sign", "noise", "outcome"), [(1.0, 0.5, "supported"), (-1.0, 0.5, "violated"), (0.0, 1.0, "violated")]
)
def test_the_rule_on_known_networks(sign, noise, outcome):
    evidence = claims.order_evidence(replicates(sign, noise), range(8), "test_flatness")
    assert [check.outcome for check in evidence.checks] == [outcome]


def test_the_other_side_of_flatness_is_rejected():
    evidence = claims.order_evidence(replicates(1.0, 0.5), range(8), "train_flatness")
    assert [check.outcome for check in evidence.checks] == ["violated"]


@pytest.mark.slow
def test_small_networks_are_read_after_every_asked_epoch():
    sizes = Sizes(images=30, test=20, widths=(1,), radii=(0.05,), epochs=(1, 3), steps=2)
    first, last = image_moments(1, sizes)
    assert (first.epoch, last.epoch) == (1, 3)
    for moment in (first, last):
        assert moment.robust_gap == moment.test_loss - moment.train_loss
        assert min(moment.train_flatness, moment.test_flatness, moment.train_loss) > 0.0


@pytest.mark.slow
def test_the_full_verdict():
    verdict = evaluate(claims.CLAIMS[0], Context("full"))
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
