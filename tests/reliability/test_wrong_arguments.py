"""Every public function called with a wrong value for each of its arguments: one sentence, before anything is done."""

from functools import cache

import numpy as np
import pytest
from hypothesis import find

import cgrosim
import cgrosim.claims
import cgrosim.classroom
import cgrosim.figures
import cgrosim.images
import cgrosim.testing
from cgrosim.errors import UserError
from cgrosim.images.data.datasets import Dataset

WRONG = {
    "object": object(), "word": "qqq", "negative": -3, "part": 1.5, "nan": float("nan"), "none": None, "empty": [],
    "mapping": {"a": 1}, "bytes": b"x", "words": ["a", "b"], "numbers": [3], "huge": 10**400, "class": int,
    "array of words": np.array(["a"]), "true": True, "array": np.zeros(3), "table": np.full((2, 2), 7),
    "iterator": iter("ab"), "function": lambda *given: 1 / 0,
}  # fmt: skip
CALLED = {"progress", "announce", "watch", "on_epoch", "quantity"}
"""Arguments that take functions, whose own errors are no affair of ours."""
PARAMS = cgrosim.Params.from_paper(60, samples=3, neurons=2, steps=3, test_samples=5, engine="reduced")
SMALL = {"radius": 0.1, "steps": 1}


@cache
def _run():
    return cgrosim.simulate(PARAMS)


@cache
def _table():
    return cgrosim.sweep(PARAMS, {"gap": [0.1, 0.2]}, predicted_seeds=0)


@cache
def _data():
    draw = np.random.default_rng(0)
    images, labels = draw.random((8, 8, 8, 1), dtype=np.float32), np.arange(8) % 2
    return Dataset("mine", images, labels, images, labels, ("a", "b"))


def _network():
    architecture, draw = cgrosim.images.lenet(1, (8, 8, 1), 2), np.random.default_rng(0)
    shapes = architecture.parameter_shapes
    return cgrosim.images.new_network(architecture, {name: draw.random(shapes[name]) for name in shapes})


def _settings():
    return cgrosim.images.default_settings("digits", epochs=1)


NOWHERE = "/nowhere/at/all"


def runs():
    """Functions by name, with arguments that fit, each to be spoilt: what runs and what reads."""
    path = NOWHERE
    yield "simulate", cgrosim.simulate, {"params": PARAMS, "start": None, "record_at": [0, 3], "until": cgrosim.grown(),
                                         "keep": ["signal"], "progress": lambda *_: None, "announce": print,
                                         "checkpoint": None, "checkpoint_seconds": 1.0}  # fmt: skip
    yield "resume", cgrosim.resume, {"path": path, "progress": None, "announce": None, "checkpoint_seconds": 1.0}
    yield "load", cgrosim.load, {"path": path}
    yield "load_table", cgrosim.load_table, {"path": path}
    yield "compare", cgrosim.compare, {"first": _run(), "second": _run(), "tolerance": 1e-9}
    yield "predict", cgrosim.predict, {"params_or_run": PARAMS}
    yield "stack", cgrosim.stack, {"runs": [_run()], "steps": [0, 1]}
    yield "memorised", cgrosim.memorised, {"share": 0.5}
    yield "sweep", cgrosim.sweep, {"params": PARAMS, "over": {"gap": [0.1]}, "seeds": 1, "keep": None, "points": None,
                                   "record_at": None, "until": None, "predicted_seeds": 0, "out": None,
                                   "workers": None, "scheduler": None, "executor": None, "watch": None,
                                   "most_cells": 10}  # fmt: skip
    yield "verify", cgrosim.verify, {"claims": ["none such"], "context": None, "files": (), "since": None,
                                     "workers": 1, "progress": None}  # fmt: skip
    yield "measure_power", cgrosim.claims.measure_power, {"claims": ["none such"], "context": None, "files": (),
                                                          "parameters": ["gap"], "workers": 1}  # fmt: skip
    yield "Context", cgrosim.claims.Context, {"effort": "quick", "seed": 0}


def results():
    """What can be asked of results."""
    run, path = _run(), NOWHERE
    yield "Run.final", run.final, {"name": "signal"}
    yield "Run.values", run.values, {"name": "signal"}
    yield "Run.on_grid", run.on_grid, {"steps": [0, 1]}
    yield "Run.save", run.save, {"path": path, "with_start": False}
    yield "Run.plot", run.plot, {"predictions": None}
    compared = cgrosim.compare(run, run)
    yield "Comparison.parts_at", compared.parts_at, {"name": "clean_loss"}
    predicted = cgrosim.predict(PARAMS)
    yield "Predictions.value", predicted.value, {"name": "coupling"}
    yield "Predictions.item", predicted.__getitem__, {"name": "coupling"}
    yield "Predictions.plot", predicted.plot, {"run": run}
    table = _table()
    yield "Table.values", table.values, {"quantity": "clean_loss"}
    yield "Table.final", table.final, {"quantity": "clean_loss"}
    yield "Table.intervals", table.intervals, {"quantity": "clean_loss", "confidence": 0.9, "kind": "quantiles"}
    yield "Table.sel", table.sel, {"gap": 0.1}
    yield "Table.params", table.params, {"gap": 0.1}
    yield "Table.to_netcdf", table.to_netcdf, {"path": path}
    yield "Table.to_zarr", table.to_zarr, {"path": path}
    yield "Table.plot", table.plot, {"quantity": "clean_loss", "x": None, "y": None}
    yield "Table.curves", table.curves, {"quantity": "clean_loss", "points": 20}
    yield "Params", cgrosim.Params, {"dimension": 60, "samples": 3}
    yield "Params.from_paper", cgrosim.Params.from_paper, {"dimension": 60, "samples": 3}
    yield "Params.replace", PARAMS.replace, {"seed": 3}
    yield "Params.from_toml", cgrosim.Params.from_toml, {"path": path}
    yield "show", cgrosim.classroom.show, {"run": run, "height": 300}
    for name in ("memorisation_law_figure", "neuron_plane_figure", "three_stage_figure"):
        given = {"predictions": None} if "plane" not in name else {"standard": None, "step": None}
        yield name, getattr(cgrosim.figures, name), {"run": run, **given}
    yield "neuron_plane_animation", cgrosim.figures.neuron_plane_animation, {
        "run": run, "standard": None, "path": path, "frames": 2}  # fmt: skip
    yield "panel_figure", cgrosim.figures.panel_figure, {"panel": None}
    yield "save_figure", cgrosim.figures.save_figure, {"figure": None, "path": path}


def attacks():
    """Of the images: attacks, networks and data."""
    images = cgrosim.images
    yield "Attack.fgsm", images.Attack.fgsm, {"radius": 0.1}
    yield "Attack.pgd", images.Attack.pgd, {"norm": "linf", "radius": 0.1, "steps": 1, "step_size": 0.1, "restarts": 1}
    yield "ClassMeanAttack", images.ClassMeanAttack, {"gap": 0.1}
    yield "load_dataset", images.load_dataset, {"name": "digits", "data_dir": None, "train_count": 20,
                                                "test_count": 20, "generator": np.random.default_rng(0),
                                                "progress": None}  # fmt: skip
    data = _data()
    given = {"network": _network(), "images": data.test_images, "labels": data.test_labels,
             "generator": np.random.default_rng(0)}  # fmt: skip
    attack = images.Attack.pgd("linf", 0.1, 1)
    yield "perturb", images.perturb, {**given, "attack": attack, "keep_worst": False}
    yield "worst_case", images.worst_case, {**given, "attack": attack, "progress": None, "among": None}
    yield "evaluate", images.evaluate, {**given, "attack": attack, "black_box_samples": 2, "black_box_queries": 1,
                                        "substitute": None, "progress": None}  # fmt: skip
    yield "square_attack", images.square_attack, {**given, "attack": attack, "queries": 1, "progress": None}
    yield "default_settings", images.default_settings, {"dataset": "digits", "architecture": None, "width": None,
                                                        "norm": "linf", "radius": None, "attack_steps": 1,
                                                        "evaluation_steps": 1, "epochs": 2}  # fmt: skip
    yield "final_attack", images.final_attack, {"settings": _settings(), "restarts": 1, "kind": "pgd"}
    yield "Dataset", images.Dataset, {"name": "mine", "train_images": data.train_images,
                                      "train_labels": data.train_labels, "test_images": data.test_images,
                                      "test_labels": data.test_labels, "class_names": ("a", "b")}  # fmt: skip
    yield "Dataset.subset", data.subset, {"train_count": 4, "test_count": 4, "generator": np.random.default_rng(0)}
    yield "lenet", images.lenet, {"width": 1, "input_shape": (28, 28, 1), "classes": 10}
    yield "stack3x3", images.stack3x3, {"width": 1, "input_shape": (32, 32, 3), "classes": 10}
    yield "patch_network", images.patch_network, {"input_shape": (8, 8, 1), "patch": 4, "filters": 2, "classes": 2,
                                                  "exponent": 3, "initial_scale": 0.1,
                                                  "readout": "class_sums"}  # fmt: skip
    yield "Architecture", images.Architecture, {"name": "mine", "input_shape": (8, 8, 1),
                                                "layers": (images.FullyConnected(2),), "patch": 1}  # fmt: skip


def trainings():
    """Of the images: trainings and experiments."""
    images, data, path = cgrosim.images, _data(), NOWHERE
    yield "Schedule", images.Schedule, {"name": "constant"}
    yield "Schedule.parse", images.Schedule.parse, {"text": "constant"}
    yield "Search", images.Search, {"steps": 1, "restarts": 0}
    yield "StageSettings", images.StageSettings, {"steps": 3}
    yield "Settings.replace", _settings().replace, {"epochs": 2}
    yield "landscape_of", images.landscape_of, {"settings": None, "networks": 1, "points": 2, "search": None}
    yield "Training.load", images.Training.load, {"path": path}
    yield "train", images.train, {"settings": None, "dataset": data, "checkpoint": None, "progress": None,
                                  "on_epoch": None}  # fmt: skip
    yield "new_network", images.new_network, {"architecture": None, "parameters": None}
    yield "final_accuracies", images.final_accuracies, {"training": None, "dataset": data, "attack": None}
    yield "run_experiment", images.run_experiment, {"experiment": None, "data": data, "folder": None}
    yield "images.load_table", images.load_table, {"path": path}
    yield "write_conclusion", images.write_conclusion, {"conclusion": None, "folder": path, "dpi": 50.0}


def strategies():
    """Of property testing: what is made before anything is drawn."""
    testing = cgrosim.testing
    growth = {"power": None, "relative_growth": None, "max_steps": 3}
    yield "growth_sequences", testing.growth_sequences, {**growth, "start": None, "constant_rate": False}
    yield "comparison_pairs", testing.comparison_pairs, {**growth, "rate_ratio": None, "advantage": None}
    yield "regimes", testing.regimes, {"regime": "cgro", "max_dimension": 10**6, "max_samples": 3, "max_neurons": 9}
    yield "data_sets", testing.data_sets, {"max_samples": 2, "max_patches": 2, "max_dimension": 3, "max_entry": 1.0}
    yield "weights", testing.weights, {"neurons": 2, "dimension": 3, "max_entry": 1.0}
    yield "log_uniform", testing.log_uniform, {"low": 0.1, "high": 2.0}
    yield "powers", testing.powers, {"low": 2.0, "high": 3.0}


def trouble(function, given):
    """What is wrong with how a call ends; nothing if it ends with a result or one sentence."""
    try:
        function(**given)
    except UserError as error:
        text = str(error)
        return "" if text.isprintable() and text.endswith((".", "?")) and len(text) < 2100 else f"said {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("surface", [runs, results, attacks, trainings, strategies])
def test_a_wrong_argument_is_refused_in_a_sentence(surface, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    for name, function, given in surface():
        for argument in given:
            for what, value in WRONG.items():
                if (callable(value) and argument in CALLED) or (argument, what) == ("claims", "empty"):  # all of them
                    continue
                came = trouble(function, {**given, argument: value})
                if came:
                    found.append(f"{name}({argument}={what}): {came}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cgrosim.load(5), "path is 5, but must be a path."),
        (lambda: cgrosim.simulate(PARAMS, untill=3), "simulate has no argument 'untill'; did you mean until?"),
        (lambda: cgrosim.simulate(PARAMS, until=cgrosim.grown), "until is a function, but must be a StopRule or None."),
        (lambda: cgrosim.stack(iter([3])), "runs is [3], but must be several (a Run each)."),
        (lambda: cgrosim.sweep(PARAMS, {"gap": [0.1]}, workers=10**400), "beyond 64 bits; give a smaller one."),
        (
            lambda: _run().final("signal_margn"),
            "is not recorded in this run; did you mean signal_margin?",
        ),
        (lambda: cgrosim.compare(_run(), 2), "second is 2, but must be a Run."),
        (lambda: cgrosim.compare(), "compare needs first, second; give what is missing."),
        (lambda: cgrosim.Params.from_paper(), "Params.from_paper needs dimension; give what is missing."),
        (lambda: cgrosim.Params.from_paper(samples=3), "Params.from_paper needs dimension; give what is missing."),
        (lambda: cgrosim.Params.from_paper(dimensoin=3), "no argument 'dimensoin'; did you mean dimension?"),
        (
            lambda: cgrosim.Params.from_paper(60, 3, samples=3),
            "signal_polylog, noise_polylog, init_polylog, gap_polylog.",
        ),
        (lambda: PARAMS.replace(3), "Params.replace: too many positional arguments; it takes nothing more."),
        (lambda: cgrosim.memorised(shar=0.5), "memorised has no argument 'shar'; did you mean share?"),
        (lambda: cgrosim.testing.growth_sequences(pwer=3), "no argument 'pwer'; did you mean power?"),
        (lambda: cgrosim.testing.growth_sequences(power=3.0), "but must be a SearchStrategy or None."),
        (lambda: cgrosim.testing.regimes("papre"), "regime is 'papre', but must be any or paper or cgro or standard."),
    ],
)
def test_what_is_said(call, said):
    with pytest.raises(UserError) as caught:
        call()
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (lambda: cgrosim.testing.regimes("cgro", max_neurons=3), "max_neurons is 3, but must be at least 8."),
        (lambda: cgrosim.testing.data_sets(max_patches=1), "max_patches is 1, but must be at least 2."),
        (lambda: cgrosim.testing.growth_sequences(max_steps=0), "max_steps is 0, but must be at least 1."),
    ],
)
def test_what_is_said_of_sizes_when_something_is_drawn(strategy, said):
    with pytest.raises(UserError) as caught:
        find(strategy(), lambda _: True)
    assert str(caught.value) == said


def test_what_fits_is_passed_on():
    """NumPy's numbers and whole floats are numbers, iterators are lists, and defaults are not judged."""
    table = cgrosim.sweep(PARAMS, {"gap": [0.1]}, seeds=np.int64(2), predicted_seeds=0.0, keep=iter(["clean_loss"]))
    assert table.data.sizes["seed"] == 2
    assert table.kept == ("clean_loss",)
    assert cgrosim.compare(_run(), _run(), tolerance=np.array(1)).tolerance == 1
