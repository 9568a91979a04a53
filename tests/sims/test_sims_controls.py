"""The experiments on controls and counts run at toy size, and write what their readers need."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

SIMS = Path(__file__).parents[2] / "sims"


def run_toy(name: str, out: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    """Run one experiment at toy size and return its JSON file."""
    monkeypatch.syspath_prepend(SIMS)
    importlib.import_module(name).main(["--toy", "--out", str(out), *options])
    assert (out / f"{name}.png").stat().st_size > 5000
    content: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    assert content["toy"]
    assert content["seeds"]
    assert content["params"]
    assert content["attack"]
    assert content["versions"]["cgrosim"]
    return content["numbers"]


@pytest.fixture(autouse=True)
def _forget_scripts() -> Any:
    """Scripts are top-level modules: take them out again, so that no other test meets them."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == SIMS:
            del sys.modules[name]


def test_benign_overfitting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strong signal is learnt by both models, a weak one by none, and every fitted cell is counted once."""
    numbers = run_toy("benign_overfitting", tmp_path, monkeypatch)
    for model in ("ReLU^3", "ReLU"):
        found = numbers[model]
        strong = [row[-1] for row in found["clean_test_error"]]
        assert all(error is not None and error < 0.05 for error in strong), model
        kinds = ("cells_memorised_benignly", "cells_memorised_harmfully", "cells_not_memorised")
        assert sum(found[kind] for kind in kinds) == found["cells_fitted"]


def test_table_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window of radii follows from the paper's pair; every row has four accuracies and says its attack."""
    numbers = run_toy("table_two", tmp_path, monkeypatch)
    low, high = numbers["radius_window"]
    assert 1.0 < low < high < 2.0
    assert low - 1.0 == pytest.approx((high - 1.0) ** 3, rel=1e-12)  # one neuron against Gaussian, cubic activation
    assert {"signal_span 0.99", "l2_pgd 0.8"} <= set(numbers["rows"])
    assert all(0.0 <= value <= 100.0 for row in numbers["rows"].values() for value in row.values())
