"""What is simulated when a claim is put to the test: the claimed world, or one that differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from cgrosim.model.params import Params


@dataclass(frozen=True)
class Change:
    """What becomes of a number: ``factor * number**exponent + shift``."""

    factor: float = 1.0
    shift: float = 0.0
    exponent: float = 1.0

    def of(self, number: Any) -> Any:
        """The changed number; a whole number stays whole, and what is not there is not changed."""
        if number is None:
            return None
        raised = number if self.exponent == 1.0 else number**self.exponent
        changed = self.factor * raised + self.shift
        return round(changed) if isinstance(number, int) else changed


def times(factor: float) -> Change:
    """Multiply a number."""
    return Change(factor=factor)


def plus(shift: float) -> Change:
    """Add to a number."""
    return Change(shift=shift)


def raised_to(exponent: float) -> Change:
    """Raise a positive number to a power: what a wrong exponent amounts to."""
    return Change(exponent=exponent)


@dataclass(frozen=True)
class Asked:
    """What was asked of worlds while something was watched.

    Attributes
    ----------
    params : parameters that are claimed, as they came to `World.of`
    numbers : names that came to `World.number`
    """

    params: set[Params] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)


_WATCHING: ContextVar[Asked | None] = ContextVar("watching", default=None)


@contextmanager
def watched() -> Iterator[Asked]:
    """Note what is asked of worlds inside, which is all that a world can change; whoever watches outside hears it."""
    found = Asked()
    token = _WATCHING.set(found)
    try:
        yield found
    finally:
        _WATCHING.reset(token)
        heard(found)


def heard(asked: Asked) -> None:
    """Let what was asked when a table was made be heard again where the table is used again."""
    if (watching := _WATCHING.get()) is not None:
        watching.params.update(asked.params)
        watching.numbers.update(asked.numbers)


@dataclass(frozen=True, init=False)
class World:
    """A world in which a claim is judged: it changes what is simulated or drawn, never what is claimed.

    ``World("signal 3 % stronger", signal_strength=times(1.03))``. A change is of a field of `Params`, or of a number
    that the study asks for by name (`number`); plain values replace what is there. Without changes and without a name
    it is the claimed world.

    Attributes
    ----------
    name : what is wrong in it, in a few words; empty for the claimed world
    changes : by name
    """

    name: str
    changes: tuple[tuple[str, Any], ...]

    def __init__(self, name: str = "", **changes: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "changes", tuple(sorted(changes.items())))

    @property
    def wrong(self) -> bool:
        """Whether this is not the claimed world."""
        return bool(self.name)

    def of(self, params: Params) -> Params:
        """What is simulated where these parameters are claimed.

        A changed dimension keeps the scales of the others; a changed signal strength keeps the gap, unless that is
        changed as well.
        """
        known = {name: change for name, change in self.changes if name in Params.model_fields}
        if (watching := _WATCHING.get()) is not None:
            watching.params.add(params)
        if not known:
            return params
        values = {name: _changed(change, getattr(params, name)) for name, change in known.items()}
        if "dimension" in values:
            values.setdefault("noise_std", params.noise_std)
        return params.replace(**values)

    def number(self, name: str, claimed: Any) -> Any:
        """A number that is no field of `Params`, as it is in this world."""
        if (watching := _WATCHING.get()) is not None:
            watching.numbers.add(name)
        return _changed(dict(self.changes)[name], claimed) if name in dict(self.changes) else claimed


def _changed(change: Any, value: Any) -> Any:
    """A changed value."""
    return change.of(value) if isinstance(change, Change) else change


CLAIMED = World()
