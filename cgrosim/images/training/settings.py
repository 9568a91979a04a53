"""What a training is: every number it depends on, validated, and written into its files."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.network import layers
from cgrosim.images.network.layers import Architecture
from cgrosim.images.training.schedules import CONSTANT, Schedule


@dataclass(frozen=True)
class Settings:
    """One training of one network; the same settings give the same bits.

    Attributes
    ----------
    dataset
        Name of the data set, for the reader and for `load_dataset`.
    architecture
        The network; its input shape and classes must be those of the data.
    attack, evaluation_attack
        What is trained against (unused where `adversarial_weight` is 0), and what every epoch is measured with.
    epochs, batch_size, learning_rate, momentum, weight_decay, schedule
        Stochastic gradient descent: v <- momentum v + gradient + weight_decay w; w <- w - rate v.
    adversarial_weight
        lam of the loss (1 - lam) clean + lam adversarial; 0 is standard training.
    validation
        Training images put aside, class-balanced, to select the best epoch by their robust accuracy; 0 selects none.
    subset
        Training images used, drawn class-balanced from the others; None uses all.
    evaluation_samples
        At most so many training, validation and test images are measured every epoch, the same ones every time.
    shuffle_labels
        Permute the labels of the training images: nothing but memorisation is then left to learn.
    snapshots
        Epochs after which the parameters are kept; 0 is the start.
    seed
        Of everything random. Split, subset, start and shuffles do not depend on the other settings, so that trainings
        of one seed are paired.

    Raises
    ------
    ParameterError
        If a value makes no sense.
    """

    dataset: str
    architecture: Architecture
    attack: Attack
    evaluation_attack: Attack
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Schedule = CONSTANT
    adversarial_weight: float = 1.0
    validation: int = 0
    subset: int | None = None
    evaluation_samples: int = 1000
    shuffle_labels: bool = False
    snapshots: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 1, "validation": 0, "evaluation_samples": 1, "seed": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ParameterError(f"{name} is {getattr(self, name)}, but must be at least {bound}.")
        if self.subset is not None and self.subset < 1:
            raise ParameterError(f"subset is {self.subset}, but must be at least 1.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0.0):
            raise ParameterError(f"learning_rate is {self.learning_rate:g}, but must be positive.")
        if not 0.0 <= self.momentum < 1.0:
            raise ParameterError(f"momentum is {self.momentum:g}, but must be at least 0 and below 1.")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0.0):
            raise ParameterError(f"weight_decay is {self.weight_decay:g}, but must be at least 0.")
        if not 0.0 <= self.adversarial_weight <= 1.0:
            raise ParameterError(f"adversarial_weight is {self.adversarial_weight:g}, but must lie between 0 and 1.")
        if any(not 0 <= epoch <= self.epochs for epoch in self.snapshots):
            raise ParameterError(f"snapshots are {self.snapshots}, but must lie between 0 and epochs = {self.epochs}.")

    @property
    def attack_description(self) -> str:
        """The exact attacks of training and of every epoch's measurement."""
        trained = (
            f"trained against {self.attack.describe()}" if self.adversarial_weight > 0 else "trained without attack"
        )
        return f"{trained}; measured every epoch by {self.evaluation_attack.describe()}"

    def replace(self, **changes: Any) -> Settings:
        """Return a validated copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def model_dump(self, mode: str = "json") -> dict[str, Any]:
        """The settings as plain numbers and texts, for JSON; `from_dump` reads them."""
        content = dataclasses.asdict(self)
        stack = [{"layer": type(layer).__name__, **dataclasses.asdict(layer)} for layer in self.architecture.layers]
        content["architecture"] |= {"layers": stack, "input_shape": list(self.architecture.input_shape)}
        content |= {"schedule": self.schedule.describe(), "snapshots": list(self.snapshots)}
        return content

    @classmethod
    def from_dump(cls, content: dict[str, Any]) -> Settings:
        """Rebuild settings from what `model_dump` gave."""
        described = content["architecture"]
        stack = tuple(_layer(dict(layer)) for layer in described["layers"])
        return cls(
            **{
                **content,
                "architecture": Architecture(
                    described["name"], tuple(described["input_shape"]), stack, described["patch"]
                ),
                "attack": Attack(**content["attack"]),
                "evaluation_attack": Attack(**content["evaluation_attack"]),
                "schedule": Schedule.parse(content["schedule"]),
                "snapshots": tuple(content["snapshots"]),
            }
        )


def _layer(content: dict[str, Any]) -> layers.Layer:
    kind = getattr(layers, content.pop("layer"))
    return kind(**content)
