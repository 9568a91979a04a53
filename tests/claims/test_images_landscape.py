"""The loss landscape of trained networks: the rules on known landscapes, a small training, and the claim when asked."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import images_landscape as claims
from cgrosim.claims.checks import combine, mean_interval
from cgrosim.claims.claim import Context, evaluate
from cgrosim.images.experiments.landscape_search import Landscape

SHARES = (0.5, 1.0, 2.0)


def around(train, test, slopes=(0.2, 3.0)):
    """Mean rises at half, one and two training radii; the shells of every point differ from the means by a factor."""

    def landscape(rises, slope, seed):
        factors = np.random.default_rng(seed).uniform(0.5, 1.5, (200, 3))
        shells, norms = factors * np.diff(rises, prepend=0.0), factors * slope / 0.1
        return Landscape(0.1 * np.array(SHARES), norms, np.cumsum(shells, axis=1))

    return claims.Surroundings(
        0.1, SHARES, landscape(train, slopes[0], 1), landscape(test, slopes[1], 2), "an attack", "known"
    )


FLAT, STEEP = (0.0, 0.02, 4.0), (0.3, 1.2, 6.0)


@pytest.mark.parametrize(
    ("found", "outcomes"),
    [
        (around(FLAT, STEEP), ["supported"] * 5),
        (around((0.3, 1.0, 7.0), STEEP), ["violated", "supported", "supported", "supported", "supported"]),
        (around((0.1, 0.2, 0.38), STEEP), ["supported", "violated", "supported", "supported", "violated"]),
        (around(FLAT, STEEP, (3.0, 0.2)), ["supported", "supported", "supported", "violated", "supported"]),
        (around(FLAT, FLAT), ["supported", "supported", "underpowered", "supported", "underpowered"]),
        (around(FLAT, (0.0, 0.01, 4.0)), ["supported", "supported", "violated", "supported", "violated"]),
    ],
)
def test_each_rule_is_broken_by_its_own_violation(found, outcomes):
    assert [check.outcome for check in claims.landscape_checks([found, found])] == outcomes


def test_fieller_of_a_constant_denominator_is_the_interval_of_the_mean():
    values = np.random.default_rng(1).normal(3.0, 1.0, 40)
    _, low, high = mean_interval(values, 1e-3)
    assert claims.fieller(values, np.full(40, 2.0), 1e-3) == pytest.approx((low / 2.0, high / 2.0))


def test_fieller_covers_the_ratio_and_knows_when_it_cannot():
    generator, missed = np.random.default_rng(2), 0
    for _ in range(1000):
        denominator = generator.normal(1.0, 0.3, 50)
        low, high = claims.fieller(2.0 * denominator + generator.normal(0.0, 0.3, 50), denominator, 0.05)
        missed += not low <= 2.0 <= high
    assert 20 <= missed <= 85  # exact for normal values: mean 50, five standard deviations of 6.9
    assert claims.fieller(denominator, generator.normal(0.0, 1.0, 50), 1e-5) == (-np.inf, np.inf)


def test_standard_training_is_rejected_at_a_small_size():
    """Few epochs suffice to see that nothing makes its training points flat inside."""
    sizes = claims.Sizes(images=60, test=40, width=4, epochs=30, steps=4, shares=(1.0, 2.0))
    standard = claims.surroundings(3, sizes, False)
    assert combine(claims.landscape_checks([standard])) == "violated"
    adversarial = claims.surroundings(3, sizes, True)
    assert np.mean(adversarial.rises("train")[0]) < np.mean(standard.rises("train")[0])
    titles = [panel.title for panel in claims._panels(adversarial, standard)]
    assert all(adversarial.attack in title for title in titles)


@pytest.mark.slow
def test_the_full_verdict():
    verdict = evaluate(claims.CLAIMS[0], Context("full"))
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
