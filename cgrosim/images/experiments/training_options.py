"""The options that every experiment with trainings shares: what `default_settings` takes, and its defaults in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import Field, create_model

from cgrosim.errors import ParameterError
from cgrosim.files.words import shown
from cgrosim.images.attacks.gradient import Norm
from cgrosim.images.experiments.experiment import Options
from cgrosim.images.network.files import read_network
from cgrosim.images.network.layers import Architecture
from cgrosim.images.training.defaults import ATTACK_STEPS, DEFAULTS, EVALUATION_STEPS, default_settings, defaults_of
from cgrosim.images.training.settings import Settings
from cgrosim.model.settings import SettingsBase

FROM_SETTINGS = ("subset", "epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "label_smoothing",
                 "schedule", "adversarial_weight", "trades_beta", "radius_warmup", "random_shift", "random_flip",
                 "averaging", "evaluation_samples", "validation", "confirmation_steps", "seed")  # fmt: skip
OWN = "the path of images of your own (an .npz file, or a folder with one folder a class)"


class Choice(Options):
    """What is asked of a data set's training; what is not given is the data set's own default."""

    dataset: str = Field("digits", description=f"data set: {', '.join(DEFAULTS)}, or {OWN}")
    architecture: str | None = Field(None, description="network: lenet or stack3x3")
    network: str | None = Field(
        None, description="TOML file of a network of your own", json_schema_extra={"none": "none"}
    )
    width: int | None = Field(None, description="capacity factor of lenet, filters of stack3x3")
    norm: Norm = Field("linf", description="of the attack")
    radius: float | None = Field(None, description="of the attack, pixels in [0, 1], 8/255 for example")
    attack_steps: int = Field(ATTACK_STEPS, description="PGD steps in training")
    evaluation_steps: int = Field(
        EVALUATION_STEPS, description="PGD steps after every epoch; final numbers take twice as many"
    )

    def settings(self) -> Settings:
        """The settings of the data set, changed by what was given.

        Raises
        ------
        ParameterError
            If a value is bad.
        """
        names = ({*Choice.model_fields} | {*FROM_SETTINGS}) - {"network"}
        asked = {"dataset": "digits", **{k: v for k, v in self.given().items() if k in names}}
        network = self._own_network()
        return default_settings(**asked if network is None else {**asked, "architecture": network})

    def _own_network(self) -> Architecture | None:
        """The network of the file, if there is one, for the images of the data set."""
        if self.network is None:
            return None
        for name in ("architecture", "width"):
            if getattr(self, name) is not None:
                raise ParameterError(f"network is {shown(self.network)}, which has its own {name}; give one of them.")
        start = defaults_of(self.dataset)
        return read_network(self.network, start.input_shape, start.classes)

    @classmethod
    def defaults(cls) -> dict[str, str]:
        """The same for all data sets, or one by one."""
        settings = {name: default_settings(name) for name in DEFAULTS}
        found = {name: {each: short(getattr(s, name)) for each, s in settings.items()} for name in FROM_SETTINGS}
        found["architecture"] = {each: start.architecture for each, start in DEFAULTS.items()}
        found["width"] = {each: str(start.width) for each, start in DEFAULTS.items()}
        found["radius"] = {each: f"{start.linf_radius:.3g}" for each, start in DEFAULTS.items()}
        return {name: in_words(values) for name, values in found.items()}

    def given(self) -> dict[str, Any]:
        """What was given, by name; None among it is meant."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


def optional_fields(base: type[Options], settings: type[SettingsBase], names: tuple[str, ...]) -> Any:
    """Options with some fields of settings beside their own, each of which may be left out."""
    fields: dict[str, Any] = {}
    for name in names:
        field = settings.model_fields[name]
        choice = Field(None, description=field.description, json_schema_extra=field.json_schema_extra)
        fields[name] = (field.annotation | None, choice)  # type: ignore[operator]
    return create_model(f"{base.__name__}With{settings.__name__}", __base__=base, __module__=__name__, **fields)


TrainingOptions: Any = optional_fields(Choice, Settings, FROM_SETTINGS)  # type: ignore[type-abstract]


def in_words(values: dict[str, str]) -> str:
    """``digits 0.02, else 0.03``."""
    usual, count = Counter(values.values()).most_common(1)[0]
    if count == len(values):
        return usual
    if count == 1:
        return ", ".join(f"{name} {value}" for name, value in values.items())
    return ", ".join([*(f"{name} {value}" for name, value in values.items() if value != usual), f"else {usual}"])


def short(value: Any) -> str:
    describe = getattr(value, "describe", None)
    if isinstance(value, bool):
        return str(value).lower()
    return str(describe() if describe else "all" if value is None else f"{value:g}")
