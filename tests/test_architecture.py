"""The rooms of the house and the direction of the arrows, held by walking the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imported(path):
    """Every module name a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def test_theory_and_simulator_do_not_know_each_other():
    for path in files("theory"):
        assert not [name for name in imported(path) if name.split(".")[0] == "cgrosim"], path
    for path in files("cgrosim"):
        if "verify" in path.relative_to(ROOT).parts:
            continue
        assert not [name for name in imported(path) if name.split(".")[0] == "theory"], path


def test_theory_needs_numpy_and_scipy_only():
    allowed = {*sys.stdlib_module_names, "numpy", "scipy", "theory"}
    for path in files("theory"):
        assert {name.split(".")[0] for name in imported(path)} <= allowed, path


def test_kernels_draw_no_random_numbers_and_plotting_runs_no_engine():
    for path in [*files("cgrosim/kernels"), *files("cgrosim/vision/kernels")]:
        assert "random." not in path.read_text().replace("no random", ""), path
    for path in files("cgrosim/plotting"):
        names = set(imported(path))
        engines = ("cgrosim.engines", "cgrosim.run", "cgrosim.kernels", "cgrosim.vision.kernels")
        assert not [n for n in names if n.startswith((*engines, "cgrosim.vision.engine", "cgrosim.vision.network"))], (
            path
        )


def test_no_fastmath_in_the_theory_simulator():
    for path in [*files("cgrosim/kernels"), ROOT / "cgrosim/microkernels.py"]:
        assert "fastmath=" not in path.read_text(), path


def test_nothing_is_pickled_by_our_own_code():
    for path in [*files("cgrosim"), *files("theory")]:
        text = path.read_text()
        assert "import pickle" not in text, path
        assert "allow_pickle=True" not in text, path


def test_modules_stay_small():
    for folder in ("cgrosim", "theory"):
        for path in files(folder):
            assert len(path.read_text().splitlines()) <= 400, path


@pytest.mark.parametrize("module", ["cgrosim", "theory", "cgrosim.cli", "cgrosim.vision", "cgrosim.vision.layers"])
def test_importing_does_no_work(module):
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {{'numba', 'matplotlib', 'xarray', 'scipy'}}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
