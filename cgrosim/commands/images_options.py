"""Options of the commands on images: given as text, read here, with one sentence for what cannot be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.settings import Settings


def whole_number(name: str, text: str) -> int:
    """A whole number."""
    from cgrosim.errors import ParameterError

    try:
        return int(text)
    except ValueError:
        raise ParameterError(f"{name} is {text!r}, but must be a whole number.") from None


def real_number(name: str, text: str) -> float:
    """A number, or a fraction as in 8/255."""
    from cgrosim.errors import ParameterError

    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise ParameterError(f"{name} is {text!r}, but must be a number, as 0.1 or 8/255.") from None


def _count_or_all(name: str, text: str) -> int | None:
    return None if text == "all" else whole_number(name, text)


def _name(name: str, text: str) -> str:
    return text


def _schedule(name: str, text: str) -> Any:
    from cgrosim.images.training.schedules import Schedule

    return Schedule.parse(text)


# name -> what stands for the value in the help, the help, how the text is read
OPTIONS: dict[str, tuple[str, str, Callable[[str, str], Any]]] = {
    "subset": ("INT|all", "training images, class-balanced (default: 200 of digits, else 1000)",
               _count_or_all),
    "architecture": ("lenet|stack3x3", "network (default: lenet, for cifar-10 stack3x3)", _name),
    "width": ("INT", "capacity factor of lenet, filters of stack3x3 (default: 8, for cifar-10 32)", whole_number),
    "epochs": ("INT", "passes over the training images (default: 60 for digits, mnist 80, else 100)", whole_number),
    "batch_size": ("INT", "images a step (default: 20 for digits, else 25)", whole_number),
    "learning_rate": ("NUMBER", "of gradient descent (default: digits 0.02, cifar-10 0.005, else 0.03)", real_number),
    "momentum": ("NUMBER", "of gradient descent (default: 0.9)", real_number),
    "weight_decay": ("NUMBER", "of gradient descent (default: 0)", real_number),
    "schedule": ("NAME", "constant, cosine, cyclic or piecewise:SHARES:FACTOR (default: piecewise:0.6,0.85:0.1, "
                 "for cifar-10 0.75,0.9)",
                 _schedule),
    "adversarial_weight": ("NUMBER", "lam in (1 - lam) clean + lam adversarial loss (default: 1 for digits, "
                           "else 0.5)", real_number),
    "norm": ("linf|l2", "of the attack (default: linf)", _name),
    "radius": ("NUMBER", "of the attack, pixels in [0, 1], 8/255 for example (default for linf: 0.1, mnist 0.3, "
               "cifar-10 8/255)", real_number),
    "attack_steps": ("INT", "PGD steps in training (default: 7)", whole_number),
    "evaluation_steps": ("INT", "PGD steps after every epoch; final numbers take twice as many (default: 10)",
                         whole_number),
    "evaluation_samples": ("INT", "training, validation and test images measured, at most (default: 1000 of each)",
                           whole_number),
    "validation": ("INT", "training images put aside to select the best epoch (default: 200 of digits, else 500)",
                   whole_number),
    "seed": ("INT", "of everything random (default: 0)", whole_number),
}  # fmt: skip


def _make_options() -> Any:
    def told(metavar: str, text: str) -> Any:
        return Annotated[str | None, tyro.conf.arg(help=text, metavar=metavar, help_behavior_hint="")]

    folder = Annotated[
        Path | None,
        tyro.conf.arg(
            help="folder of the files (default: CGROSIM_DATA, else a checked download)",
            metavar="DIR",
            help_behavior_hint="",
        ),
    ]
    fields: list[tuple[str, Any, Any]] = [
        ("dataset", told("NAME", "digits, mnist, fashion-mnist or cifar-10 (default: digits)"), None),
        ("data_dir", folder, None),
        *((name, told(metavar, text), None) for name, (metavar, text, _) in OPTIONS.items()),
    ]
    return dataclasses.make_dataclass("TrainingOptions", fields, frozen=True)


TrainingOptions = _make_options()


def settings_from(options: Any, **changes: Any) -> Settings:
    """The settings of the data set, changed by the options that were given and then by `changes`.

    Raises
    ------
    UserError
        If a value is bad, in one sentence.
    """
    from cgrosim.images.training.defaults import default_settings

    texts = {name: getattr(options, name) for name in OPTIONS}
    given = {name: OPTIONS[name][2](name, text) for name, text in texts.items() if text is not None}
    return default_settings(options.dataset or "digits", **{**given, **changes})


def dataset_from(options: Any, progress: Callable[[str, float], None] | None = None) -> Dataset:
    """The whole data set that the options name.

    Raises
    ------
    UserError
        If it is unknown, or its files are missing or damaged.
    """
    from cgrosim.images.data.datasets import load_dataset

    return load_dataset(options.dataset or "digits", options.data_dir, progress=progress)
