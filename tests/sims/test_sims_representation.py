"""The experiments on representation and flatness run at toy size, and write what their readers need."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

SIMS = Path(__file__).parents[2] / "sims"


@pytest.fixture(autouse=True)
def _forget_scripts() -> Any:
    """Scripts are top-level modules: take them out again, so that no other test meets them."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == SIMS:
            del sys.modules[name]


def run_toy(name: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run one experiment at toy size and return its numbers."""
    monkeypatch.syspath_prepend(SIMS)
    importlib.import_module(name).main(["--toy", "--out", str(out)])
    assert (out / f"{name}.png").stat().st_size > 5000
    numbers: dict[str, Any] = json.loads((out / f"{name}.json").read_text())["numbers"]
    return numbers


def test_representation_complexity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table crosses where the theory says, and one unit is enough for a clean fit."""
    numbers = run_toy("representation_complexity", tmp_path, monkeypatch)
    assert numbers["crossing_dimension"] == {"two layers": 22, "five layers": 25}
    before, after = numbers["counts"]["21"], numbers["counts"]["22"]
    assert before["excluded_two_layer"] < before["cgro"]
    assert after["excluded_two_layer"] >= after["cgro"]
    robust, clean = (numbers["needed_width"][name] for name in ("robust", "clean"))
    assert sum(robust[-1]) > sum(clean[-1])


def test_cgro_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certified on every ball, no worse on clean test points, broken on others."""
    numbers = run_toy("cgro_classifier", tmp_path, monkeypatch)
    assert set(numbers) == {"digits linf", "digits l2"}
    for found in numbers.values():
        assert found["certified_robust_training_error"] == 0
        assert found["training_balls_broken"] == 0
        assert found["clean_test_error"] <= found["clean_test_error_of_clean_network"]
        assert found["robust_test_error_found"] > found["clean_test_error"]
        assert found["parameters"] == found["parameters_by_formula"]


def test_flatness_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No gap exceeds its bound, and every correlation comes with an interval."""
    numbers = run_toy("flatness_gap", tmp_path, monkeypatch)
    assert numbers["largest_gap_over_wasserstein_bound"] <= 1.0
    for mean, low, high in numbers["rank_correlation_with_95_percent_interval"].values():
        assert low <= mean <= high


def test_flatness_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every draw gives its networks, and every correlation comes with an interval."""
    numbers = run_toy("flatness_images", tmp_path, monkeypatch)
    assert numbers["networks"] == 2 * 2 * 2 * 2  # draws, widths, radii, epochs
    for mean, low, high in numbers["rank_correlation_with_95_percent_interval"].values():
        assert mean is None or low <= mean <= high
