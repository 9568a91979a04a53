"""Learning-rate schedules by name: constant, piecewise, cosine and (linear) cyclic."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.files.words import or_rather, quoted
from cgrosim.model.settings import SettingsBase

Name = Literal["constant", "piecewise", "cosine", "cyclic"]
PEAK = 0.4  # share of the training at which the cyclic schedule peaks (Wong et al. 2020, arXiv 2001.03994)


class Schedule(SettingsBase):
    """How the learning rate moves over training; also read from its text, such as ``piecewise:0.5,0.75:0.1``.

    Raises
    ------
    ParameterError
        If name, milestones or factor make no sense.
    """

    model_config = ConfigDict(allow_inf_nan=True)  # refused below, in words of its own

    name: Name = Field(
        "constant",
        description="``constant``; ``piecewise``: times `factor` from each milestone on (the schedule under which Rice "
        "et al. 2020, arXiv 2002.11569, saw robust overfitting); ``cosine``: half a cosine down to 0; ``cyclic``: "
        "linear from 0 up to the full rate at two fifths of the training and linear back to 0",
    )
    milestones: tuple[float, ...] = Field(
        (0.5, 0.75), description="shares of the training, increasing, between 0 and 1; only for piecewise"
    )
    factor: float = Field(0.1, description="only for piecewise; between 0 and 1")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, content: Any) -> Any:
        return _fields(content) if isinstance(content, str) else content

    @field_validator("name", mode="before")
    @classmethod
    def _known(cls, name: Any) -> Any:
        if not isinstance(name, str) or name not in get_args(Name):
            raise ValueError(
                f"schedule is {quoted(name)}, but must be one of {', '.join(get_args(Name))}"
                f"{or_rather(name, get_args(Name))}"
            )
        return name

    @model_validator(mode="after")
    def _possible(self) -> Schedule:
        if list(self.milestones) != sorted(set(self.milestones)) or not all(0 < m < 1 for m in self.milestones):
            raise ValueError(
                f"schedule has the milestones {self.milestones}, but they must increase and lie between 0 and 1 "
                "(shares of the training)."
            )
        if not 0.0 < self.factor <= 1.0:
            raise ValueError(f"schedule has the factor {self.factor:g}, but it must lie between 0 and 1.")
        return self

    def rate(self, base: float, done: float) -> float:
        """Learning rate at the share `done` of the training, in [0, 1)."""
        if self.name == "piecewise":
            return base * self.factor ** sum(done >= milestone for milestone in self.milestones)
        if self.name == "cosine":
            return base * 0.5 * (1.0 + math.cos(math.pi * done))
        if self.name == "cyclic":
            return base * min(done / PEAK, (1.0 - done) / (1.0 - PEAK))
        return base

    def describe(self) -> str:
        """The schedule as the text that `parse` reads."""
        if self.name != "piecewise":
            return self.name
        return f"piecewise:{','.join(shortest(m) for m in self.milestones)}:{shortest(self.factor)}"

    @classmethod
    @checked
    def parse(cls, text: str) -> Schedule:
        """Read ``constant``, ``cosine``, ``cyclic``, ``piecewise`` or ``piecewise:0.5,0.75:0.1``.

        Raises
        ------
        ParameterError
            If the text is none of these.
        """
        return cls(**_fields(text))


def _fields(text: str) -> dict[str, Any]:
    """Name, milestones and factor that a text gives."""
    name, *rest = text.split(":")
    if rest and (name != "piecewise" or len(rest) > 2):
        raise ParameterError(f"schedule is {text!r}; only piecewise takes numbers, as in piecewise:0.5,0.75:0.1.")
    found: dict[str, Any] = {"name": name}
    try:
        if rest:
            found["milestones"] = tuple(float(part) for part in rest[0].split(","))
        if len(rest) == 2:
            found["factor"] = float(rest[1])
    except ValueError:
        raise ParameterError(
            f"schedule is {text!r}, but its numbers cannot be read; write for example piecewise:0.5,0.75:0.1."
        ) from None
    return found


def shortest(value: float) -> str:
    """The shortest text that gives the number back."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


CONSTANT = Schedule()
