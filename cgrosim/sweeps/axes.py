"""What is varied: one name over its values, or several names together, as a program or a command line says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgrosim.errors import ParameterError
from cgrosim.files.words import quoted, shown, suggested
from cgrosim.model.params import FACTORS, Params
from cgrosim.model.settings import plain, real_number, whole_number

Plain = bool | int | float | str
Rule = Callable[[Params], Any]

MOST_VALUES = 10**6  # of one axis
SPACINGS = ("linear", "log")
UNVARIED = {"seed": "give seeds=..., which every cell of a sweep has"}
LISTED = ("record",)  # fields that are lists themselves; what they change is how much is kept, not what is found


@dataclass(frozen=True)
class Axis:
    """One direction of a grid.

    Attributes
    ----------
    names : what is varied along it, the first of which names the dimension
    values : one row of values for every point, in the order of `names`
    """

    names: tuple[str, ...]
    values: tuple[tuple[Plain, ...], ...]

    @property
    def dim(self) -> str:
        """Name of the dimension."""
        return self.names[0]

    def column(self, name: str) -> list[Plain]:
        """The values of one of its names."""
        place = self.names.index(name)
        return [row[place] for row in self.values]

    def __len__(self) -> int:
        return len(self.values)


def read_axes(over: Mapping[Any, Any]) -> tuple[tuple[Axis, ...], dict[str, Rule]]:
    """The axes of ``over``, and its rules: names whose value is a function of the other parameters.

    Parameters
    ----------
    over
        From a name to its values; from several names, as a tuple or with commas, to rows of values; or from a name to
        a function of the parameters that are set otherwise.

    Raises
    ------
    ParameterError
        If a name is unknown or varied twice, or if an axis has no values, or one value twice.
    """
    if not isinstance(over, Mapping) or not over:
        raise ParameterError("over is empty, but must say what is varied, such as {'gap': [0.01, 0.1]}.")
    axes, rules, seen = [], {}, set()
    for key, given in over.items():
        names = _names(key)
        for name in names:
            if name in seen:
                raise ParameterError(f"{name} is varied twice; name it once.")
            seen.add(name)
        if callable(given):
            if len(names) > 1:
                raise ParameterError(f"{', '.join(names)} have one function; give each of them its own.")
            rules[names[0]] = given
        else:
            axes.append(Axis(names, _rows(names, given)))
    if not axes:
        raise ParameterError("over holds functions only; vary at least one parameter over values.")
    return tuple(axes), rules


def _names(key: Any) -> tuple[str, ...]:
    names = tuple(part.strip() for part in key.split(",")) if isinstance(key, str) else key
    if not isinstance(names, tuple) or not names:
        raise ParameterError(f"over names {quoted(key)}, but must name parameters; give a name or a tuple of names.")
    for name in names:
        if name in UNVARIED:
            raise ParameterError(f"{name} cannot be varied; {UNVARIED[name]}.")
        known = [known for known in (*Params.model_fields, *FACTORS) if known not in (*UNVARIED, *LISTED)]
        if name not in known:
            hint = suggested(name, known, "the parameters are")
            raise ParameterError(f"{shown(name)} cannot be varied, because no such parameter is; {hint}")
    return tuple(str(name) for name in names)


def _rows(names: tuple[str, ...], given: Any) -> tuple[tuple[Plain, ...], ...]:
    label = ", ".join(names)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ParameterError(f"{label} is to be varied over {quoted(given)}; give a list of values, such as [1, 2].")
    rows: list[tuple[Plain, ...]] = []
    for each in given:
        if len(rows) >= MOST_VALUES:
            raise ParameterError(f"{label} is varied over more than {MOST_VALUES:g} values; give fewer.")
        row = plain(each)
        row = tuple(row) if isinstance(row, list | tuple) else (row,)
        if len(row) != len(names):
            raise ParameterError(f"{label} is to be {quoted(each)} at one point; give {len(names)} values a point.")
        rows.append(tuple(_plain_value(name, value) for name, value in zip(names, row, strict=True)))
    if not rows:
        raise ParameterError(f"{label} is varied over no values; give at least one.")
    if len(set(rows)) < len(rows):
        twice = next(row for place, row in enumerate(rows) if row in rows[:place])
        raise ParameterError(f"{label} takes {', '.join(map(str, twice))} twice; give every value once.")
    return tuple(rows)


def _plain_value(name: str, value: Any) -> Plain:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and np.isfinite(value)):
        return value
    field = Params.model_fields.get(name)
    extra = field.json_schema_extra if field is not None else None
    if value is None and isinstance(extra, dict) and "none" in extra:
        return str(extra["none"])  # batch_size: all samples
    raise ParameterError(f"{name} is to be {quoted(value)}, but must be a finite number or a word.")


def read_values(name: str, text: str) -> list[Plain]:
    """Values as a command line writes them: ``5,10,20``, or ``from:to:count``, with ``:log`` for even ratios.

    Raises
    ------
    ParameterError
        If the text is neither, or the range is empty or reversed.
    """
    if ":" not in text:
        return [_read(part.strip()) for part in text.split(",") if part.strip()]
    parts = [part.strip() for part in text.split(":")]
    spacing = parts.pop() if parts[-1] in SPACINGS else "linear"
    if len(parts) != 3:
        raise ParameterError(
            f"{name}={shown(text)} is no range; write from:to:count, such as 0.01:0.1:10, or from:to:count:log."
        )
    low, high, count = _number(name, parts[0]), _number(name, parts[1]), whole_number(parts[2])
    if not isinstance(count, int) or count < 2:
        raise ParameterError(f"{name}={shown(text)} has {shown(parts[2])} values, but a range needs at least 2.")
    if count > MOST_VALUES:
        raise ParameterError(f"{name}={shown(text)} has {count:g} values, but at most {MOST_VALUES:g} fit; take fewer.")
    if not low < high:
        raise ParameterError(
            f"{name}={shown(text)} ends at {high:g}, but must end above its beginning {low:g}; turn it round."
        )
    if spacing == "log":
        if low <= 0.0:
            raise ParameterError(f"{name}={shown(text)} begins at {low:g}, but even ratios need a positive beginning.")
        values = np.geomspace(low, high, count)
    else:
        values = np.linspace(low, high, count)
    values[0], values[-1] = low, high  # as they were written
    whole = Params.model_fields[name].annotation if name in Params.model_fields else float
    if whole is int:  # a range of whole numbers, rounded; where it is dense, each of them once
        return [int(value) for value in np.unique(np.round(values))]
    return [float(value) for value in values]


def _number(name: str, text: str) -> float:
    number = real_number(text)
    if not isinstance(number, float) or not np.isfinite(number):
        raise ParameterError(f"{name} ranges over {shown(text)!r}, which is not a number; write such as 0.01:0.1:10.")
    return number


def _read(text: str) -> Plain:
    """A whole number, a number, a truth value, or the word itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for read in (whole_number, real_number):
        value = read(text)
        if isinstance(value, int | float):
            return value
    return text
