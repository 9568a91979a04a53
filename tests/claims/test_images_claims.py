"""What the claims on real images share: nothing when quick, no data no verdict, intervals, wrong worlds together."""

import math

import numpy as np
import pytest

from cgrosim.claims.catalogue import (
    flatness_images,
    images_capacity,
    images_courses,
    images_landscape,
    images_overfitting,
)
from cgrosim.claims.checks import clopper_pearson, inside
from cgrosim.claims.claim import Claim, Context, Evidence, evaluate
from cgrosim.claims.image_runs import (
    POSTPONED,
    Estimate,
    draw_digits,
    error_of,
    largest,
    local_data,
    paired_difference,
    smallest,
)
from cgrosim.claims.report.data import repeat_command
from cgrosim.studies.world import World

CLAIMS = (
    *images_overfitting.CLAIMS,
    *images_capacity.CLAIMS,
    *images_landscape.CLAIMS,
    *flatness_images.CLAIMS,
    *images_courses.CLAIMS,
)
MNIST = images_overfitting.CLAIMS[1]


POSTPONED_CLAIMS = (MNIST, *images_capacity.CLAIMS, *flatness_images.CLAIMS, *images_courses.CLAIMS)


@pytest.mark.parametrize("claim", POSTPONED_CLAIMS, ids=lambda claim: claim.name)
def test_a_quick_verification_trains_nothing_and_says_so(claim, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("trained")

    monkeypatch.setattr("cgrosim.images.training.train.train", refuse)
    verdict = evaluate(claim, Context("quick"))
    assert (verdict.verdict, verdict.note, verdict.evidence.checks) == ("not measured", POSTPONED, ())
    assert verdict.rejection is None
    assert repeat_command(verdict) == f"cgrosim verify {claim.name} --seed 0 --full"


@pytest.fixture
def no_downloads(monkeypatch, tmp_path):
    """An empty cache of downloads, and none is ever tried."""

    def refuse(*arguments, **options):
        raise AssertionError("a download was tried")

    monkeypatch.setattr("cgrosim.images.data.download.fetch", refuse)
    monkeypatch.setattr("cgrosim.images.data.download.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("CGROSIM_DATA", raising=False)
    return tmp_path


def test_without_files_the_claim_is_not_applicable(no_downloads):
    verdict = evaluate(MNIST, Context("full"))
    assert verdict.verdict == "not applicable"
    assert verdict.evidence.hypotheses[0].slack < 0.0
    assert "The data are missing" in verdict.note
    assert "CGROSIM_DATA" in verdict.note


def test_a_folder_that_is_not_there_is_named(no_downloads, monkeypatch):
    monkeypatch.setenv("CGROSIM_DATA", str(no_downloads / "gone"))
    verdict = evaluate(MNIST, Context("full"))
    assert verdict.verdict == "not applicable"
    assert f"{no_downloads / 'gone'} of CGROSIM_DATA does not exist" in verdict.note


def test_damaged_files_make_it_not_applicable_with_their_name(no_downloads, monkeypatch):
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name in names:
        (no_downloads / f"{name}-ubyte.gz").write_bytes(b"nothing")
    monkeypatch.setenv("CGROSIM_DATA", str(no_downloads))
    verdict = evaluate(MNIST, Context("full"))
    assert verdict.verdict == "not applicable"
    assert "train-images-idx3-ubyte.gz" in verdict.note


def test_files_are_found_in_the_named_folder_and_then_among_earlier_downloads(no_downloads, monkeypatch):
    named, cache = no_downloads / "named", no_downloads / "cache"
    for root in (named, cache):
        folder = root / "mnist"
        folder.mkdir(parents=True)
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            (folder / f"{name}-ubyte.gz").touch()
    assert local_data("mnist") == (cache, "")
    monkeypatch.setenv("CGROSIM_DATA", str(named))
    assert local_data("mnist") == (named, "")


def test_training_and_test_digits_share_no_image_and_are_all_of_them():
    dataset = draw_digits(300, 5)
    assert np.all(np.bincount(dataset.train_labels) == 30)
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (300, 1497)
    train, test = ({image.tobytes() for image in part} for part in (dataset.train_images, dataset.test_images))
    assert not train & test
    assert len(draw_digits(300, 5, 40).test_labels) == 40


def test_the_error_has_the_exact_interval():
    correct = np.arange(50) >= 3
    assert error_of(correct, 1e-3) == (3 / 50, *clopper_pearson(3, 50, 1e-3))


def test_the_paired_difference_counts_only_images_that_changed_sides():
    before, after = np.arange(100) < 60, np.arange(100) >= 10
    value, low, high = paired_difference(before, after, 1e-3)
    assert value == pytest.approx(0.3)
    assert 0.0 < low < value < high < 1.0
    backwards = paired_difference(after, before, 1e-3)
    assert backwards == pytest.approx((-value, -high, -low))
    others = np.arange(100) < 50
    same = paired_difference(before | others, after | others, 1e-3)  # 10 lost are right before and after now
    assert same.low > low


def test_the_paired_difference_is_that_of_a_published_table():
    """Of 50 pairs 12 won and 2 lost: 0.061 to 0.345 at 95 per cent; without a change it is symmetric."""
    before, after = np.arange(50) >= 12, np.arange(50) < 48
    assert paired_difference(before, after, 0.05) == pytest.approx((0.2, 0.0611, 0.3447), abs=5e-5)
    same = np.arange(54) < 40
    none = paired_difference(same, same, 0.05)
    assert none.value == 0.0
    assert none.high == pytest.approx(-none.low)
    z = 1.959964
    assert none.high == pytest.approx(z**2 / (54 + z**2))  # where 54 x^2 = z^2 (1 - x) x


def test_the_paired_difference_covers_the_true_one():
    """1000 draws at a rate of 5 %: a binomial number of misses beyond 80 would be rarer than 1e-4 at the full rate."""
    generator = np.random.default_rng(3)
    missed = 0
    for _ in range(1000):
        before, after = generator.random((2, 80)) < np.array([[0.5], [0.7]])
        _, low, high = paired_difference(before, after, 0.05)
        missed += not low <= 0.2 <= high
    assert missed <= 80


def test_the_worst_of_several_estimates():
    several = [Estimate(0.2, 0.1, 0.4), Estimate(0.3, 0.05, 0.35)]
    assert largest(several) == (0.3, 0.1, 0.4)
    assert smallest(several) == (0.2, 0.05, 0.35)
    assert math.isnan(smallest([]).value)
    assert math.isnan(largest([several[0], Estimate(math.nan, math.nan, math.nan)]).value)


def measured_in(wrong):
    """A claim of numbers in [0, 1], with intervals of half-width 0.1; `wrong` has the numbers of each wrong world."""

    def measure(context, world):
        values = wrong.get(world.name, (0.5, 0.5))
        return Evidence(tuple(inside("a number", "", v, (0.0, 1.0), "", (v - 0.1, v + 0.1)) for v in values))

    return Claim("a-claim", "", "", "", "order", measure, tuple(World(name) for name in wrong))


def test_of_wrong_worlds_the_one_closest_to_passing_counts():
    assert evaluate(measured_in({"a": (5.0, 0.5), "b": (0.5, 0.5)}), Context()).rejection == "supported"
    assert evaluate(measured_in({"a": (5.0, 0.5), "b": (1.0, 0.5)}), Context()).rejection == "underpowered"
    both = evaluate(measured_in({"a": (5.0, 0.5), "b": (6.0, 5.0)}), Context())
    assert both.rejection == "violated"
    assert [both.killers(row) for row in (0, 1)] == [("a", "b"), ("b",)]
    assert both.unkilled == ()


def test_checks_that_no_world_kills_are_named_and_checks_must_be_the_same_in_every_world():
    verdict = evaluate(measured_in({"a": (5.0, 0.5)}), Context())
    assert verdict.unkilled == (verdict.evidence.checks[1],)
    with pytest.raises(ValueError, match="1 checks in the world 'a', not as claimed"):
        evaluate(measured_in({"a": (5.0,)}), Context())
