"""Parameters come back from every form they are written in with the same bits: dump, JSON, TOML, replace."""

import json
import struct

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cgrosim import Params
from cgrosim.errors import ParameterError

POSITIVE = st.floats(1e-300, 1e300) | st.sampled_from([5e-324, 1e-12, 0.1, 1.0, 3.0])
NOT_NEGATIVE = POSITIVE | st.just(0.0)


@st.composite
def given_params(draw):
    """Parameters of every kind: by radius, by gap or by both, with every threat, and with or without a signal."""
    threat = draw(st.sampled_from(["none", "signal_span", "fixed_direction", "fgsm", "l2_pgd", "linf_pgd"]))
    searched = threat in ("fgsm", "l2_pgd", "linf_pgd")
    values = {
        "dimension": draw(st.integers(2, 10**30)),
        "patches": draw(st.integers(2, 9)),
        "samples": draw(st.integers(1, 10**6)),
        "neurons": draw(st.integers(2, 100)),
        "activation": draw(st.sampled_from(["power", "relu", "relu_power", "smoothed_relu", "linear"])),
        "power": draw(st.floats(2.0, 50.0)),
        "signal_strength": draw(NOT_NEGATIVE),
        "noise_std": draw(NOT_NEGATIVE),
        "init_std": draw(POSITIVE),
        "learning_rate": draw(POSITIVE),
        "adversarial_weight": draw(st.floats(0.0, 1.0)),
        "steps": draw(st.none() | st.integers(1, 10**18)),
        "threat": threat,
        "attack_step_size": draw(st.none() | POSITIVE),
        "attack_random_start": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**64)),
        "record": draw(st.sampled_from([(), ("weights",), ("noise_correlation", "weights")])),
        "record_grid": draw(st.sampled_from(["log", "linear"])),
        "flow_tolerance": draw(POSITIVE),
    }
    how = draw(st.sampled_from(["radius", "gap", "neither"]))
    if how == "radius":
        values["perturbation_radius"] = draw(NOT_NEGATIVE if searched else st.floats(0.0, values["signal_strength"]))
    elif how == "gap":
        values["gap"] = draw(st.floats(0.0, 1.0) | st.sampled_from([1e-9, 1e-17, 1.0 - 2**-53]))
    try:
        return Params(**values)
    except ParameterError:
        assume(False)  # the gap of a large radius and a small signal may overflow


def bits(params):
    """Every value, numbers by their bits: 0.0 and -0.0 differ, and so do neighbours."""
    return {
        name: struct.pack("<d", value) if isinstance(value, float) else value
        for name, value in params.model_dump().items()
    }


@given(given_params())
@settings(max_examples=150, deadline=None)
def test_every_form_gives_back_the_same_bits(tmp_path_factory, params):
    expected = bits(params)
    assert bits(Params(**params.model_dump())) == expected
    assert bits(Params(**json.loads(params.model_dump_json()))) == expected
    assert bits(params.replace()) == expected
    assert bits(params.replace(seed=params.seed)) == expected
    assert bits(params.replace(signal_strength=params.signal_strength)) == expected
    assert bits(params.replace(perturbation_radius=params.perturbation_radius, gap=params.gap)) == expected
    path = tmp_path_factory.getbasetemp() / "params.toml"
    path.write_text(params.to_toml())
    assert bits(Params.from_toml(path)) == expected


def test_an_attack_without_a_signal_keeps_its_radius(tmp_path):
    """The gap of no signal is 1, whatever the radius; it must not make the attack vanish."""
    params = Params.from_paper(40, signal_strength=0.0, threat="l2_pgd", perturbation_radius=0.25, steps=3)
    assert params.replace(seed=1).perturbation_radius == 0.25
    assert params.replace(signal_strength=2.0).perturbation_radius == 0.25
    assert params.replace(signal_strength=2.0).replace(signal_strength=0.0).perturbation_radius == 0.25
    assert params.replace(signal_strength=2.0).replace(signal_strength=4.0).perturbation_radius == 0.5
    path = tmp_path / "params.toml"
    path.write_text(params.to_toml())
    assert Params.from_toml(path) == params


def test_of_radius_and_gap_the_last_one_given_decides():
    params = Params.from_paper(40, signal_strength=4.0, gap=0.25)
    assert params.replace(perturbation_radius=1.0).gap == 0.75
    assert params.replace(gap=0.5).perturbation_radius == 2.0
    assert params.replace(gap=None, perturbation_radius=1.0).gap == 0.75
    assert params.replace(signal_strength=8.0).perturbation_radius == 6.0
