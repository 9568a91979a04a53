"""The runs and trainings whose results are pinned: every engine, threat and activation, small."""

from __future__ import annotations

import hashlib
import platform
from typing import Any

import numpy as np
from small_trainings import small_dataset, small_settings

import cgrosim
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.train import train
from cgrosim.model.streams import RunStream, stream
from cgrosim.run.quantities import RENAMED

SMALL: dict[str, Any] = {"dimension": 60, "samples": 6, "neurons": 4, "steps": 400, "records": 4, "test_samples": 60}
SIGNAL = {"none": {}, "signal_span": {}, "fixed_direction": {"gap": -0.2}}
SEARCHED = ("fgsm", "l2_pgd", "linf_pgd")
ACTIVATIONS = ("relu", "relu_power", "smoothed_relu", "linear")


def run_cases() -> dict[str, dict[str, Any]]:
    """Parameters of every pinned run, by name."""
    cases: dict[str, dict[str, Any]] = {}
    for threat, changes in SIGNAL.items():
        for engine in ("direct", "reduced", "flow"):
            cases[f"{engine} {threat}"] = {**SMALL, "threat": threat, "engine": engine, **changes}
    for threat in SEARCHED:
        cases[f"direct {threat}"] = {
            **SMALL, "threat": threat, "engine": "direct", "perturbation_radius": 0.02, "steps": 30,
            "attack_steps": 3, "attack_restarts": 2,
        }  # fmt: skip
    for activation in ACTIVATIONS:
        for engine in ("direct", "reduced"):
            cases[f"{engine} {activation}"] = {**SMALL, "activation": activation, "engine": engine, "steps": 100}
    cases["gram flow"] = {**SMALL, "dimension": 10**9, "engine": "flow", "steps": None}
    cases["gram reduced"] = {**SMALL, "dimension": 10**6, "engine": "reduced", "sampling": "gram"}
    cases["everything recorded"] = {**SMALL, "record": "noise_correlation coefficients weights", "steps": 60}
    cases["power 2.5"] = {**SMALL, "power": 2.5, "record_grid": "linear"}
    return cases


def run_values(values: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every recorded array of one run, by the names of the first release."""
    given = dict(values)
    run = cgrosim.simulate(cgrosim.Params.from_paper(given.pop("dimension"), **given))
    old = {new: name for name, new in RENAMED.items()}
    return {old.get(str(name), str(name)): np.asarray(run.data[name].values) for name in run.data.variables}


def training_values() -> dict[str, np.ndarray]:
    """Every array of a small training on images, and the images it chose."""
    settings, dataset = small_settings(attack=Attack.pgd("l2", 0.2, 2, restarts=2)), small_dataset()
    done = train(settings, dataset)
    data = training_data(settings, dataset)
    found = {f"last {name}": value for name, value in done.last.items()}
    found |= {f"history {name}": value for name, value in done.history.items()}
    return found | {"train images": data.train.images, "validation labels": data.validation.labels}


def stream_values() -> dict[str, np.ndarray]:
    """First draws of the named random streams of a run."""
    keys = {"data": RunStream.DATA, "init": RunStream.INIT, "test": RunStream.TEST}
    return {name: stream(7, key).standard_normal(5) for name, key in keys.items()}


def digest(arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Bits of every array."""
    return {name: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16] for name, a in arrays.items()}


def machine() -> dict[str, str]:
    """What bits may depend on."""
    import numba
    import scipy

    flags = ""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        pass
    return {
        "processor": hashlib.sha256((platform.machine() + " ".join(sorted(flags.split()))).encode()).hexdigest()[:16],
        "numpy": np.__version__, "scipy": scipy.__version__, "numba": numba.__version__,
    }  # fmt: skip


def summary(array: np.ndarray) -> list[float]:
    """Five numbers of an array that a change of what is computed would move: size, sum, absolute sum, ends."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    finite = np.where(np.isfinite(flat), flat, -1.0)
    return [float(flat.size), float(finite.sum()), float(np.abs(finite).sum()), float(finite[0]), float(finite[-1])]
