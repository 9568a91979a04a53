"""Whatever is given as a parameter, in Python, TOML or on the command line: an experiment or one sentence, at once.

`HYPOTHESIS_PROFILE=explore` tries 2,000 of each kind instead of a few dozen.
"""

import math
import os
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cgrosim.commands.main import main
from cgrosim.errors import UserError
from cgrosim.model.params import FACTORS, Params
from cgrosim.model.toml import toml_text
from cgrosim.run import session
from cgrosim.run.planning import plan

TRIES = settings() if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else settings(max_examples=60)
SECONDS = 10.0
"""Of a processor, allowed for one: they take milliseconds, but exact powers of 10^9 took minutes."""

NAMES = st.sampled_from([*Params.model_fields, *FACTORS]) | st.sampled_from(["self", "cls", "sampels", "given", ""])
NUMBERS = (
    st.integers(-3, 3)
    | st.integers(1, 10**6)
    | st.sampled_from([10**9, 10**18, 10**19, 10**30, 2**63, 2**64, 10**308, 10**309, 10**400, -(10**400)])
    | st.floats()
    | st.sampled_from([0.5, 1e-300, 5e-324, 1e300, 4e303, -0.0, 1.7e308, 1e18, 1e30])
)
WORDS = st.sampled_from(["power", "relu", "auto", "none", "l2_pgd", "linf_pgd", "fgsm", "flow", "direct", "gram"])
TEXTS = WORDS | st.text(max_size=8) | st.sampled_from(["²", "9" * 5000, "x" * 10_000, "\x1b[31m", "1e400", "8/0"])
ODD = st.none() | st.booleans() | st.lists(NUMBERS | TEXTS, max_size=3) | st.dictionaries(TEXTS, NUMBERS, max_size=2)
ARRAYS = st.sampled_from([np.int64(7), np.float32(0.5), np.array([1.0, 2.0]), np.bool_(True), 1j, b"x", object(), ...])


def attempt(make):
    """Make an experiment and plan it; one sentence is as good."""
    began = time.process_time()
    sentence = "."
    try:
        params = make()
        assert all(math.isfinite(value) for value in vars(params).values() if isinstance(value, float))
        plan(params, params.steps)
    except UserError as error:
        sentence = str(error)
    assert is_a_sentence(sentence)
    assert time.process_time() - began < SECONDS


def is_a_sentence(text):
    return text.isprintable() and text[-1:] in (".", "?") and len(text) < 2100


@TRIES
@given(st.dictionaries(NAMES, NUMBERS | TEXTS | ODD | ARRAYS, max_size=4), NUMBERS | ODD)
@example({"signal_exponent": 10**9}, 1000)
@example({"neurons": 1e300}, 1000)
@example({"samples": 4e303}, 1000)
@example({"gap": 10**400}, 1000)
@example({"cls": 1}, 1000)
@example({}, 10**5000)
@example({}, 1.7e308)
def test_any_values_from_the_paper(values, dimension):
    attempt(lambda: Params.from_paper(**{"dimension": dimension, **values}))


@TRIES
@given(st.dictionaries(NAMES, NUMBERS | TEXTS | ODD | ARRAYS, max_size=3))
@example({"signal_strength": np.array([1.0, 2.0])})
@example({"self": 1})
@example({"gap_polylog": 1.0})
def test_any_change(changes):
    attempt(lambda: Params.from_paper(1000).replace(**changes))


@TRIES
@given(st.dictionaries(NAMES.filter(str), NUMBERS | st.booleans() | WORDS, max_size=4))
@example({"dimension": 1e30})
@example({"signal_exponent": 10**9})
def test_any_toml(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(toml_text({"dimension": 500, **values}), encoding="utf-8")
    attempt(lambda: Params.from_toml(path))
    try:
        params = Params.from_toml(path)
    except UserError:
        return
    path.write_text(params.to_toml(), encoding="utf-8")
    assert Params.from_toml(path) == params


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dimension = " + "9" * 5000, "is not TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("dimension = 10\nself = 1", "self is not a parameter"),
        ("dimension = 10\ncls = 1", "cls is not a parameter"),
        ("dimension = 10\n'\\u001b[31m' = 1", "is not a parameter"),
        ("dimension = 10\n[samples]\na = 1", "samples is {'a': 1}"),
        ("dimension = 10\nsampels = 1", "sampels is not a parameter; did you mean samples?"),
        ("dimension = 1979-05-27", "dimension is datetime.date"),
    ],
    ids=["digits", "deep", "self", "cls", "escape", "table", "mistyped", "date"],
)
def test_odd_toml_is_one_sentence(tmp_path, text, words):
    path = tmp_path / "odd.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        Params.from_toml(path)
    assert words in str(refused.value)
    assert is_a_sentence(str(refused.value))


@settings(TRIES, max_examples=TRIES.max_examples // 3)
@given(
    st.dictionaries(
        st.sampled_from([*Params.model_fields, *FACTORS, "sampels", "\x1b[31m", "x" * 5000]), NUMBERS.map(str) | TEXTS
    )
)
@example({"seed": "²"})
@example({"seed": "9" * 5000})
def test_any_command_line(tmp_path_factory, options):
    def planned(params, **options):
        attempt(lambda: params)
        raise UserError("planned.")

    out = tmp_path_factory.getbasetemp() / "any"
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    began = time.process_time()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session, "simulate", planned)
        try:
            status = main(["simulate", "--out", str(out), *arguments])
        except SystemExit as stopped:  # the parser's own
            status = stopped.code
    assert status == 2
    assert time.process_time() - began < SECONDS
