"""The rules that decide which stages were seen, on courses made by hand."""

import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cgrosim.images.experiments.stage_rules import growth_exponent, median_bound, times_of, verdicts
from cgrosim.images.experiments.stage_training import record_steps

STEPS = record_steps(20, 10_000)


def course(signal, residual, fresh=None, accuracy=None):
    """A run with given courses of U (records,), R (records, samples) and R of fresh samples."""
    accuracy = np.ones(len(STEPS)) if accuracy is None else accuracy
    fresh = np.zeros((len(STEPS), 100)) if fresh is None else fresh
    times = times_of(STEPS, signal, residual, accuracy)
    return xarray.Dataset(
        {
            "signal_margin": (("step", "class"), np.stack([signal, signal], axis=1)),
            "residual_margin": (("step", "sample"), residual),
            "fresh_residual_margin": (("step", "fresh"), fresh),
            "clean_train_accuracy": ("step", accuracy),
            "signal_growth_time": times.growth,
            "signal_stall_time": times.stall,
            "half_memorized_time": times.half,
        },
        coords={"step": STEPS},
    )


PLATEAU = np.where(STEPS < 100, STEPS / 100, 1 + np.log(np.maximum(STEPS, 1) / 100))  # logarithmic from step 100 on
NOTHING = np.zeros((len(STEPS), 40))
LATE = np.where(STEPS > 2000, 2.0, 0.0)[:, None] * np.ones(40)


def seen(data):
    return tuple(verdict.seen for verdict in verdicts(data))


def test_the_theorys_course_has_all_three_stages():
    data = course(PLATEAU, LATE)
    assert seen(data) == (True, True, True)
    assert data.signal_growth_time < data.signal_stall_time < data.half_memorized_time
    assert STEPS[np.argmax(STEPS > 2000)] == data.half_memorized_time


@pytest.mark.parametrize(
    ("changed", "expected", "words"),
    [
        ({"signal": 0.9 * np.minimum(PLATEAU, 1.0)}, (False, False, True), "has not grown"),
        ({"signal": STEPS / 100.0}, (True, False, True), "never grows slower"),
        ({"residual": 2.0 - LATE}, (True, False, False), "with 100 % memorised"),
        ({"residual": NOTHING}, (True, True, False), "0 % of the training samples"),
        ({"fresh": LATE[:, :1] * np.ones(100)}, (True, True, False), "on fresh samples 2"),
        ({"accuracy": np.full(len(STEPS), 0.9)}, (True, False, True), "fewer than 95 %"),
        (
            {"signal": np.where(np.arange(len(STEPS)) == len(STEPS) - 1, 2.0, 0.0)},
            (True, False, True),
            "before the steps have doubled",
        ),
    ],
)
def test_every_part_of_a_rule_can_fail(changed, expected, words):
    data = course(**{"signal": PLATEAU, "residual": LATE, **changed})
    assert seen(data) == expected
    assert any(words in verdict.reason for verdict in verdicts(data))


def test_a_verdict_says_when_fresh_samples_are_too_few_to_tell():
    data = course(PLATEAU, LATE, fresh=np.zeros((len(STEPS), 3)))
    verdict = verdicts(data)[2]
    assert not verdict.seen
    assert "too few fresh samples to tell" in verdict.reason
    assert "too few" not in verdicts(course(PLATEAU, LATE))[2].reason
    few = np.where(np.arange(40) < 19, 9.0, -1.0) * LATE  # fewer than half memorised: no number of fresh ones helps
    assert "too few" not in verdicts(course(PLATEAU, few, fresh=np.full((len(STEPS), 3), -9.0)))[2].reason


@given(st.floats(0.1, 3.0))
def test_a_power_of_the_steps_has_its_exponent(exponent):
    found = growth_exponent(STEPS, STEPS.astype(float) ** exponent)
    assert np.isnan(found[0])
    assert np.isnan(found[-1])
    assert np.allclose(found[np.isfinite(found)], exponent, rtol=1e-9)


def test_the_bound_of_the_median_covers_it_as_often_as_it_says():
    """Coverage is at least 97.5 %; the count of misses in 4000 draws is binomial, judged at an error rate of 1e-5."""
    generator = np.random.default_rng(0)
    draws = generator.standard_cauchy((4000, 31))
    misses = sum(median_bound(row) < 0.0 for row in draws)
    assert misses <= stats.binom.isf(1e-5, 4000, 0.025)
    assert median_bound(np.arange(3.0)) == np.inf  # three values never say so much
