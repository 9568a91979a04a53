"""The theory's three stages, looked for on real images: its two-layer patch network, trained with and without attack.

The theory (arXiv 2306.01271v4, Section 5) has samples of a true feature ``alpha y w_star`` in one patch and noise in
the others. On real images the place of the true feature is taken by the class-mean part of every patch, and that of the
noise by what is left, a sample's residual: ``X_i[j] = common[j] + mu_{y_i,j} + xi_ij`` (see `ClassMeans`). The
margin of a sample then is ``U + V_i`` with U the margin of its class mean, and V_i holds besides the residual's own
margin ``R_i = sum_rj phi(v_rij)`` - the V_i of the theory - what the odd power mixes of both; in the theory the two
never meet in one patch, so V_i = R_i. Fresh samples, which nothing could memorise, are recorded the same way.

Training is full-batch gradient descent in float64; the bits do not depend on threads, and a run continued from its
checkpoint is the run that never stopped.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.archive import Archive, read_archive, write_archive
from cgrosim.files.kinds import Kind
from cgrosim.files.memory import memory_bytes
from cgrosim.files.schema import Expected, check_arrays
from cgrosim.files.versions import versions
from cgrosim.images.experiments.stage_records import VARIABLES, StageData, StageRecorder, assemble
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.network.layers import Architecture, initial_parameters
from cgrosim.images.network.patch_model import Array, ClassMeans, PatchNetwork, PatchSamples
from cgrosim.interrupts import Interrupts
from cgrosim.model.streams import StagesStream, stream
from cgrosim.progress import Progress

if TYPE_CHECKING:
    import xarray

    from cgrosim.images.data.datasets import Dataset

CHECKPOINT = Kind(
    "cgrosim image stages checkpoint 2",
    "checkpoint of the stages",
    "another place",
    "remove it",
    older=("cgrosim image stages checkpoint 1",),
)
COPIES = 8  # of weights and projections: attacked, descended, measured; and of what is recorded of a sample


def stage_data(settings: StageSettings, dataset: Dataset) -> StageData:
    """The images of the chosen classes, the draws of them, and the class means.

    The means are those of all training images of the classes, also of those not drawn: they stand for the population,
    so that a drawn sample's residual is not bound to cancel the residuals of the other drawn ones.

    Raises
    ------
    ParameterError
        If the data set has no such class, too few images, or images that the patches do not divide, or if it asks for
        more than memory holds.
    """
    from cgrosim.images.data.datasets import balanced_subset

    unknown = [k for k in settings.classes if not 0 <= k < dataset.classes]
    if unknown:
        raise ParameterError(
            f"classes contain {unknown[0]}, but {dataset.name} has the classes 0 to {dataset.classes - 1}."
        )
    check_memory(settings, dataset)
    train_images, train_labels = _of_classes(dataset.train_images, dataset.train_labels, settings.classes)
    test_images, test_labels = _of_classes(dataset.test_images, dataset.test_labels, settings.classes)
    means = ClassMeans.of(train_images, train_labels, len(settings.classes), settings.patch)
    if settings.samples is not None:
        drawn = balanced_subset(train_labels, settings.samples, stream(settings.seed, StagesStream.SUBSET))
        train_images, train_labels = train_images[drawn], train_labels[drawn]
    if settings.test_samples is not None and settings.test_samples < len(test_labels):
        drawn = balanced_subset(test_labels, settings.test_samples, stream(settings.seed, StagesStream.TEST_SUBSET))
        test_images, test_labels = test_images[drawn], test_labels[drawn]
    return StageData(train_images, train_labels, test_images, test_labels, means)


def run_stages(
    settings: StageSettings,
    data: StageData,
    *,
    weights: Array | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 20.0,
) -> xarray.Dataset:
    """Train and record.

    Parameters
    ----------
    settings : the run
    data : from `stage_data`, or made by hand
    weights : (m, d) initial filters; None draws them from the seed
    progress : called with a text and the share done
    checkpoint : file to save the state to and, if it is there, to continue from
    checkpoint_seconds : seconds between two checkpoints (0: after every step)

    Returns
    -------
    xarray.Dataset
        The variables of `cgrosim.images.experiments.stage_records.VARIABLES` with long names and units; parameters,
        seed, attacks, versions, the rules and what they say of the stages (``stages``, JSON), ``status``
        (``finished``, ``diverged`` or ``interrupted``) and ``message`` as attributes.
        Everything recorded until a divergence is there.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted before anything was recorded.
    FileError
        If the checkpoint is damaged, or of other settings, data or library versions.
    """
    architecture = settings.architecture(data.train_images.shape[1:])
    network = PatchNetwork(architecture, _start(settings, architecture, weights), data.means.common)
    recorder = StageRecorder(settings, data, network)
    run = _Run(settings, data, network, recorder, _header(settings, data, network.weights))
    if checkpoint is not None and checkpoint.is_file():
        _restore(run, checkpoint)
    status, message = _advance(run, progress, checkpoint, checkpoint_seconds)
    attributes = {"status": status, "message": message, "steps": run.step, "seconds": run.seconds}
    return assemble(settings, data, recorder.records, attributes)


def last_network(settings: StageSettings, data: StageData, run: xarray.Dataset) -> PatchNetwork:
    """The network of the last record, for further attacks on it."""
    architecture = settings.architecture(data.train_images.shape[1:])
    return PatchNetwork(architecture, run["weights"].values[-1], data.means.common)


@dataclass
class _Run:
    settings: StageSettings
    data: StageData
    network: PatchNetwork
    recorder: StageRecorder
    header: dict[str, Any]  # what a checkpoint must agree with
    step: int = 0
    seconds: float = 0.0


def record_steps(records: int, steps: int) -> NDArray[np.int64]:
    """The steps to record: 0, the last one, and a logarithmic grid between, without repeats."""
    count = max(2, math.ceil(records * math.log10(max(steps, 2))) + 1)
    return np.unique(np.concatenate([[0, steps], np.round(np.geomspace(1, steps, count)).astype(np.int64)]))


def _advance(
    run: _Run, progress: Progress | None, checkpoint: Path | None, checkpoint_seconds: float
) -> tuple[str, str]:
    """Train to the end; record on the grid, save now and then; status and message."""
    settings, recorder = run.settings, run.recorder
    grid = set(record_steps(settings.records, settings.steps).tolist())
    samples = run.network.samples(run.data.train_images, run.data.train_labels)
    began = saved = told = time.perf_counter()
    before = run.seconds
    with Interrupts() as interrupts:
        while True:
            run.seconds = before + time.perf_counter() - began
            if run.step in grid and run.step not in recorder.records["step"][-1:]:
                recorder.take(run.step, run.network)
            done = run.step == settings.steps
            if checkpoint is not None and (done or time.perf_counter() - saved >= checkpoint_seconds):
                _save(run, checkpoint)
                saved = time.perf_counter()
            if progress is not None and (done or time.perf_counter() - told >= 0.1):
                progress(f"step {run.step}", run.step / settings.steps)
                told = time.perf_counter()
            if done:
                return "finished", ""
            if interrupts.asked:
                if checkpoint is not None:
                    _save(run, checkpoint)
                return "interrupted", _interrupted(run.step)
            following = descended(run.network, samples, run.data.means, settings, run.step)
            if not np.isfinite(following).all():
                return "diverged", f"The weights overflow in step {run.step + 1}; take a smaller learning rate."
            run.network.weights[...] = following
            run.step += 1
    if not recorder.records["step"]:  # left within the compiler, before the first record
        raise KeyboardInterrupt
    return "interrupted", _interrupted(run.step)


def _interrupted(step: int) -> str:
    return f"Interrupted after step {step}; everything recorded until then is kept."


def descended(
    network: PatchNetwork, samples: PatchSamples, means: ClassMeans, settings: StageSettings, step: int
) -> Array:
    """The weights after one more step of gradient descent on (1 - lam) clean + lam adversarial loss."""
    lam, rate = settings.adversarial_weight, settings.learning_rate
    following = network.weights.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # a divergence is told of by its status
        if lam < 1.0:
            network.descend(samples.patches, samples.labels, rate * (1.0 - lam), following)
        if lam > 0.0:
            attacked = network.attacked(
                samples, means, settings.attack, stream(settings.seed, StagesStream.START, step)
            )
            network.descend(attacked, samples.labels, rate * lam, following)
    return following


def check_memory(settings: StageSettings, dataset: Dataset) -> None:
    """Refuse what memory does not hold: weights, projections of every patch with copies, and the records of both."""
    architecture = settings.architecture(dataset.input_shape)  # says whether the patches fit
    filters, pixels = settings.filters, settings.patch**2 * dataset.input_shape[2]
    patches = math.prod(dataset.input_shape[:2]) // settings.patch**2
    counts = zip((settings.samples, settings.test_samples), (dataset.train_labels, dataset.test_labels), strict=True)
    samples = sum(len(labels) if asked is None else min(asked, len(labels)) for asked, labels in counts)
    records = settings.records * math.log10(max(settings.steps, 2)) + 2
    recorded = filters * (pixels + patches * (2 + samples * settings.record_correlations)) + COPIES * samples
    if 8 * (COPIES * filters * (pixels + patches * samples) + records * recorded) > memory_bytes():
        raise ParameterError(
            f"{architecture.name} of {filters} filters on {samples} samples with {settings.records} records a decade "
            "needs more memory than there is; ask for less of them."
        )


def _of_classes(images: NDArray[Any], labels: NDArray[np.int64], classes: tuple[int, ...]) -> tuple[Any, Any]:
    kept = np.isin(labels, classes)
    place = {k: new for new, k in enumerate(classes)}
    return images[kept], np.array([place[int(k)] for k in labels[kept]], np.int64)


def _start(settings: StageSettings, architecture: Architecture, weights: Array | None) -> Array:
    shape = architecture.parameter_shapes["layer0.weight"][2:]
    if weights is None:
        drawn = initial_parameters(architecture, stream(settings.seed, StagesStream.INITIAL))["layer0.weight"]
        return drawn.reshape(shape).T.astype(np.float64)
    if weights.shape != shape[::-1]:
        raise ParameterError(f"weights have the shape {weights.shape}, but must be {shape[::-1]}.")
    return weights


def _header(settings: StageSettings, data: StageData, weights: Array) -> dict[str, Any]:
    digest = hashlib.sha256()
    for array in (data.train_images, data.train_labels, data.test_images, data.test_labels, data.means.parts, weights):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "params": settings.dump(),
        "versions": versions(),
        "data and start": digest.hexdigest(),
    }


def _save(run: _Run, path: Path) -> None:
    header = {**run.header, "step": run.step, "seconds": run.seconds}
    records = {f"record {name}": np.stack(values) for name, values in run.recorder.records.items() if values}
    write_archive(path, CHECKPOINT, header, {"weights": run.network.weights, **records})


def _restore(run: _Run, path: Path) -> None:
    archive = read_archive(path, CHECKPOINT)
    changed = [name for name, value in run.header.items() if archive.header.get(name) != value]
    if changed:
        raise FileError(f"{path} was written with other {', '.join(changed)}; remove it, or choose another place.")
    with CHECKPOINT.judging(path):
        step, seconds, records = archive.header["step"], archive.header["seconds"], archive.group("record ")
        if type(step) is not int or type(seconds) is not float or not 0.0 <= seconds < math.inf:
            raise ValueError("its step or its seconds are no numbers")
        _check_arrays(run, archive, step)
    run.network.weights[...] = archive.arrays["weights"]
    run.step, run.seconds = step, seconds
    run.recorder.records = {name: list(values) for name, values in records.items()}


def _check_arrays(run: _Run, archive: Archive, step: int) -> None:
    """Refuse arrays that are not those of the settings after `step` steps."""
    filters, pixels = run.network.weights.shape
    classes, patches = run.data.means.lengths.shape
    samples, fresh = len(run.data.train_labels), len(run.data.test_labels)
    sizes = {"filter": filters, "pixel": pixels, "class": classes, "patch": patches, "sample": samples, "fresh": fresh}
    grid = record_steps(run.settings.records, run.settings.steps)
    done = int(np.searchsorted(grid, step, side="right"))
    expected = {"weights": Expected("float64", (filters, pixels), "finite"), "record step": Expected("int64", (done,))}
    for name, (dims, _, _) in VARIABLES.items():
        if name != "noise_correlation" or run.settings.record_correlations:
            expected[f"record {name}"] = Expected("float64", (done, *(sizes[dim] for dim in dims)))
    check_arrays(archive.arrays, expected)
    if not 0 <= step <= run.settings.steps or not np.array_equal(archive.arrays["record step"], grid[:done]):
        raise ValueError("its recorded steps are not those of its settings")
