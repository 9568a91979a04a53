"""A discrete run has the same bits whatever kernel the BLAS chooses and whatever vector unit NumPy uses.

The flow is excepted: SciPy's integrator adds its stages with the BLAS.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from cgrosim.model.sums import exponential, raised, weighted_sum

RUNS = """
import hashlib, json
from cgrosim import Params, simulate

small = {"samples": 5, "neurons": 9, "steps": 40, "test_samples": 40, "records": 5}
attacked = {**small, "steps": 15, "attack_steps": 2, "perturbation_radius": 0.1}
found = {}
for name, options in {
    "reduced": {**small, "engine": "reduced"},
    "direct": {**small, "engine": "direct"},
    "smoothed": {**small, "activation": "smoothed_relu"},
    "l2": {**attacked, "threat": "l2_pgd"},
    "linf": {**attacked, "threat": "linf_pgd"},
}.items():
    data = simulate(Params.from_paper(150, **options)).data
    found |= {f"{name} {each}": hashlib.sha256(data[each].values.tobytes()).hexdigest() for each in data.variables}
print(json.dumps(found))
"""
UNITS = " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name])


def bits(**environment):
    asked = {**os.environ, "NUMBA_NUM_THREADS": "1", **environment}
    return json.loads(subprocess.run([sys.executable, "-c", RUNS], capture_output=True, env=asked, check=True).stdout)


@pytest.fixture(scope="module")
def usual():
    return bits()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_CORETYPE": "Prescott"},
        {"NPY_DISABLE_CPU_FEATURES": UNITS},
    ],
    ids=["another BLAS kernel", "no vector unit"],
)
def test_bits_depend_on_neither_blas_nor_vector_unit(usual, environment):
    found = bits(**environment)
    assert len(found) > 50
    assert [name for name in usual if usual[name] != found[name]] == []


def test_the_sums_are_those_of_the_formulas():
    """With m terms of size 1 two orders of summation differ by at most m eps times the sum of the moduli."""
    generator = np.random.default_rng(0)
    values, weights = generator.standard_normal((4, 3, 50)), generator.standard_normal(50)
    bound = 50 * np.finfo(float).eps * (np.abs(values) @ np.abs(weights))
    assert np.all(np.abs(weighted_sum(values, weights) - values @ weights) <= bound)
    turned = np.asfortranarray(values.reshape(12, 50))
    assert np.array_equal(weighted_sum(turned, weights), weighted_sum(values, weights).reshape(12))


def test_the_functions_are_those_of_the_formulas():
    """NumPy's own are within four units in the last place of the C library's, which is within one of the truth."""
    exponents = -np.linspace(0.0, 800.0, 1001).reshape(7, 143)
    assert np.allclose(exponential(exponents), np.exp(exponents), rtol=5 * np.finfo(float).eps, atol=5e-324)
    shares = np.linspace(0.0, 1.0, 101)
    assert np.allclose(raised(shares, 0.3), shares**0.3, rtol=5 * np.finfo(float).eps, atol=0.0)
