"""Flatness by epoch as a claim: rates on planted trainings, the worlds that must fail, and the full verdict."""

import pytest

from cgrosim.claims.catalogue import images_courses as claims
from cgrosim.claims.claim import Context, evaluate
from cgrosim.claims.image_flatness import ImageMoment
from cgrosim.studies.world import World

CLAIM = claims.CLAIMS[0]
TRUE = World()


def training(falls=True, rises=True, loss=0.01):
    """Moments whose training images flatten, and whose fresh ones steepen; both hover on the way."""
    train, test = (9.0, 12.0, 3.0, 2.0 if falls else 9.1), (9.5, 9.0, 25.0, 24.0 if rises else 9.4)
    losses = (1.4, 0.6, 0.2, loss)
    return [
        ImageMoment(epoch, 6, 0.05, train[place], test[place], losses[place], 1.0)
        for place, epoch in enumerate((5, 10, 20, 40))
    ]


def outcomes(replicates, world=TRUE):
    return [check.outcome for check in claims.course_evidence(replicates, range(20), world).checks]


def test_twenty_trainings_as_stated_show_it():
    assert outcomes([training()] * 20) == ["supported", "supported"]
    assert pytest.approx(0.0924 * 0.6931, rel=1e-3) == claims.FITTED


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"falls": False}, ["underpowered", "supported"]),
        ({"rises": False}, ["supported", "underpowered"]),
        ({"loss": 1.01 * claims.FITTED}, ["underpowered", "underpowered"]),  # it did not fit
    ],
)
def test_one_training_otherwise_is_noticed(odd, expected):
    assert outcomes([training()] * 19 + [training(**odd)]) == expected


def test_trainings_of_no_tendency_are_none():
    assert outcomes([training(falls=False, rises=False)] * 20) == ["violated", "violated"]


def test_every_world_is_rejected_on_planted_trainings():
    for world in CLAIM.worlds:
        assert outcomes([training()] * 20, world) == ["violated", "violated"], world.name


@pytest.mark.slow
def test_the_full_verdict():
    verdict = evaluate(CLAIM, Context("full"))
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
