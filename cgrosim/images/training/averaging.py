"""Averages of the weights along a training: over its last epochs (SWA) or of recent steps (EMA)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from cgrosim.errors import ParameterError
from cgrosim.files.words import or_rather, quoted
from cgrosim.images.training.schedules import shortest
from cgrosim.model.settings import SettingsBase, real_number

Name = Literal["none", "swa", "ema"]
DEFAULTS = {"none": 0.0, "swa": 0.75, "ema": 0.995}  # those of Izmailov et al. (2018) and of Gowal et al. (2020)


class Averaging(SettingsBase):
    """Which networks along a training are averaged, and how; also read from its text, such as ``ema:0.99``.

    ``swa``: the networks after every epoch that ends behind the share `value` of the training, all alike (Izmailov et
    al. 2018, arXiv 1803.05407); robust overfitting shrinks with it (Chen et al. 2021, ICLR).
    ``ema``: the networks after every step, each counting `value` times as much as the next one, weights of sum 1
    (without the weights of the start, which pull a plain recursion towards them for 1 / (1 - value) steps; Kingma and
    Ba 2015, arXiv 1412.6980, Section 3).

    Raises
    ------
    ParameterError
        If the name is none of these, or the value is out of its range.
    """

    name: Name = Field("none", description="``none``, ``swa`` or ``ema``")
    value: float = Field(
        0.0,
        description="of ``swa`` the share of the training behind which it begins (0.75 if left out), of ``ema`` how "
        "much a network counts beside the next (0.995 if left out)",
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, content: Any) -> Any:
        given = _fields(content) if isinstance(content, str) else content
        if isinstance(given, dict) and "value" not in given:
            return {**given, "value": DEFAULTS.get(str(given.get("name", "none")), 0.0)}
        return given

    @field_validator("name", mode="before")
    @classmethod
    def _known(cls, name: Any) -> Any:
        if name not in get_args(Name):
            raise ValueError(
                f"averaging is {quoted(name)}, but must be one of {', '.join(get_args(Name))}"
                f"{or_rather(name, get_args(Name))}"
            )
        return name

    @model_validator(mode="after")
    def _possible(self) -> Averaging:
        if self.name == "none" and self.value != 0.0:
            raise ValueError("averaging is none, which takes no number; write none, swa:0.75 or ema:0.995.")
        if self.name == "swa" and not 0.0 <= self.value < 1.0:
            raise ValueError(
                f"averaging begins at the share {self.value:g} of the training, but it must be at least 0 and below 1."
            )
        if self.name == "ema" and not 0.0 < self.value < 1.0:
            raise ValueError(f"averaging has the factor {self.value:g}, but it must lie between 0 and 1.")
        return self

    def describe(self) -> str:
        """The averaging as the text that is read."""
        return self.name if self.name == "none" else f"{self.name}:{shortest(self.value)}"

    @classmethod
    def parse(cls, text: str) -> Averaging:
        """Read ``none``, ``swa``, ``swa:0.5``, ``ema`` or ``ema:0.99``.

        Raises
        ------
        ParameterError
            If the text is none of these.
        """
        return cls(**_fields(text))

    def count(self, epochs_done: int, epochs: int, steps: int) -> int:
        """How many networks have been averaged after so many of all epochs, of so many steps each."""
        if self.name == "ema":
            return epochs_done * steps
        if self.name == "none":
            return 0
        return epochs_done - bisect_left(range(1, epochs_done + 1), True, key=lambda e: self.after_epoch(e / epochs))

    def after_epoch(self, done: float) -> bool:
        """Whether the network is averaged after an epoch that ends at the share `done` of the training."""
        return self.name == "swa" and done > self.value

    def weight(self, count: int) -> float:
        """What the newest of `count` networks has in their average, in (0, 1]."""
        return 1.0 / count if self.name == "swa" else (1.0 - self.value) / (1.0 - self.value**count)


class Average:
    """A running average of networks, in float64: a <- a + weight (w - a).

    Parameters
    ----------
    averaging : which weight the newest has
    mean, count : the average so far and of how many networks; not changed
    """

    def __init__(
        self, averaging: Averaging, mean: Mapping[str, NDArray[np.float64]] | None = None, count: int = 0
    ) -> None:
        self._averaging, self.count = averaging, count
        self._mean = {name: value.copy() for name, value in (mean or {}).items()}

    def add(self, parameters: Mapping[str, NDArray[np.float32]]) -> None:
        """Take one more network in."""
        self.count += 1
        weight = self._averaging.weight(self.count)
        for name, value in parameters.items():
            mean = self._mean.setdefault(name, np.zeros(value.shape))
            mean += weight * (value - mean)

    def mean(self) -> dict[str, NDArray[np.float64]] | None:
        """A copy of the average; None before there is one."""
        return {name: value.copy() for name, value in self._mean.items()} if self.count else None


def _fields(text: str) -> dict[str, Any]:
    """Name and value that a text gives."""
    name, colon, value = text.partition(":")
    if not colon:
        return {"name": name}
    number = real_number(value)
    if name not in ("swa", "ema") or not isinstance(number, float):
        raise ParameterError(f"averaging is {quoted(text)}; write for example none, swa:0.75 or ema:0.995.")
    return {"name": name, "value": number}


NO_AVERAGE = Averaging()
