"""What a training is: every number it depends on, validated, and written into its files."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, model_validator

from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.network.layers import Architecture, described, read_architecture
from cgrosim.images.training.averaging import NO_AVERAGE, Averaging
from cgrosim.images.training.schedules import CONSTANT, Schedule
from cgrosim.model.settings import SettingsBase

Network = Annotated[InstanceOf[Architecture], BeforeValidator(read_architecture), PlainSerializer(described)]


class Settings(SettingsBase):
    """One training of one network; the same settings give the same bits.

    Stochastic gradient descent: v <- momentum v + gradient + weight_decay w; w <- w - rate v.
    With label smoothing eps the loss is the cross-entropy of the target 1 - eps + eps/K for the label and eps/K for
    each other of K classes, clean and attacked (Szegedy et al. 2016, arXiv 1512.00567); K = 2 as in the patch model.
    With TRADES (Zhang et al. 2019, arXiv 1901.08573) it is the clean cross-entropy plus lam beta times the
    Kullback-Leibler divergence of the softmax at the attacked image from that at the clean one; the gradient goes
    through both, and the attack goes up the divergence, from a random point of the ball.
    The best epoch is the one of the largest robust accuracy on the validation images, after PGD and after the stronger
    attacks that confirm it (`cgrosim.images.training.selection`); where weights are averaged it is that of the average,
    from the first epoch that has one on.
    Split, subset, start and shuffles depend on the seed alone, so that trainings of one seed are paired.

    Raises
    ------
    ParameterError
        If a value makes no sense.
    """

    dataset: str = Field(description="name of the data set")
    architecture: Network = Field(description="network; its input shape and classes must be those of the data")
    attack: Attack = Field(description="what is trained against (unused without adversarial loss)")
    evaluation_attack: Attack = Field(description="what every epoch is measured with")
    epochs: int = Field(30, ge=1, le=10**5, description="passes over the training images")
    batch_size: int = Field(128, ge=1, description="images a step")
    learning_rate: float = Field(0.1, gt=0, description="of gradient descent")
    momentum: float = Field(0.9, ge=0, lt=1, description="of gradient descent")
    weight_decay: float = Field(0.0, ge=0, description="of gradient descent")
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of every label given to all classes alike; the attack goes against the label",
    )
    schedule: Schedule = Field(CONSTANT, description="constant, cosine, cyclic or piecewise:SHARES:FACTOR")
    adversarial_weight: float = Field(
        1.0, ge=0, le=1, description="lam in (1 - lam) clean + lam adversarial loss; 0 is standard training"
    )
    trades_beta: float = Field(
        0.0,
        ge=0,
        description="beta of TRADES, whose loss CE + lam beta KL replaces the one above: the divergence of the answer "
        "to the attacked image from that to the clean one, which the attack makes large; usual is 6; 0 is no TRADES",
    )
    radius_warmup: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the training in which the radius of the attack that trains, and its steps, grow evenly "
        "to their full size",
    )
    random_shift: int = Field(
        0,
        ge=0,
        description="pixels by which a training image is moved at most, down or up and right or left, anew in every "
        "epoch; black comes in",
    )
    random_flip: bool = Field(
        False, description="mirror a training image left to right or not, anew in every epoch; not for digits"
    )
    averaging: Averaging = Field(
        NO_AVERAGE,
        description="none, swa:SHARE (the mean of the weights after every epoch behind that share of the training) or "
        "ema:FACTOR (of those after every step, each counting FACTOR times as much as the next); measured beside the "
        "last weights",
    )
    validation: int = Field(
        0, ge=0, description="training images put aside, class-balanced, to select the best epoch; 0 selects none"
    )
    subset: int | None = Field(
        None, ge=1, description="training images, class-balanced", json_schema_extra={"none": "all"}
    )
    evaluation_samples: int = Field(
        1000, ge=1, description="training, validation and test images measured, at most; the same ones every time"
    )
    confirmation_steps: int = Field(
        20,
        ge=0,
        description="of APGD, which confirms on the validation images that an epoch is the best; 0: PGD alone selects",
    )
    shuffle_labels: bool = Field(
        False, description="permute the labels of the training images: nothing but memorisation is left to learn"
    )
    snapshots: tuple[int, ...] = Field((), description="epochs after which the parameters are kept; 0 is the start")
    seed: int = Field(0, ge=0, description="of everything random")

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        if any(not 0 <= epoch <= self.epochs for epoch in self.snapshots):
            raise ValueError(f"snapshots are {self.snapshots}, but must lie between 0 and epochs = {self.epochs}.")
        for attack in (self.attack, self.evaluation_attack):
            attack.check_reach(self.architecture.input_shape)
        if self.trades_beta > 0 and self.adversarial_weight > 0 and not self.attack.random_start:
            raise ValueError(
                f"trades_beta is {self.trades_beta:g}, but the attack has no random start, and at the image itself the "
                "divergence has no direction to rise in; use random starts."
            )
        height, width, _ = self.architecture.input_shape
        if self.random_shift >= min(height, width):
            raise ValueError(
                f"random_shift is {self.random_shift}, but would move images of {height} x {width} pixels out of "
                f"sight; give at most {min(height, width) - 1}, usual is an eighth of the width."
            )
        return self

    @property
    def objective(self) -> str:
        """The kind of adversarial training, with its weights."""
        if self.trades_beta > 0:
            return f"TRADES (β = {self.trades_beta:g}, λ = {self.adversarial_weight:g})"
        return f"Adversarial training (λ = {self.adversarial_weight:g})"

    @property
    def besides(self) -> tuple[str, ...]:
        """What the training does beside that, in words; nothing where everything is left as it is."""
        told = {
            f"labels smoothed by {self.label_smoothing:g}": self.label_smoothing > 0,
            f"radius growing over the first {self.radius_warmup:.4g} of the training": self.radius_warmup > 0,
            f"images moved by up to {self.random_shift} pixels": self.random_shift > 0,
            "images mirrored": self.random_flip,
            f"weights averaged ({self.averaging.describe()})": self.averages,
        }
        return tuple(text for text, done in told.items() if done)

    @property
    def averages(self) -> bool:
        """Whether weights are averaged."""
        return self.averaging.name != "none"

    def attack_at(self, done: float) -> Attack:
        """The attack of the step that ends at the share `done` of the training, in (0, 1]: smaller in the warm-up."""
        if done >= self.radius_warmup:
            return self.attack
        share = done / self.radius_warmup
        return self.attack.replace(radius=share * self.attack.radius, step_size=share * self.attack.step_size)

    @property
    def attack_description(self) -> str:
        """The exact attacks of training and of every epoch's measurement."""
        trades = f" by TRADES (beta {self.trades_beta:g})" if self.trades_beta > 0 else ""
        trained = (
            f"trained{trades} against {self.attack.describe()}"
            if self.adversarial_weight > 0
            else "trained without attack"
        )
        if self.adversarial_weight > 0 and self.radius_warmup > 0:
            trained += f" (radius growing over the first {self.radius_warmup:.4g} of the training)"
        return f"{trained}; measured every epoch by {self.evaluation_attack.describe()}"
