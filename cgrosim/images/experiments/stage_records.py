"""What is recorded of the three stages on real images, and the labelled arrays made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import read_netcdf
from cgrosim.files.versions import versions
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.network.losses import cross_entropy, margins
from cgrosim.images.network.patch_model import Array, ClassMeans, Labels, PatchNetwork, PatchSamples
from cgrosim.model.streams import StagesStream, stream
from cgrosim.model.thresholds import MEMORISED

if TYPE_CHECKING:
    import xarray


STAGES = Kind(
    "cgrosim image stages 2",
    "run of the stages on images",
    "a file that 'cgrosim images stages' wrote",
    "remove it and train again",
    older=("cgrosim image stages 1",),
)

# name: (dimensions after "step", long name, units)
VARIABLES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "signal_correlation": (
        ("filter", "patch"),
        "correlation u of a filter with the class-mean direction of a patch, <w_r, mu_j> / |mu_j|",
        "1",
    ),
    "signal_margin": (("class",), "signal margin U: margin of the centred class mean image", "1"),
    "attacked_signal_margin": (("class",), "margin of the centred class mean image under attack", "1"),
    "margin": (("sample",), "clean margin of each training sample", "1"),
    "memorization": (("sample",), "V: clean margin minus the signal margin of the sample's class", "1"),
    "residual_margin": (("sample",), "R: margin of the residual (image minus its class mean) alone", "1"),
    "attacked_margin": (("sample",), "margin of each training sample under attack", "1"),
    "noise_correlation_max": (
        ("sample",),
        "largest residual correlation v = y <w_r, xi_ij> over filters and patches",
        "1",
    ),
    "filter_signal_max": (("filter",), "largest |mu_j| u of a filter over patches", "1"),
    "filter_noise_max": (("filter",), "largest residual correlation v over training samples and patches", "1"),
    "fresh_memorization": (("fresh",), "V of each test sample", "1"),
    "fresh_residual_margin": (("fresh",), "R of each test sample", "1"),
    "fresh_attacked_margin": (("fresh",), "margin of each test sample under attack", "1"),
    "clean_loss": ((), "clean training loss", "nat"),
    "adversarial_loss": ((), "training loss under the measuring attack", "nat"),
    "clean_train_accuracy": ((), "clean training accuracy", "1"),
    "robust_train_accuracy": ((), "robust training accuracy", "1"),
    "clean_test_accuracy": ((), "clean test accuracy", "1"),
    "robust_test_accuracy": ((), "robust test accuracy", "1"),
    "time": ((), "training time, learning_rate * step", "1"),
    "weights": (("filter", "pixel"), "filters; pixels of a patch in the order row, column, channel", "1"),
    "noise_correlation": (("filter", "sample", "patch"), "residual correlation v = y <w_r, xi_ij>", "1"),
}
STATIC = {
    "signal_length": (("class", "patch"), "length of the class-mean part of a patch, the analogue of alpha", "1"),
    "label": (("sample",), "class of each training sample, counted from 0", "1"),
    "fresh_label": (("fresh",), "class of each test sample, counted from 0", "1"),
}
TIMES = {
    "signal_growth_time": ((), "first recorded step with mean signal margin U >= 1"),
    "signal_stall_time": (
        (),
        "first recorded step after it from which U grows slower than sqrt(step), the clean loss being solved",
    ),
    "memorization_time": (("sample",), f"first recorded step with residual margin R >= {MEMORISED}"),
    "half_memorized_time": ((), f"first recorded step with R >= {MEMORISED} for half of the training samples"),
}


@dataclass(frozen=True, eq=False)
class StageData:
    """What a run is trained and measured on.

    Attributes
    ----------
    train_images, test_images : (n, h, w, c), pixels in [0, 1] where a pixel attack is used
    train_labels, test_labels : (n,), 0 to classes - 1 in the order in which the classes were named
    means : of all training images of the classes, also those not trained on: nearest to the population
    """

    train_images: NDArray[Any]
    train_labels: Labels
    test_images: NDArray[Any]
    test_labels: Labels
    means: ClassMeans


class StageRecorder:
    """Turns a network into records: signal, residuals, losses and accuracies on training and test samples."""

    def __init__(self, settings: StageSettings, data: StageData, network: PatchNetwork) -> None:
        self._settings, self._means = settings, data.means
        self.records: dict[str, list[Any]] = {"step": []}
        self._means_as_samples = network.class_means(data.means)
        self._train = network.samples(data.train_images, data.train_labels)
        self._test = network.samples(data.test_images, data.test_labels)
        self._groups = filter_classes(network)

    def take(self, step: int, network: PatchNetwork) -> None:
        """Record the network after `step` steps."""
        with np.errstate(over="ignore", invalid="ignore"):  # the last record before a divergence may overflow
            values = self._signal(network) | self._training(network) | self._testing(network)
        values |= {"time": self._settings.learning_rate * step, "weights": network.weights.copy()}
        self.records["step"].append(step)
        for name, value in values.items():
            self.records.setdefault(name, []).append(np.asarray(value, np.float64))

    def _signal(self, network: PatchNetwork) -> dict[str, Any]:
        means = self._means_as_samples
        directions = self._means.directions[self._groups]  # (m, P, d): a filter's own class
        correlation = np.einsum("rd,rjd->rj", network.weights, directions)
        return {
            "signal_correlation": correlation,
            "filter_signal_max": (correlation * self._means.lengths[self._groups]).max(axis=1),
            "signal_margin": network.margins(means.patches, means.labels),
            "attacked_signal_margin": network.margins(self._attacked(network, means, 0), means.labels),
        }

    def _training(self, network: PatchNetwork) -> dict[str, Any]:
        labels = self._train.labels
        scores = network.scores(network.projections(self._train.patches))
        hard = network.scores(network.projections(self._attacked(network, self._train, 1)))
        residual = network.projections(self._train.patches - self._means.parts[labels])
        signed = residual * np.where(self._groups == labels[:, None], 1.0, -1.0)[:, None, :]
        margin, attacked_margin = margins(scores, labels), margins(hard, labels)
        found = {
            "margin": margin,
            "memorization": margin - self._signal_margins(network)[labels],
            "residual_margin": margins(network.scores(residual), labels),
            "attacked_margin": attacked_margin,
            "noise_correlation_max": signed.max(axis=(1, 2)),
            "filter_noise_max": signed.max(axis=(0, 1)),
            "clean_loss": cross_entropy(scores, labels)[0].mean(),
            "adversarial_loss": cross_entropy(hard, labels)[0].mean(),
            "clean_train_accuracy": np.mean(margin > 0.0),
            "robust_train_accuracy": np.mean(np.minimum(margin, attacked_margin) > 0.0),
        }
        if self._settings.record_correlations:
            found["noise_correlation"] = np.moveaxis(signed, 2, 0)
        return found

    def _testing(self, network: PatchNetwork) -> dict[str, Any]:
        patches, labels = self._test.patches, self._test.labels
        margin = network.margins(patches, labels)
        attacked = network.margins(self._attacked(network, self._test, 2), labels)
        return {
            "fresh_memorization": margin - self._signal_margins(network)[labels],
            "fresh_residual_margin": network.margins(patches - self._means.parts[labels], labels),
            "fresh_attacked_margin": attacked,
            "clean_test_accuracy": np.mean(margin > 0.0),
            "robust_test_accuracy": np.mean(np.minimum(margin, attacked) > 0.0),
        }

    def _signal_margins(self, network: PatchNetwork) -> Array:
        return network.margins(self._means_as_samples.patches, self._means_as_samples.labels)

    def _attacked(self, network: PatchNetwork, samples: PatchSamples, part: int) -> Array:
        """Centred patches under the measuring attack, which draws the same numbers at every record."""
        generator = stream(self._settings.seed, StagesStream.EVALUATION, part)
        return network.attacked(samples, self._means, self._settings.measuring_attack, generator, keep_worst=True)


def filter_classes(network: PatchNetwork) -> Labels:
    """The class a filter speaks for: the one whose logit its activation raises."""
    return np.asarray(np.argmax(network.readout, axis=1), np.int64)


def assemble(
    settings: StageSettings, data: StageData, records: dict[str, list[Any]], attributes: dict[str, Any]
) -> xarray.Dataset:
    """Labelled arrays with long names, units, hitting times, and what the rules say of the stages, as attributes."""
    import xarray

    from cgrosim.images.experiments.stage_rules import RULES, times_of, verdicts

    steps = np.asarray(records["step"], np.int64)
    variables: dict[str, Any] = {
        name: (("step", *VARIABLES[name][0]), np.stack(values), _about(*VARIABLES[name][1:]))
        for name, values in records.items()
        if name != "step"
    }
    static = {"signal_length": data.means.lengths, "label": data.train_labels, "fresh_label": data.test_labels}
    variables |= {name: (STATIC[name][0], value, _about(*STATIC[name][1:])) for name, value in static.items()}
    signal = variables["signal_margin"][1].mean(axis=1)
    times = times_of(steps, signal, variables["residual_margin"][1], variables["clean_train_accuracy"][1])
    values = dict(zip(TIMES, (times.growth, times.stall, times.memorisation, times.half), strict=True))
    variables |= {name: (dims, values[name], _about(long_name, "step")) for name, (dims, long_name) in TIMES.items()}
    found = xarray.Dataset(
        variables,
        coords={
            "step": ("step", steps, _about("gradient steps", "step")),
            "class": ("class", list(settings.class_names), {"long_name": "class"}),
        },
        attrs={
            "format": STAGES.format,
            "params": json.dumps(settings.dump()),
            "seed": settings.seed,
            "attack": settings.attack_description,
            "versions": json.dumps(versions()),
            "rules": RULES,
            **attributes,
        },
    )
    judged = [{"stage": v.stage, "seen": bool(v.seen), "reason": v.reason} for v in verdicts(found)]
    return found.assign_attrs(stages=json.dumps(judged))


def load(path: str | Path) -> xarray.Dataset:
    """Read the file of a run.

    Raises
    ------
    FileError
        If the file is missing, truncated or foreign.
    """
    data = read_netcdf(path, STAGES)
    with STAGES.judging(path):
        _check(data)
    return data


def _check(data: xarray.Dataset) -> None:
    """Refuse a run whose arrays do not fit its parameters and one another."""
    params = json.loads(data.attrs["params"])
    if "step" not in data.coords:
        raise ValueError("its steps are missing")
    steps = data["step"].values
    if steps.dtype != np.int64 or steps.ndim != 1 or not len(steps) or np.any(np.diff(steps) <= 0):
        raise ValueError("its steps are not increasing whole numbers")
    if data.sizes["class"] != len(params["class_names"]) or data.sizes["filter"] != params["filters"]:
        raise ValueError("its classes or filters are not those of its parameters")
    known = {name: ("step", *dims) for name, (dims, _, _) in VARIABLES.items()}
    known |= {name: about[0] for name, about in STATIC.items()} | {name: about[0] for name, about in TIMES.items()}
    for name, dims in known.items():
        if name not in data:
            if name != "noise_correlation" or params["record_correlations"]:
                raise ValueError(f"{name} is missing")
        elif data[name].dims != dims or data[name].dtype.kind not in "if":
            raise ValueError(
                f"{name} holds {data[name].dtype} over {data[name].dims}, but must hold numbers over {dims}"
            )
    for name in ("status", "message", "rules", "attack"):
        if not isinstance(data.attrs[name], str):
            raise ValueError(f"{name} is no text")
    if not isinstance(json.loads(data.attrs["stages"]), list):
        raise ValueError("its stages are no list")


def _about(long_name: str, units: str) -> dict[str, str]:
    return {"long_name": long_name, "units": units}
