"""The ordering by capacity: the rules on tables that are known, small trainings, and the whole claim when asked."""

import dataclasses

import numpy as np
import pytest

from cgrosim.claims.catalogue import images_capacity as claims
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context, evaluate
from cgrosim.claims.image_runs import Judged

SEEDS = 8
SIZES = claims.Sizes()


def table_of(train, test=0.7):
    """Networks with these robust training accuracies by width, the same for all seeds but for a few images."""

    def judged(share, count, seed):
        right = round(share * count) - seed % 3 if share > 0.2 else round(share * count)
        return Judged(np.arange(count) < right, np.arange(count) < right)

    rows = [tuple(judged(share, 200, seed) for share in train) for seed in range(SEEDS)]
    tests = [tuple(judged(test, 500, seed) for _ in train) for seed in range(SEEDS)]
    return claims.Table(SIZES, "an attack", "trained against an attack", tuple(rows), tuple(tests))


@pytest.mark.parametrize(
    ("train", "test", "outcomes"),
    [
        ((0.1, 0.7, 0.9, 0.99), 0.7, ["supported"] * 4),
        ((0.1, 0.1, 0.9, 0.99), 0.7, ["supported"] * 4),  # collapse below a capacity: a tie
        ((0.99, 0.9, 0.7, 0.1), 0.7, ["violated", "violated", "violated", "supported"]),
        ((0.1, 0.5, 0.6, 0.7), 0.6, ["supported", "supported", "violated", "violated"]),  # nothing fits
        ((0.1, 0.7, 0.9, 0.99), 0.98, ["supported", "supported", "supported", "violated"]),  # no gap
    ],
)
def test_the_rules(train, test, outcomes):
    assert [check.outcome for check in claims.capacity_checks(table_of(train, test))] == outcomes


def test_every_check_is_violated_in_a_wrong_world():
    table, control = table_of((0.1, 0.7, 0.9, 0.99)), table_of((0.1, 0.2, 0.3, 0.5))
    nearly_clean = table_of((0.1, 0.99, 1.0, 1.0), 0.98)
    found = {
        claims.REVERSED: claims.wrong_order(table, "reversed", np.random.default_rng(1)).checks,
        claims.SHUFFLED: claims.wrong_order(table, "random", np.random.default_rng(1)).checks,
        claims.STANDARD: claims.capacity_checks(control),
        claims.NEARLY_CLEAN: claims.capacity_checks(nearly_clean),
    }
    assert tuple(found) == claims.CLAIMS[0].worlds
    assert all(combine(checks) == "violated" for checks in found.values())
    killed = [{world for world, checks in found.items() if checks[row].outcome == "violated"} for row in range(4)]
    assert all(killed), killed
    assert killed[3] >= {claims.NEARLY_CLEAN}  # not by having nothing to judge, as in the control


def test_a_shuffle_alone_does_not_pass():
    order = np.random.default_rng(2).permuted(np.tile(np.arange(4), (SEEDS, 1)), axis=1)
    checks = claims.capacity_checks(table_of((0.1, 0.7, 0.9, 0.99)), order)
    assert checks[0].outcome != "supported"
    assert combine(checks) == "violated"


@pytest.mark.slow
def test_small_trainings_order_and_standard_training_does_not_fit():
    sizes = claims.Sizes(widths=(1, 4), images=60, test=60, epochs=25, attack_steps=3, judging_steps=5)
    table, control = (claims.trained_table((4,), sizes, adversarial) for adversarial in (True, False))
    narrow, wide = table.accuracy("train", "robust")[0]
    assert narrow < wide
    assert control.accuracy("train", "clean")[0, 1] > 0.9
    assert claims.capacity_checks(control)[2].outcome == "violated"
    evidence = claims.capacity_evidence(table, (4,), control)
    assert "Standard training" in evidence.finding
    assert table.attack in evidence.panels[0].title
    assert claims.trained_table((4,), dataclasses.replace(sizes), True) is table  # trained once for all worlds
    again = claims.trained_network(4, sizes, 1, True)
    claims.trained_table((4,), sizes, True, 0.01)
    assert claims.trained_network(4, sizes, 1, True) is again


@pytest.mark.slow
def test_the_full_verdict():
    verdict = evaluate(claims.CLAIMS[0], Context("full"))
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
