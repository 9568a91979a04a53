"""Parameters: the paper's exponents, the two ways to give the radius, and one sentence for every impossible value."""

import math

import pytest

from cgrosim import Params
from cgrosim.errors import FileError, ParameterError
from cgrosim.model.toml import read_toml


def test_paper_exponents_with_explicit_polylogs():
    params = Params.from_paper(10**6, signal_polylog=2.0, init_polylog=3.0, gap_polylog=5.0)
    assert params.signal_strength == pytest.approx(2.0 * 1e6**0.249)
    assert params.noise_std == pytest.approx(1e6**-0.509)
    assert params.init_std == pytest.approx(3.0 * 1e-3)
    assert params.gap == pytest.approx(1e-3 / 5.0)
    assert Params.from_paper(10**6).init_std == pytest.approx(math.sqrt(math.log(1e6)) * 1e-3)


def test_gap_survives_where_the_radius_cannot_carry_it():
    params = Params.from_paper(1e15)
    assert params.gap == pytest.approx(1e15**-0.5 / math.log(1e15), rel=1e-12)
    assert params.replace(seed=1).gap == params.gap


def test_radius_and_gap_are_two_ways_to_say_one_thing():
    by_radius = Params.from_paper(1000, signal_strength=4.0, perturbation_radius=3.0)
    assert by_radius.gap == pytest.approx(0.25)
    assert Params.from_paper(1000, signal_strength=4.0, gap=0.25).perturbation_radius == pytest.approx(3.0)
    assert by_radius.replace(signal_strength=8.0).perturbation_radius == pytest.approx(6.0)
    with pytest.raises(ParameterError, match="disagree"):
        Params.from_paper(1000, signal_strength=4.0, gap=0.25, perturbation_radius=1.0)


def test_another_dimension_alone_is_refused_because_the_scales_would_be_the_old_ones():
    params = Params.from_paper(1000)
    with pytest.raises(ParameterError, match=r"dimension 1000000 alone would keep .*take Params.from_paper\(1000000\)"):
        params.replace(dimension=10**6)
    with pytest.raises(ParameterError, match="must be a whole number"):
        params.replace(dimension=1)
    assert params.replace(dimension=10**6, noise_std=params.noise_std).signal_strength == params.signal_strength
    assert params.replace(dimension=1e3, seed=1).dimension == 1000


def test_toml_round_trip(tmp_path):
    params = Params.from_paper(1000, samples=7, record=("coefficients",), attack_random_start=False, steps=10)
    path = tmp_path / "run.toml"
    path.write_text(params.to_toml())
    assert Params.from_toml(path) == params


@pytest.mark.parametrize("dimension", ["1e12", 1e12, 10**12])
def test_large_dimensions_as_they_are_written(dimension):
    assert Params.from_paper(dimension).dimension == 10**12


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"noise_std": -1.0}, "noise_std is -1"),
        ({"init_std": 0.0}, "init_std is 0"),
        ({"samples": 0}, "samples is 0"),
        ({"samples": 1.5}, "whole number"),
        ({"patches": 1}, "patches is 1"),
        ({"power": 0.5}, "power is 0.5"),
        ({"power": float("nan")}, "finite"),
        ({"perturbation_radius": 100.0}, "perturbation_radius is 100"),
        ({"gap": -0.1}, "signal_span threat allows"),
        ({"adversarial_weight": 1.5}, "adversarial_weight is 1.5"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 10**19}, "steps is 1"),
        ({"neurons": "abc"}, "neurons is 'abc'"),
        ({"engine": "fast"}, "engine is 'fast'"),
        ({"threat": "l2_pgd", "engine": "flow"}, "engine flow needs"),
        ({"threat": "l2_pgd", "sampling": "gram"}, "sampling gram"),
        ({"engine": "direct", "sampling": "gram"}, "engine direct needs vectors"),
        ({"threat": "linf_pgd", "record": ("coefficients",)}, "record coefficients"),
        ({"sampling": "gram", "record": ("weights",)}, "record weights"),
        ({"activation": "relu", "neurons": 1}, "signed second layer"),
        ({"seed": -1}, "seed is -1"),
        ({"attack_steps": 0}, "attack_steps is 0"),
        ({"attack_step_size": 0.0}, "attack_step_size is 0"),
        ({"wibble": 1}, "wibble is not a parameter"),
        ({"signal_polylog": "x"}, "signal_polylog is 'x'"),
        ({"signal_exponent": 1000.0}, "exponent is too large"),
        ({"dimension": 1}, "dimension is 1"),
        ({"dimension": 10.5}, "dimension is 10.5"),
        ({"dimension": "many"}, "dimension is 'many'"),
    ],
)
def test_impossible_values_give_one_sentence(bad, words):
    with pytest.raises(ParameterError, match=words) as caught:
        Params.from_paper(**{"dimension": 1000, **bad})
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_bad_files_give_one_sentence(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        read_toml(tmp_path / "none.toml")
    path = tmp_path / "bad.toml"
    path.write_text("samples = 3")
    with pytest.raises(FileError, match="does not give the dimension"):
        Params.from_toml(path)
    path.write_text("dimension = = 3")
    with pytest.raises(FileError, match="not TOML"):
        read_toml(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="not TOML"):
        read_toml(path)


def test_missing_values_are_named():
    with pytest.raises(ParameterError, match="signal_strength is missing"):
        Params(dimension=10, noise_std=1.0, init_std=1.0, learning_rate=0.1)


def test_the_attack_is_spelt_out():
    assert "gap" in Params.from_paper(1000).attack_description
    text = Params.from_paper(1000, threat="l2_pgd", perturbation_radius=1.5, attack_steps=7).attack_description
    assert "l2_pgd" in text
    assert "radius 1.5" in text
    assert "7 steps" in text
