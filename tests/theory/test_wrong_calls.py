"""What formulas are called with: a mistyped word is refused, and what is no number gives none."""

import math
import re
import signal

import numpy as np
import pytest
from theory_calls import calls, functions, words

from cgrosim.theory.ball_attacks import project, random_offsets
from cgrosim.theory.decay import decay_edge, decayed_growth_time
from cgrosim.theory.decay_plateaus import escape_edges, noise_rests
from cgrosim.theory.decoupled_flow import DecoupledFlow
from cgrosim.theory.errors import attacked_signal_margin, robust_error_lower_bound
from cgrosim.theory.flatness_rise import least_rise
from cgrosim.theory.label_noise import memorisation_time_ratio
from cgrosim.theory.label_smoothing import smoothed_memorisation_time
from cgrosim.theory.labelled_flow import LabelledFlow
from cgrosim.theory.lower_bound import crossing_dimension, excluded_parameters, excluded_width, room
from cgrosim.theory.memorisation import noise_margin_after_memorisation
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.scaling import paper_setting
from cgrosim.theory.stages import signal_growth_rate

NAN = math.nan
SIGNAL = {"power": 3.0, "signal_strength": 1.5, "gap": 0.1, "adversarial_weight": 0.5, "learning_rate": 0.1}
SHARES = {name: SIGNAL[name] for name in ("power", "signal_strength", "gap", "adversarial_weight")}
FLIPPED = {"power": 3.0, "gap": 0.1, "adversarial_weight": 0.5}
NONE_FROM_NAN = {"admissible.slacks(samples_exponent)"}


def test_a_mistyped_word_is_refused_by_every_formula():
    """Two branches and a word that is neither: `l_inf` was the l_2 ball, `fixed-direction` the exact attack."""
    said = {
        f"{name}({argument})": _said(function, {**given, argument: "qqq"}, argument)
        for name, function, given in calls()
        for argument in words(function)
    }
    assert all(said.values()), [name for name, whether in said.items() if not whether]
    assert len(said) >= 12


def _said(function, given, argument):
    try:
        function(**given)
    except ValueError as error:
        return str(error).startswith(f"{argument} is 'qqq', but must be")
    return False


def test_most_formulas_can_be_called_by_the_names_of_their_arguments():
    """So that one which is new is tried as well."""
    assert len(list(calls())) > 0.7 * len(list(functions()))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: signal_growth_rate(**SIGNAL, threat="fixed-direction"), "did you mean fixed_direction?"),
        (lambda: LabelledFlow([0.1], **SIGNAL, label_noise=0.1, threat="fgsm"), "threat is 'fgsm'"),
        (lambda: SignalFlow([0.1], **SIGNAL, threat="fgsm"), "must be signal_span or fixed_direction"),
        (lambda: DecoupledFlow([0.1], [[0.1]], [[1.0]], 3.0, 1.0, 0.1, 0.5, threat="x"), "threat is 'x'"),
        (lambda: DecoupledFlow([0.1], [[0.1]], [[1.0]], 3.0, 1.0, NAN, 0.5), "gap must lie in"),
        (lambda: random_offsets((2, 2), 0.1, "l_inf", generator=np.random.default_rng(0)), "did you mean linf?"),
        (lambda: project(np.ones((1, 2)), np.zeros((1, 2)), 0.1, norm="l_inf"), "did you mean linf?"),
        (lambda: signal_growth_rate(**(SIGNAL | {"gap": NAN})), "gap must be at least 0"),
        (lambda: attacked_signal_margin(1.0, signal_strength=1.0, power=3.0, gap=NAN), "gap must be at least 0"),
        (
            lambda: noise_rests(0.01, NAN, 0.5, power=3.0, samples=3, patch_energy=0.5, adversarial_weight=0.5),
            "clean must be a finite number",
        ),
        (lambda: escape_edges(**(SHARES | {"gap": -0.1})), "gap must lie in [0, 1]"),
        (lambda: memorisation_time_ratio(0.1, **(FLIPPED | {"adversarial_weight": -3})), "must lie in [0, 1]"),
        (lambda: excluded_width(80.7), "must be a whole number from 1 to 1000"),
        (lambda: excluded_width(10**9), "must be a whole number from 1 to 1000"),
        (lambda: room(10**9), "must be a whole number from 1 to 1000"),
        (lambda: excluded_parameters(20, 10**400), "must be a whole number"),
        (lambda: crossing_dimension(NAN), "samples is nan, but must be a whole number"),
        (
            lambda: noise_margin_after_memorisation(
                1.0, 0.1, power=3.0, samples=2, learning_rate=math.inf, attacked_weight=0.5, patch_energy=1.0
            ),
            "must be positive and finite",
        ),
    ],
)  # fmt: skip
def test_what_is_said(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


def test_an_exponent_that_is_a_whole_number_is_not_raised_digit_by_digit():
    with pytest.raises(OverflowError):
        paper_setting(1000, signal_exponent=10**9)


def test_what_is_no_number_gives_none():
    """Each of them gave a number: an attack of any size, a chance of nothing, a start that is there already."""
    assert np.isnan(least_rise(NAN, 0.5, 0.5))
    assert np.isnan(robust_error_lower_bound(NAN, np.eye(2), power=3.0, noise_std=0.1))
    assert np.isnan(decay_edge(NAN, 0.1, 3.0))
    assert np.isnan(decayed_growth_time(NAN, 0.7, rate=0.1, decay=0.01, power=3.0))
    assert np.isnan(smoothed_memorisation_time(NAN, rate=0.1, smoothing=0.1, power=3.0))


class _TooLong(BaseException):
    pass


def _late(*_):
    raise _TooLong


@pytest.mark.slow  # 2,000 calls
def test_nothing_of_every_formula_comes_from_nothing():
    """A nan, alone, in every argument: a refusal or a nan, within seconds; numbers that do not use it apart."""
    previous, wrong = signal.signal(signal.SIGALRM, _late), []
    try:
        for name, function, given in calls():
            for argument in given:
                if not isinstance(given[argument], float):
                    continue
                signal.setitimer(signal.ITIMER_REAL, 30.0)
                try:
                    with np.errstate(all="ignore"):
                        found = function(**{**given, argument: NAN})
                except (TypeError, ValueError, ArithmeticError):
                    continue
                except BaseException as error:
                    wrong.append(f"{name}({argument}): {type(error).__name__}")
                    continue
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0.0)
                if _all_finite(found) and f"{name}({argument})" not in NONE_FROM_NAN:
                    wrong.append(f"{name}({argument}): {found}")
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert not wrong, "\n".join(wrong)


def _all_finite(found):
    try:
        return bool(np.all(np.isfinite(np.asarray(found, dtype=float))))
    except (TypeError, ValueError):
        return False
