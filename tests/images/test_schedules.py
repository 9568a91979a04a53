"""Learning-rate schedules: their closed forms, their texts, and what they refuse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.errors import ParameterError
from cgrosim.images.training.schedules import Schedule

shares = st.floats(0.0, 1.0, exclude_max=True)
schedules = st.one_of(
    st.sampled_from(["constant", "cosine", "cyclic"]).map(Schedule),
    st.builds(
        lambda milestones, factor: Schedule("piecewise", tuple(sorted(milestones)), factor),
        st.sets(st.sampled_from([0.1, 0.25, 0.5, 0.6, 0.85]), min_size=1),
        st.sampled_from([0.1, 0.2, 0.5, 1.0]),
    ),
)


@given(schedules)
def test_the_text_gives_the_schedule_back(schedule):
    assert Schedule.parse(schedule.describe()) == Schedule(
        schedule.name, *((schedule.milestones, schedule.factor) if schedule.name == "piecewise" else ())
    )


@given(schedules, shares)
def test_the_rate_never_exceeds_the_base_and_never_is_negative(schedule, done):
    assert 0.0 <= schedule.rate(0.3, done) <= 0.3


@pytest.mark.parametrize(
    ("text", "done", "share"),
    [
        ("constant", 0.9, 1.0),
        ("piecewise:0.5,0.75:0.1", 0.49, 1.0),
        ("piecewise:0.5,0.75:0.1", 0.5, 0.1),
        ("piecewise:0.5,0.75:0.5", 0.8, 0.25),
        ("piecewise", 0.6, 0.1),
        ("cosine", 0.0, 1.0),
        ("cosine", 1.0 / 3.0, 0.75),
        ("cyclic", 0.0, 0.0),
        ("cyclic", 0.2, 0.5),
        ("cyclic", 0.4, 1.0),
        ("cyclic", 0.7, 0.5),
    ],
)
def test_rates_by_hand(text, done, share):
    # one product, one cosine or one quotient of numbers near 1: a few units in the last place
    assert math.isclose(Schedule.parse(text).rate(0.3, done), 0.3 * share, rel_tol=1e-14, abs_tol=1e-16)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("linear", "schedule is 'linear', but must be one of constant, piecewise, cosine, cyclic"),
        ("cosine:0.5", "only piecewise takes numbers"),
        ("piecewise:0.5:0.1:3", "only piecewise takes numbers"),
        ("piecewise:half", "its numbers cannot be read"),
        ("piecewise:0.7,0.5", "must increase"),
        ("piecewise:0.5,1.0", "between 0 and 1"),
        ("piecewise:0.5:0", "factor 0"),
        ("piecewise:0.5:nan", "factor nan"),
    ],
)
def test_a_bad_schedule_is_one_sentence(text, words):
    with pytest.raises(ParameterError, match=words):
        Schedule.parse(text)
