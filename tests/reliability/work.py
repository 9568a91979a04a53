"""The small work that is disturbed: one run an engine, one command an experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cgrosim
from cgrosim.commands.main import main

SMALL: dict[str, Any] = {"samples": 6, "neurons": 6, "records": 6, "test_samples": 60}
RUNS: dict[str, dict[str, Any]] = {
    "direct": {"engine": "direct", "steps": 60_000},
    "reduced": {"engine": "reduced", "steps": 300_000},
    "flow": {"engine": "flow", "steps": 10**7},
    "reduced, momentum and batches": {
        "engine": "reduced",
        "steps": 60_000,
        "momentum": 0.5,
        "batch_size": 2,
        "weight_decay": 1e-3,
    },
    "direct, searching": {"threat": "l2_pgd", "steps": 60, "attack_steps": 3, "record_grid": "linear", "records": 20},
}
"""One a kind of engine; each takes some tenths of a second."""

TRAINED = ["--subset", "20", "--validation", "20", "--epochs", "3", "--attack-steps", "2", "--evaluation-steps", "2",
           "--evaluation-samples", "20"]  # fmt: skip
COMMANDS: dict[str, list[str]] = {
    "train": [*TRAINED, "--width", "1", "--restarts", "1"],
    "capacity": [*TRAINED, "--widths", "1,2", "--seeds", "1", "--restarts", "1"],
    "landscape": [*TRAINED[:4], "--epochs", "2", *TRAINED[6:], "--width", "1", "--networks", "2", "--points", "10",
                  "--ascent-steps", "2"],
    "stages": ["--subset", "20", "--test-subset", "30", "--filters", "6", "--steps", "150", "--records", "4"],
}  # fmt: skip


PLAIN = ["--dimension", "150", "--samples", "4", "--neurons", "3", "--steps", "300", "--test-samples", "20",
         "--engine", "reduced"]  # fmt: skip
SWEEP = ["sweep", *PLAIN, "--vary", "gap=0.01,0.1,0.3,0.5", "--vary", "power=3,3.5", "--seeds", "4",
         "--keep", "robust_test_error", "--predicted-seeds", "0"]  # fmt: skip
"""A grid of milliseconds a cell."""
OTHERS: dict[str, list[str]] = {
    "sweep, two workers": [*SWEEP, "--workers", "2"],
    "sweep": [*SWEEP, "--workers", "0"],
    "verify": ["verify", "yarotsky-squares", "sampling-same-numbers", "--workers", "1"],
    "classroom": ["classroom"],
}
"""Commands beside simulate and the experiments; the first two leave the same table."""


def params_of(engine: str) -> cgrosim.Params:
    """The parameters of a run."""
    return cgrosim.Params.from_paper(150, **{**SMALL, **RUNS[engine]})


def run(engine: str, folder: Path) -> int:
    """Do a run with a checkpoint after every record, or go on with the one that is there."""
    state = folder / "state.npz"
    if state.exists():
        found = cgrosim.resume(state, checkpoint_seconds=0.0)
    else:
        found = cgrosim.simulate(params_of(engine), checkpoint=state, checkpoint_seconds=0.0)
    found.save(folder / "run.nc")
    return {"finished": 0, "interrupted": 130, "diverged": 1}[found.status]


def experiment(name: str, folder: Path) -> int:
    """Do an experiment on images, or go on with it."""
    return main(["images", name, *COMMANDS[name], "--out", str(folder)])


def other(name: str, folder: Path) -> list[str]:
    """Another command whose results go into a folder."""
    place = folder / "lesson.html" if name == "classroom" else folder
    return [*OTHERS[name], "--out", str(place), *(["--overwrite"] if name == "verify" else [])]


def all_work() -> dict[str, Callable[[Path], int]]:
    """By name, what can be disturbed and gone on with: called with a folder."""
    runs = {f"engine {name}": lambda folder, name=name: run(name, folder) for name in RUNS}
    others = {name: lambda folder, name=name: main(other(name, folder)) for name in OTHERS}
    return {
        **runs,
        **{f"images {name}": lambda folder, name=name: experiment(name, folder) for name in COMMANDS},
        **others,
    }
