"""What the experiments start from on every data set; any of it can be changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.files.words import or_rather, quoted
from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.black_box import Square
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.attacks.standard import AnyAttack, Standard
from cgrosim.images.data.own.place import own_place, settled_name
from cgrosim.images.network.architectures import lenet, stack3x3
from cgrosim.images.network.layers import Architecture, Shape
from cgrosim.images.network.losses import check_loss
from cgrosim.images.training.schedules import Schedule
from cgrosim.images.training.settings import Settings
from cgrosim.model.settings import real_number

if TYPE_CHECKING:
    from cgrosim.images.data.own.found import Outline

Norm = Literal["linf", "l2"]
Kind = Literal["pgd", "apgd-ce", "apgd-dlr", "square", "standard"]
ARCHITECTURES: Mapping[str, Callable[[int, Shape, int], Architecture]] = {"lenet": lenet, "stack3x3": stack3x3}

STAGES = {"patch": 14, "samples": 1000, "learning_rate": 0.02, "initial_scale": 0.03, "steps": 3000,
          "test_samples": 500}  # fmt: skip
MIXED = {"subset": 1000, "validation": 500, "batch_size": 25, "adversarial_weight": 0.5}


@dataclass(frozen=True)
class Defaults:
    """Starting point of one data set: its shape, network, radius in each norm (pixels in [0, 1]), training, and what
    differs from `StageSettings` where the three stages are looked for.
    """

    input_shape: Shape
    classes: int
    architecture: str
    width: int
    linf_radius: float
    l2_radius: float
    training: Mapping[str, Any]
    stages: Mapping[str, Any] = field(default_factory=dict)


# Chosen so that so few images can be fitted under attack: digits in half a minute, the others in minutes. The radii
# are those of Madry et al. (2018) for MNIST and CIFAR-10, and the usual 0.1 for Fashion-MNIST. Of a thousand images
# MNIST (at 0.3) and CIFAR-10 end in a constant prediction when the whole loss is adversarial, whatever learning rate
# was tried (0.002 to 0.02); half a clean loss leads out of it, on CIFAR-10 with a rate of 0.005 (at 0.01 and 0.02 the
# same network stays constant). Fashion-MNIST has the same loss for comparison.
DEFAULTS: Mapping[str, Defaults] = {
    "digits": Defaults(
        (8, 8, 1),
        10,
        "lenet",
        8,
        0.1,
        0.5,
        {"subset": 200, "validation": 200, "epochs": 60, "batch_size": 20, "learning_rate": 0.02},
    ),
    "mnist": Defaults((28, 28, 1), 10, "lenet", 8, 0.3, 2.0, {**MIXED, "epochs": 80, "learning_rate": 0.03}, STAGES),
    "fashion-mnist": Defaults(
        (28, 28, 1), 10, "lenet", 8, 0.1, 1.0, {**MIXED, "epochs": 100, "learning_rate": 0.03}, STAGES
    ),
    "cifar-10": Defaults(
        (32, 32, 3),
        10,
        "stack3x3",
        32,
        8.0 / 255.0,
        0.5,
        {**MIXED, "epochs": 100, "learning_rate": 0.005, "schedule": Schedule("piecewise", (0.75, 0.9), 0.1)},
        {**STAGES, "patch": 16, "learning_rate": 0.005},
    ),
}
ATTACK_STEPS, EVALUATION_STEPS, RESTARTS = 7, 10, 5


def defaults_of(dataset: str) -> Defaults:
    """The starting point of a data set; of images of one's own by their size and number.

    Raises
    ------
    UserError
        If there is none of this name, or no images are at this path.
    """
    if dataset in DEFAULTS:
        return DEFAULTS[dataset]
    place = own_place(dataset)
    if place is None:
        raise ParameterError(
            f"dataset is {quoted(dataset)}, but must be one of {', '.join(DEFAULTS)}, or the path of images of your "
            f"own (an .npz file, or a folder with one folder a class){or_rather(dataset, DEFAULTS)}"
        )
    from cgrosim.images.data.own.load import outline_of

    return _own_defaults(outline_of(place))


def _own_defaults(outline: Outline) -> Defaults:
    """LeNet for grey images, the stack for colour; radii as for Fashion-MNIST and CIFAR-10; a tenth for validation."""
    height, width, channels = outline.input_shape
    least, classes = min(outline.train_counts), len(outline.class_names)
    colour = DEFAULTS["cifar-10"] if channels > 1 else DEFAULTS["fashion-mnist"]
    training = {"validation": classes * max(1, least // 10), "epochs": 30, "batch_size": 25,
                "learning_rate": 0.02 if channels == 1 else 0.005, "adversarial_weight": 0.5}  # fmt: skip
    # the largest squares of which an image has at least two in every row
    side = math.gcd(height, width)
    patch = max(
        each for each in range(1, side + 1) if side % each == 0 and (each == 1 or 2 * each <= min(height, width))
    )
    stages = {**(STAGES if min(height, width) >= 16 else {}), "patch": patch, "samples": min(1000, 2 * least),
              "test_samples": min(500, 2 * min(outline.test_counts))}  # fmt: skip
    return Defaults(outline.input_shape, classes, colour.architecture, colour.width, colour.linf_radius,
                    colour.l2_radius, training, stages)  # fmt: skip


@checked
def default_settings(
    dataset: str | Path,
    *,
    architecture: str | Architecture | None = None,
    width: int | None = None,
    norm: Norm = "linf",
    radius: float | str | None = None,
    attack_steps: int = ATTACK_STEPS,
    evaluation_steps: int = EVALUATION_STEPS,
    **changes: Any,
) -> Settings:
    """Settings of a training on a data set, where nothing else is said.

    Parameters
    ----------
    dataset : name of a data set, or path of images of your own, as `load_dataset` takes it
    architecture : ``lenet`` or ``stack3x3``, or a network of your own for images of this shape
    width : of ``lenet`` or ``stack3x3``
    radius : of the attack in `norm`, pixels in [0, 1]; a ratio such as ``8/255`` as text
    attack_steps, evaluation_steps : of PGD in training and in the measurement after every epoch
    **changes : fields of `Settings`

    Raises
    ------
    UserError
        If a value makes no sense, or there are no images at the path.
    """
    dataset = settled_name(str(dataset))
    start = defaults_of(dataset)
    if norm not in ("linf", "l2"):
        raise ParameterError(f"norm is {norm!r}, but must be linf or l2.")
    if radius is None:
        radius = start.linf_radius if norm == "linf" else start.l2_radius
    length: Any = real_number(radius)  # what is no number is refused with the attack
    network = _network(start, architecture, width)
    attack, evaluation = (Attack.pgd(norm, length, steps) for steps in (attack_steps, evaluation_steps))
    schedule = Schedule("piecewise", (0.6, 0.85), 0.1)
    return Settings(dataset, network, attack, evaluation, **{"schedule": schedule, **start.training, **changes})


def _network(start: Defaults, architecture: str | Architecture | None, width: int | None) -> Architecture:
    """The network asked for, or a data set's own."""
    if isinstance(architecture, Architecture):
        if width is not None:
            raise ParameterError(f"width is {width}, but {architecture.name} has its own; leave one of them out.")
        return architecture
    name = start.architecture if architecture is None else architecture
    if name not in ARCHITECTURES:
        raise ParameterError(
            f"architecture is {quoted(name)}, but must be one of {', '.join(ARCHITECTURES)}"
            f"{or_rather(name, ARCHITECTURES)}"
        )
    width = start.width if width is None else width
    if width < 1:
        raise ParameterError(f"width is {width}, but must be at least 1.")
    return ARCHITECTURES[name](width, start.input_shape, start.classes)


@checked
def final_attack(settings: Settings, restarts: int = RESTARTS, kind: Kind = "pgd") -> AnyAttack:
    """The stronger attack of final numbers, in the ball of every epoch's measurement.

    Parameters
    ----------
    restarts : of PGD, which takes twice the steps of every epoch's measurement
    kind : ``pgd``; ``apgd-ce``, ``apgd-dlr`` (targeted where there are the classes for it) or ``square``; ``standard``
        is the worst of them image by image

    Raises
    ------
    ParameterError
        If there are no restarts, or too few classes for the ratio of logits.
    """
    attack, classes = settings.evaluation_attack, settings.architecture.classes
    if kind == "standard":
        return Standard(attack.norm, attack.radius, pgd_steps=2 * attack.steps, pgd_restarts=restarts)
    if kind == "square":
        return Square(attack.norm, attack.radius)
    if kind == "apgd-ce":
        return AutoPGD(attack.norm, attack.radius, "ce")
    if kind == "apgd-dlr":
        check_loss("dlr", classes)
        return AutoPGD(attack.norm, attack.radius, "dlr-targeted" if classes > 3 else "dlr")
    return Attack.pgd(attack.norm, attack.radius, 2 * attack.steps, restarts=restarts)
