"""What a training of the theory's patch network on real images is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.network.architectures import patch_network
from cgrosim.images.network.layers import Architecture, Shape
from cgrosim.model.settings import SettingsBase


class StageSettings(SettingsBase):
    """One training of the patch network; the same settings give the same bits.

    Data and start depend on the seed alone, so that runs of one seed are paired.

    Raises
    ------
    ParameterError
        If a value makes no sense.
    """

    dataset: str = Field("digits", description="name of the data set")
    classes: tuple[int, ...] = Field((0, 1), description="the classes told apart; of two, the second has label +1")
    class_names: tuple[str, ...] = Field(("0", "1"), description="names of these classes, for labels")
    patch: int = Field(4, ge=1, description="side of a square patch in pixels, a divisor of height and width")
    filters: int = Field(20, ge=1, description="number of filters; of more than two classes each has its share of them")
    exponent: int = Field(3, description="q of the odd power phi(z) = sign(z) |z|^q")
    initial_scale: float = Field(0.1, gt=0, description="standard deviation of the initial weights")
    attack: ClassMeanAttack | Attack = Field(ClassMeanAttack(), description="what is trained against")
    evaluation_attack: ClassMeanAttack | Attack | None = Field(
        None, description="what is measured with; none: the same"
    )
    adversarial_weight: float = Field(
        0.5, ge=0, le=1, description="lam in (1 - lam) clean + lam adversarial loss; 0 is standard training"
    )
    samples: int | None = Field(
        60, description="training images, class-balanced", json_schema_extra={"none": "all", "alias": "--subset"}
    )
    test_samples: int | None = Field(
        None, description="test images", json_schema_extra={"none": "all", "alias": "--test-subset"}
    )
    learning_rate: float = Field(0.1, gt=0, description="of gradient descent on all training images at once")
    steps: int = Field(5000, ge=1, le=10**9, description="of full-batch gradient descent")
    records: int = Field(20, ge=1, le=10**4, description="records per decade of steps")
    record_correlations: bool = Field(False, description="also record v of every filter, sample and patch")
    seed: int = Field(0, ge=0, description="of everything random")

    @model_validator(mode="after")
    def _possible(self) -> StageSettings:
        count = len(self.classes)
        if count < 2 or len(set(self.classes)) < count:
            raise ValueError(f"classes are {self.classes}, but at least two different ones are needed.")
        if len(self.class_names) != count:
            raise ValueError(f"class_names are {self.class_names}, but there are {count} classes.")
        for name in ("samples", "test_samples"):
            value = getattr(self, name)
            if value is not None and value < count:
                raise ValueError(f"{name} is {value}, but must be at least {count}.")
        for attack in (self.attack, self.measuring_attack):
            if isinstance(attack, ClassMeanAttack) and attack.search and (count != 2 or self.exponent != 3):
                raise ValueError(
                    f"The exact attack along class means needs two classes and exponent 3, not {count} and "
                    f"{self.exponent}; choose its full shift, or a pixel attack."
                )
        return self

    @property
    def measuring_attack(self) -> ClassMeanAttack | Attack:
        """The attack of the records."""
        return self.attack if self.evaluation_attack is None else self.evaluation_attack

    @property
    def attack_description(self) -> str:
        """The exact attacks of training and of the records."""
        trained = "trained without attack"
        if self.adversarial_weight > 0.0:
            trained = f"trained against {self.attack.describe()} (weight {self.adversarial_weight:g})"
        return f"{trained}; measured by {self.measuring_attack.describe()}"

    def architecture(self, input_shape: Shape) -> Architecture:
        """The network for images of a shape: a signed sum for two classes, else the sums of the classes' filters."""
        readout: Literal["class_sums", "signed_sum"] = "signed_sum" if len(self.classes) == 2 else "class_sums"
        return patch_network(
            input_shape,
            self.patch,
            self.filters,
            classes=len(self.classes),
            exponent=self.exponent,
            initial_scale=self.initial_scale,
            readout=readout,
        )
