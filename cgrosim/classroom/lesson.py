"""Lessons between the page and Python: a pupil's file becomes an experiment, a run becomes a page's start."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.classroom.generator import LARGEST_SEED, draw_start
from cgrosim.errors import FileError, UserError
from cgrosim.files.texts import TooLarge, read_text
from cgrosim.files.words import quoted, shown
from cgrosim.model.params import Params
from cgrosim.model.sampling import Array, ClosedSystem

if TYPE_CHECKING:
    from cgrosim.run.results import Run

KIND, VERSION = "cgrosim-lesson", 1
MOST_ROWS = 400  # noise patches of a run that a page can follow, and neurons
CURES = ("weight_decay", "label_smoothing", "label_noise")
UNKNOWN = {"momentum": 0.0, "batch_size": None, "unlearnable_fraction": 0.0}
"""What the page does not train with, and its value in a run that the page can take."""


@dataclass(frozen=True)
class Lesson:
    """What a lesson file describes: an experiment and what it starts from."""

    params: Params
    start: ClosedSystem


def read_lesson(path: str | Path, changes: dict[str, Any] | None = None) -> Lesson:
    """Read a file that the page exported.

    Parameters
    ----------
    path
        The lesson file.
    changes
        Parameters to take instead of those in the file; the start stays that of the file.

    Raises
    ------
    FileError
        If the file cannot be read, is none of the page's, or its start is not the one its seed gives.
    ParameterError
        If a parameter is impossible.
    """
    content = _read(Path(path))
    given = content.get("parameters")
    signal = content.get("signal")
    if content.get("kind") != KIND or not isinstance(given, dict) or not isinstance(signal, list):
        raise FileError(f"{shown(path)} is no lesson file; export one from the classroom page.")
    if content.get("version") != VERSION:
        raise FileError(
            f"{shown(path)} is a lesson of version {quoted(content.get('version'))}, but this is version {VERSION}; "
            "write the page again and export from it."
        )
    params = Params(**{str(name): value for name, value in given.items()})
    if content.get("generator") == "given":
        start = _stored(path, content, params)
    else:
        start = _drawn(path, params)
    if signal != start.signal.tolist():
        raise FileError(f"{shown(path)} was changed, or is of another generator: its seed gives another start.")
    return Lesson(params.replace(**changes) if changes else params, start)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except FileNotFoundError:
        raise FileError(f"{shown(path)} does not exist; export a lesson from the classroom page.") from None
    except OSError as error:
        raise FileError(f"{shown(path)} cannot be read ({error.strerror or error}).") from None
    except TooLarge:
        raise FileError(f"{shown(path)} is larger than any lesson file; export one from the classroom page.") from None
    except (ValueError, RecursionError):
        raise FileError(f"{shown(path)} is no lesson file; export one from the classroom page.") from None
    return found if isinstance(found, dict) else {}


def _drawn(path: str | Path, params: Params) -> ClosedSystem:
    if params.dimension - 1 < params.noise_patches + params.neurons or _too_large(params):
        raise FileError(f"{shown(path)} describes a start that no page draws; export one from the classroom page.")
    if params.seed > LARGEST_SEED:
        raise FileError(f"{shown(path)} has the seed {params.seed}, which is beyond what a page holds.")
    return draw_start(params)


def _too_large(params: Params) -> bool:
    """Whether a page would not follow an experiment, nor the drawing of its start come to an end."""
    return max(params.noise_patches, params.neurons) > MOST_ROWS


def _stored(path: str | Path, content: dict[str, Any], params: Params) -> ClosedSystem:
    """The start a page was given by Python, as it hands it on."""
    rows, m = params.noise_patches, params.neurons
    shapes = {
        "labels": (params.samples,),
        "truth": (params.samples,),
        "noise": (rows, m),
        "gram": (rows, rows),
        "weight_gram": (m, m),
    }
    kept = content.get("start")
    try:
        arrays = {name: _numbers(kept[name]).reshape(shape) for name, shape in shapes.items()}  # type: ignore[index]
        signal = _numbers(content["signal"]).reshape(m)
    except (KeyError, TypeError, ValueError):
        raise FileError(f"{shown(path)} holds no whole start; export it again from the classroom page.") from None
    return ClosedSystem(
        labels=arrays["labels"],
        signal=signal,
        noise=arrays["noise"],
        gram=arrays["gram"],
        weight_gram=arrays["weight_gram"],
        second_layer=np.ones(m),
        features=arrays["truth"] if np.any(arrays["truth"] != 1.0) else None,
    )


def _numbers(listed: Any) -> Array:
    """Lists of numbers as an array; NumPy alone would read texts and truth values as numbers too.

    Raises
    ------
    ValueError
        If they hold anything else.
    """
    found = np.asarray(listed)
    if found.dtype.kind not in "if":
        raise ValueError("not numbers")
    return found.astype(np.float64)


def given_of(run: Run, name: str) -> dict[str, Any]:
    """The start of a run as a page carries it.

    Parameters
    ----------
    run
        A run of the odd power activation under a threat that moves only the true feature.
    name
        What the page calls it.

    Raises
    ------
    UserError
        If the page's model is not that of the run, or the run is too large for a page.
    """
    params = run.params
    if params.activation != "power" or params.second_layer_sign != "positive" or params.threat != "signal_span":
        raise UserError(
            f"The page knows the odd power activation and threat signal_span, but this run has {params.activation} and "
            f"{params.threat}; take another run."
        )
    unknown = [name for name, plain in UNKNOWN.items() if getattr(params, name) != plain]
    if unknown:
        raise UserError(f"The page knows no {unknown[0]}, but this run has; take another run.")
    if _too_large(params):
        raise UserError(
            f"The run has {params.noise_patches} noise patches and {params.neurons} neurons, but a page follows "
            f"{MOST_ROWS} of each at most; take a smaller run."
        )
    start = run.start
    if start.gram is None:
        from cgrosim.model.sampling import close_system

        assert start.data is not None
        assert start.weights is not None
        start = close_system(start.data, start.weights, start.second_layer)
    assert start.gram is not None
    arrays = {"signal": start.signal, "noise": start.noise, "gram": start.gram, "weight_gram": start.weight_gram}
    labels = start.labels.tolist()
    truth = [1.0] * len(labels) if start.features is None else start.features.tolist()
    return {
        "name": name,
        "settings": {
            **{name: getattr(params, name) for name in _CARRIED},
            **{name: getattr(params, name) for name in CURES},
        },
        "state": _state_of(params),
        "start": {"labels": labels, "truth": truth, **{key: _packed(each) for key, each in arrays.items()}},
    }


_CARRIED = (
    "dimension", "patches", "samples", "neurons", "power", "signal_strength", "noise_std", "init_std", "gap",
    "adversarial_weight", "learning_rate", "threat", "seed",
)  # fmt: skip


def _packed(array: Array) -> list[float]:
    return np.ravel(array).tolist()


def _state_of(params: Params) -> dict[str, Any]:
    """The page's controls nearest to the parameters; what is computed comes from the parameters themselves."""
    d = float(params.dimension)
    return {
        "attack": params.adversarial_weight > 0.0,
        "gap": params.gap,
        "lam": params.adversarial_weight or 0.5,
        "samples": params.samples,
        "noise": params.noise_std / math.pow(d, -0.509),
        "signal": params.signal_strength / math.pow(d, 0.249),
        "flips": params.label_noise,
        "dimension": params.dimension,
        "patches": params.patches,
        "width": params.neurons,
        "power": params.power,
        "seed": params.seed % (LARGEST_SEED + 1),
        "decay": params.weight_decay,
        "smoothing": params.label_smoothing,
        "rate": params.learning_rate * params.signal_strength**2 / 0.1 if params.signal_strength else 1.0,
        "lesson": 0,
    }
