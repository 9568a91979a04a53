"""Standard and adversarial training by stochastic gradient descent; a killed training goes on bit-identically.

Every random draw comes from a stream keyed by the seed, the purpose and the epoch, so that no generator has to be
saved: an epoch is a function of the settings, its number, and the parameters and velocity it starts from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.arguments import checked
from cgrosim.images.network.layers import Architecture, initial_parameters
from cgrosim.images.training.augmentation import draw_moves
from cgrosim.images.training.averaging import Average
from cgrosim.images.training.file import HISTORY, Parameters, Status, Training, continuable
from cgrosim.images.training.measuring import AVERAGED, measure, measured_names, measuring_work
from cgrosim.images.training.objective import accumulate, training_work
from cgrosim.images.training.samples import TrainingData, training_data
from cgrosim.images.training.selection import confirmed_accuracy, least_to_beat
from cgrosim.images.training.settings import Settings
from cgrosim.interrupts import Interrupts
from cgrosim.model.streams import TrainingStream, stream
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset

__all__ = ["Settings", "Training", "new_network", "train", "work"]


@checked
def new_network(architecture: Architecture, parameters: Parameters) -> Any:
    """A network with these parameters on the compiled kernels."""
    from cgrosim.images.network.network import Network

    return Network(architecture, parameters)


@checked
def train(
    settings: Settings,
    dataset: Dataset | None = None,
    *,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    on_epoch: Callable[[int, Any], None] | None = None,
    until: Callable[[Training], bool] | None = None,
) -> Training:
    """Train a network.

    Parameters
    ----------
    settings
        What to train.
    dataset
        The whole data set; without it, the one that ``settings.dataset`` names is loaded. Training and validation
        images are drawn from its training images.
    checkpoint
        File written after every epoch, atomically. If it exists and its settings are these, the training goes on from
        it bit for bit as if it had never stopped; if it is finished there, it is returned.
    progress
        Called after every step with a word and the share done.
    on_epoch
        Called with the number of every epoch done in this call and the network after it (not to be changed).
    until
        Asked after every epoch done in this call; where it holds the training is finished, before its last epoch.

    Returns
    -------
    Training
        Also when it diverged or was interrupted: ``status`` and ``message`` say so, and all whole epochs are there.

    Raises
    ------
    ParameterError
        If the settings contradict the data.
    FileError
        If the checkpoint is damaged, of other settings, of other data, or of other library versions.
    """
    if dataset is None:
        from cgrosim.images.data.datasets import load_dataset

        dataset = load_dataset(settings.dataset)
    data = training_data(settings, dataset)
    found = None if checkpoint is None else continuable(checkpoint, settings, dataset.digest)
    if found is not None and found.status in ("finished", "diverged"):
        return found
    training = replace(found or _start(settings, dataset.digest), status="running", message="")
    run = _Run(settings, data, new_network(settings.architecture, training.last), progress)
    run.network.set_velocity(training.velocity)
    with Interrupts() as run.interrupts:
        while training.status == "running":
            training = _next_epoch(run, training)
            if checkpoint is not None:
                training.save(checkpoint)
            if on_epoch is not None and training.status != "diverged":
                on_epoch(training.epochs_done, run.network)
            if until is not None and training.status == "running" and until(training):
                training = replace(training, status="finished")
    if run.interrupts.left:
        return replace(training, status="interrupted", message=_interrupted(training.epochs_done + 1))
    return training


def _interrupted(epoch: int) -> str:
    return f"Interrupted in epoch {epoch}; everything up to epoch {epoch - 1} is kept."


def work(settings: Settings, dataset: Dataset) -> float:
    """How much a training costs, in passes of one image through the network: to share out one progress bar."""
    data = training_data(settings, dataset)
    return sum(sum(_costs(settings, data, epoch)) for epoch in range(1, settings.epochs + 1))


def _costs(settings: Settings, data: TrainingData, epoch: int) -> tuple[float, float]:
    """Work of descending and of measuring in an epoch."""
    averaged = settings.averages and settings.averaging.count(epoch, settings.epochs, 1) > 0
    return training_work(settings, len(data.train)), measuring_work(settings, data) * (2.0 if averaged else 1.0)


def _start(settings: Settings, data: str) -> Training:
    parameters = initial_parameters(settings.architecture, stream(settings.seed, TrainingStream.INITIAL))
    zero = {name: np.zeros_like(value) for name, value in parameters.items()}
    kept = {0: parameters} if 0 in settings.snapshots else {}
    names = (*HISTORY, *measured_names(settings))
    return Training(settings, {name: np.empty(0) for name in names}, parameters, zero, snapshots=kept, data=data)


@dataclass
class _Run:
    """What an epoch works with."""

    settings: Settings
    data: TrainingData
    network: Any
    progress: Progress | None
    interrupts: Interrupts = field(default_factory=Interrupts)
    told: str = ""  # the robust accuracies of the last epoch

    def report(self, epoch: int, share: float) -> None:
        """Say how far the training is, at a share of an epoch."""
        if self.progress is not None:
            text = f"epoch {epoch}/{self.settings.epochs}{self.told}"
            self.progress(text, (epoch - 1 + share) / self.settings.epochs)


class _Stopped(Exception):
    """An epoch that does not end: why the training stops, and in which words."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def _next_epoch(run: _Run, training: Training) -> Training:
    """The training after one more epoch, or stopped where it was."""
    began, settings = time.perf_counter(), run.settings
    epoch = training.epochs_done + 1
    average = Average(settings.averaging, training.averaged, training.averaged_networks)
    try:
        loss, rate = _descend(run, epoch, average)
        row = {"epoch": epoch, "learning_rate": rate, "train_loss": loss, **_measure(run, epoch, average)}
        standing, prefix = _standing(run, average)
        measured = row[f"{prefix}robust_validation"]
        accuracy = _confirmed(run, epoch, standing, measured, training) if settings.validation > 0 else None
    except _Stopped as stop:
        return replace(training, status=stop.status, message=stop.message)
    run.told = f", robust train {row['robust_train']:.0%}, test {row['robust_test']:.0%}"
    parameters = run.network.parameters()
    return replace(
        training,
        history={name: np.append(training.history[name], row[name]) for name in training.history},
        last=parameters,
        velocity=run.network.velocity(),
        best=training.best if accuracy is None else standing.parameters(),
        best_epoch=training.best_epoch if accuracy is None else epoch,
        best_accuracy=training.best_accuracy if accuracy is None else accuracy,
        snapshots={**training.snapshots, epoch: parameters} if epoch in settings.snapshots else training.snapshots,
        averaged=average.mean(),
        averaged_networks=average.count,
        status="finished" if epoch == settings.epochs else "running",
        seconds=training.seconds + time.perf_counter() - began,
    )


def _descend(run: _Run, epoch: int, average: Average) -> tuple[float, float]:
    """One epoch of descent, with its networks taken into the average; the mean loss and the last learning rate."""
    from cgrosim.images.network.network import NonFiniteError

    settings, samples = run.settings, run.data.train
    generator = stream(settings.seed, TrainingStream.EPOCH, epoch)
    order = generator.permutation(len(samples))
    moves = draw_moves(settings, epoch, len(samples))
    batches = [order[at : at + settings.batch_size] for at in range(0, len(order), settings.batch_size)]
    share = _training_share(run, epoch)
    total = rate = 0.0
    for step, batch in enumerate(batches):
        if run.interrupts.asked:
            raise _Stopped("interrupted", _interrupted(epoch))
        rate = settings.schedule.rate(settings.learning_rate, (epoch - 1 + step / len(batches)) / settings.epochs)
        attack = settings.attack_at((epoch - 1 + (step + 1) / len(batches)) / settings.epochs)
        seen = samples.take(batch) if moves is None else moves.of(samples, batch)
        try:
            loss = accumulate(run.network, settings, seen, attack, generator)
            if not math.isfinite(loss):
                raise NonFiniteError(f"the loss is {loss}")
        except NonFiniteError as error:
            raise _diverged(settings, epoch, step, str(error)) from None
        run.network.step(rate, settings.momentum, settings.weight_decay)
        if settings.averaging.name == "ema":
            average.add(run.network.parameters())
        total += loss * len(batch)
        run.report(epoch, share * (step + 1) / len(batches))
    if settings.averaging.after_epoch(epoch / settings.epochs):
        average.add(run.network.parameters())
    return total / len(samples), rate


def _training_share(run: _Run, epoch: int) -> float:
    descending, measuring = _costs(run.settings, run.data, epoch)
    return descending / (descending + measuring)


def _standing(run: _Run, average: Average) -> tuple[Any, str]:
    """The network that an epoch is judged by, the average once there is one, and how its accuracies' names begin."""
    mean = average.mean()
    return (run.network, "") if mean is None else (new_network(run.settings.architecture, mean), AVERAGED)


def _confirmed(run: _Run, epoch: int, network: Any, measured: float, training: Training) -> float | None:
    """Robust accuracy on the validation images after all attacks, if it is the largest so far."""
    from cgrosim.images.network.network import NonFiniteError

    beaten, validation = least_to_beat(training), run.data.measured["validation"]
    try:
        return confirmed_accuracy(network, run.settings, validation, measured, beaten)
    except NonFiniteError as error:
        raise _diverged(run.settings, epoch, None, str(error)) from None


def _measure(run: _Run, epoch: int, average: Average) -> dict[str, float]:
    """Accuracies of the network and, if weights are averaged, of their average."""
    from cgrosim.images.network.network import NonFiniteError

    settings, share = run.settings, _training_share(run, epoch)
    mean = average.mean()
    networks = [run.network, *(() if mean is None else (new_network(settings.architecture, mean),))]
    found = dict.fromkeys(measured_names(settings), math.nan)
    try:
        for part, network in enumerate(networks):

            def tell(done: float, part: int = part) -> None:
                run.report(epoch, share + (1.0 - share) * (part + done) / len(networks))

            measured = measure(network, settings, run.data, tell)
            found |= {f"{AVERAGED if part else ''}{name}": value for name, value in measured.items()}
    except NonFiniteError as error:
        raise _diverged(settings, epoch, None, str(error)) from None
    return found


def _diverged(settings: Settings, epoch: int, step: int | None, reason: str) -> _Stopped:
    where = f"after the last step of epoch {epoch}" if step is None else f"at step {step + 1} of epoch {epoch}"
    return _Stopped(
        "diverged",
        f"Diverged {where}: {reason.rstrip('.')}. Take a smaller learning rate than {settings.learning_rate:g}, for "
        f"example {settings.learning_rate / 3:.2g}.",
    )
