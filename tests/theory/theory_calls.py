"""Every public function of the theory with arguments that fit, by the names of its parameters."""

import inspect
from contextlib import suppress
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np

import cgrosim.theory
from cgrosim.theory.scaling import paper_setting

WEIGHTS = np.array([0.5, 0.5])
FITTING = {
    **dict.fromkeys(("first", "support", "values"), np.array([0.1, 0.5])),
    **dict.fromkeys(("masses", "weights", "first_weights", "second_weights", "other_weights"), WEIGHTS),
    **dict.fromkeys(("gram", "initial_gram"), np.array([[1.0, 0.1], [0.1, 1.0]])),
    **dict.fromkeys(("points", "other_points", "centres"), np.array([[1.0, 1.0], [-1.0, 0.5]])),
    **dict.fromkeys(("signal_polylog", "noise_polylog", "init_polylog", "gap_polylog"), 1.0),
    "adversarial_weight": 0.5, "attacked": 0.5, "attacked_margin": 0.1, "attacked_weight": 0.3, "batch": 5.0,
    "bend": 0.5, "bends": np.array([0.5, 0.6]), "classes": 2, "clean": 2.0, "clean_exposure": 5.0, "clock": 0.3,
    "correlation": 0.3, "correlations": np.array([0.1, 0.2, -0.1]), "count": 5, "decay": 0.01, "degree": 2,
    "deviation": 0.3, "diameter": 0.5, "dimension": 9, "dimensions": [1e4, 1e6], "distance": 0.4,
    "distances": np.array([0.1, 0.2]), "drawing": "with", "end": 0.3, "end_margin": 2.0,
    "energies": np.array([0.5, 0.6, 0.7]), "error": 0.1, "exposure": 5.0, "failure_probability": 0.01,
    "fast_start": 0.1, "features": 3.0, "final_correlation": 0.5, "flatness": np.array([0.1, 0.2]),
    "force_ratio": 0.1, "frequency": 0.5, "gap": 0.1, "gap_exponent": -0.5, "gradient": 0.5,
    "gradients": np.array([[0.5, 0.1], [0.2, 0.2]]), "half_range": 2.0, "head_start": 0.2, "hidden_layers": 2,
    "init_exponent": -0.5, "init_std": 0.1, "initial_norms": np.ones(3), "inputs": 4, "kurtosis": 3.0,
    "label_change": 1.0, "label_noise": 0.1, "labels": np.array([1, -1]), "other_labels": np.array([1, -1]),
    "largest": 5.0, "largest_correlation": 0.1, "largest_loss": 1.0, "largest_noise": 0.1, "largest_start": 0.1,
    "layers": 2, "learning_rate": 0.1, "level": 0.2, "levels": 3, "lipschitz": 1.0, "log_time_ratio": 0.2,
    "lower_rate": 0.1, "margin": 0.5, "margin_spread": 0.1, "mean_flatness": 0.2,
    "memorisation_edges": np.array([0.1, 0.2]), "memorised": 0.7, "momentum": 0.3, "negative_margin": 0.1,
    "neurons": 5, "noise": np.array([[0.1, 0.2], [0.2, 0.3]]), "noise_exponent": -0.509, "noise_margin": 0.2,
    "noise_std": 0.1, "norm": "linf", "order": 2, "patch_energy": 0.5, "patches": 3, "plateau_correlation": 0.3,
    "polynomials": 10, "position": 0.4, "power": 3.0, "probability": 0.3,
    "projections": np.array([[0.1, 0.2, 0.1], [0.2, 0.1, 0.1]]), "pull": lambda margin: 0.5 * np.exp(-margin),
    "pull_without_loss": 0.5, "quantity": lambda setting: setting.signal_growth_time(), "radius": 0.2, "ramp": 0.5,
    "rate": 0.1, "rate_ratio": 0.5, "ratio": 0.5, "reference_log_growth": 0.5, "relative_growth": 0.1,
    "samples": 10, "samples_exponent": 0.0, "saturation": 1, "scale": 0.5, "scales": np.array([0.5, 0.4, 0.3, 0.2]),
    "second": np.array([0.2, 0.9]), "setting": paper_setting(1e6), "setting_at": paper_setting, "share": 0.3,
    "signal_edge": 0.5, "signal_exponent": 0.249, "signal_growth_time": 20.0, "signal_strength": 1.5,
    "signal_sum": 0.3, "size": 3, "slow_start": 0.05, "smoothing": 0.1, "start": 0.1, "start_margin": 0.5,
    "rate_below": 0.5, "starts": np.array([0.1, 0.2, 0.1]), "std": 0.5, "step_rate": 0.2, "steps": 30, "target": 0.7,
    "test_noise_std": 0.1, "threat": "signal_span", "threshold": 0.7, "time": 20.0, "upper_rate": 0.2, "value": 3.0,
    "variables": 5, "variation": 0.1, "weight_decay": 0.01, "weight_square_ratio": 1.2, "width": 5,
}  # fmt: skip


def functions():
    """Public functions of every module, by name."""
    for module in sorted(found.name for found in iter_modules(cgrosim.theory.__path__)):
        if module.startswith("_"):
            continue
        room = import_module(f"cgrosim.theory.{module}")
        for name, function in vars(room).items():
            own = getattr(function, "__module__", "") == room.__name__ and not name.startswith("_")
            if own and inspect.isfunction(function):
                yield f"{module}.{name}", function


def calls():
    """(name, function, arguments) of those whose every argument has a name that is known here and a value that fits."""
    for name, function in functions():
        needed = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        if set(needed) <= set(FITTING):
            given = {argument: FITTING[argument] for argument in needed}
            with suppress(AttributeError, IndexError, TypeError, ValueError):
                function(**given)
                yield name, function, given


def words(function):
    """Parameters that take one of a few words."""
    kinds = get_type_hints(function)
    return [
        name for name in inspect.signature(function).parameters
        if get_origin(kinds.get(name)) is Literal and isinstance(get_args(kinds[name])[0], str)
    ]  # fmt: skip
