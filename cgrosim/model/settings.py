"""What all descriptions of an experiment share: frozen, validated, dumped and read back without loss."""

from __future__ import annotations

import functools
import itertools
import math
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from cgrosim.errors import ParameterError, printable
from cgrosim.files.words import LONGEST, nearest, quoted, shown, suggested

LARGEST = 10**18
"""The largest whole number a field should take: beyond it 64 bits overflow."""
MOST = int(sys.float_info.max)
WANTED = {"int": "a whole number", "float": "a number", "bool": "true or false", "finite": "a finite number",
          "string": "a text", "tuple": "a list", "model": "described by its fields"}  # fmt: skip


if TYPE_CHECKING:

    class _Model:
        """What is used of pydantic's model: its own type would demand every field by name at every call."""

        model_config: ClassVar[ConfigDict]
        model_fields: ClassVar[dict[str, FieldInfo]]
        model_fields_set: set[str]

        def __init__(self, **values: Any) -> None: ...
        def model_dump(self, **how: Any) -> dict[str, Any]: ...
        def model_dump_json(self) -> str: ...
        def model_copy(self, **how: Any) -> Self: ...
        @classmethod
        def model_validate_json(cls, text: str | bytes) -> Self: ...

else:
    _Model = BaseModel


class SettingsBase(_Model):
    """A frozen description; the same one in Python, in a file and on the command line.

    Values are normalised before they are checked: NumPy's numbers become Python's, whole numbers may be written as
    3.0 or "1e12", numbers as a fraction ("8/255"), lists as words with commas or spaces, and what is not given as
    "none". ``load(dump())`` is the identity.

    A field's description is its help; ``json_schema_extra`` may hold ``must`` (what a value out of its bounds must do,
    for the error), ``none`` (how the command line says None) and ``alias`` (an older name of its option).

    Raises
    ------
    ParameterError
        If a value makes no sense: one sentence that names it and says what to give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    called: ClassVar[str] = ""
    """Stands before the name of a field in errors, as in "The attack's "."""
    remedy: ClassVar[str] = "give it"
    """What to do where a field without default is missing."""
    also: ClassVar[tuple[str, ...]] = ()
    """What the constructor ``from_paper`` takes beside the fields."""

    def __init__(self, /, *given: Any, **values: Any) -> None:
        names = [*type(self).model_fields]
        if len(given) > len(names):
            raise TypeError(f"{type(self).__name__} takes {len(names)} values, but {len(given)} were given")
        twice = [name for name in names[: len(given)] if name in values]
        if twice:
            raise ParameterError(f"{twice[0]} is given twice, by its place and by its name; give it once.")
        try:
            super().__init__(**dict(zip(names, given, strict=False)), **values)
        except ValidationError as error:
            raise ParameterError(_sentence(type(self), error)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields:
            raise ParameterError(f"{name} cannot be changed in place; use replace({name}=...).")
        super().__setattr__(name, value)

    def __str__(self) -> str:
        return repr(self)

    @field_validator("*", mode="before")
    @classmethod
    def _normalised(cls, value: Any, info: ValidationInfo) -> Any:
        return normalised(cls.model_fields[str(info.field_name)], value)

    def replace(self, /, **changes: Any) -> Self:
        """Return a validated copy with some fields changed."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})

    def dump(self) -> dict[str, Any]:
        """The settings as plain numbers, texts, lists and dictionaries, for JSON."""
        return self.model_dump(mode="json")

    @classmethod
    def load(cls, content: Any) -> Self:
        """Rebuild the settings from what `dump` gave.

        Raises
        ------
        ParameterError
            If the content is that of no such settings.
        """
        if not isinstance(content, Mapping):
            raise ParameterError(f"{quoted(content)} are no settings; give a dictionary.")
        return cls(**{str(name): value for name, value in content.items()})

    def differences(self, other: SettingsBase) -> list[str]:
        """Names of the fields in which two settings differ."""
        ours, theirs = self.dump(), other.dump()
        return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]


def kinds_of(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation: of ``int | None`` int and None's type."""
    union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return typing.get_args(annotation) if union else (annotation,)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """What a field says of itself beside its description."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


@functools.cache
def _wanted(annotation: Any) -> tuple[tuple[Any, ...], Any, frozenset[type]]:
    """The alternatives of an annotation, what its tuples hold (None: it has none), and the types to leave alone."""
    kinds = kinds_of(annotation)
    inner = next((typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is tuple), None)
    none = {type(None)} & set(kinds)
    alone = {kind for kind in kinds if kind in (int, float, bool)} if len(kinds) - len(none) == 1 else set()
    return kinds, inner, frozenset(alone | none)


def normalised(field: FieldInfo, value: Any) -> Any:
    """A value as Python's own numbers; text as what the field wants, where it can be read."""
    annotation: Any = field.annotation
    value, (kinds, inner, left_alone) = plain(value), _wanted(annotation)
    if type(value) in left_alone:  # most are; in a sweep there are millions
        return value
    listed = inner is not None
    if isinstance(value, str):
        words = value.strip().lower()
        if type(None) in kinds and str not in kinds and words in ("none", extra_of(field).get("none")):
            return None
        if listed:
            value = tuple(value.replace(",", " ").split())
    if listed and isinstance(value, list | tuple):
        return tuple(_number((inner,), each) for each in value)
    return _number(kinds, value)


def _number(kinds: tuple[Any, ...], value: Any) -> Any:
    if int in kinds:
        return whole_number(value)
    if float in kinds:
        return real_number(value)
    return value


def whole_number(value: Any) -> Any:
    """A whole number, where the value is one; 1e12 and "1e12" are: that is how large dimensions are written."""
    value = plain(value)
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "a truth value is no whole number")
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    try:
        number = float(value) if isinstance(value, str | float) else value
    except ValueError:
        return value  # the type check that follows words the error
    if isinstance(number, float) and math.isfinite(number) and number == int(number):
        return int(number)
    return value


def real_number(value: Any) -> Any:
    """A number, where the value is one: accept a fraction as in 8/255."""
    value = plain(value)
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "a truth value is no number")
    if isinstance(value, int) and abs(value) > MOST:
        raise PydanticCustomError("finite_number", "it is beyond the range of numbers")
    if isinstance(value, str):
        above, slash, below = value.partition("/")
        try:
            return float(above) / float(below) if slash else float(above)
        except (ValueError, ZeroDivisionError):
            return value
    return value


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's; NumPy is not imported for it, which help texts do without."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return type(value)(plain(each) for each in value) if type(value) in (list, tuple) else value
    return value


def _sentence(cls: type[SettingsBase], error: ValidationError) -> str:
    """One sentence out of a pydantic error: which field, which value, what to give."""
    first = error.errors()[0]
    kind, value = first["type"], first.get("input")
    if kind == "value_error":
        return str(first["ctx"]["error"])
    field = cls.model_fields.get(str(first["loc"][0])) if first["loc"] else None
    place = ".".join(_names(first["loc"])) or "parameters"
    name = cls.called + place
    if kind == "missing":
        return f"{name} is missing; {cls.remedy}."
    if kind == "extra_forbidden":
        if place in cls.also:
            return f"{place} is for {cls.__name__}.from_paper; give it there."
        known = [*cls.model_fields, *cls.also]
        return f"{printable(place, LONGEST)} is not a parameter; {suggested(place, known, 'the parameters are')}"
    if kind == "literal_error":
        expected = str(first["ctx"]["expected"])
        near = nearest(value, re.findall("'([^']*)'", expected)) if isinstance(value, str) else ""
        return f"{name} is {quoted(value)}, but must be one of {expected}{f'; did you mean {near}?' if near else '.'}"
    if kind == "is_instance_of":
        return f"{name} is {quoted(value)}, but must be of the class {first['ctx']['class']}."
    if kind.startswith(("greater", "less")) and field is not None:
        return f"{name} is {_short(value)}, but must {_bounds(field, above=kind.startswith('less'))}."
    wanted = next((text for key, text in WANTED.items() if kind.startswith(key)), first["msg"].lower())
    return f"{name} is {quoted(value)}, but must be {wanted}."


def _names(place: tuple[int | str, ...]) -> Iterator[str]:
    """The names that lead to a field, without the places in a list and what comes after them."""
    return (str(part) for part in itertools.takewhile(lambda part: isinstance(part, str), place))


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else shown(value)


def _bound(value: Any) -> str:
    return f"{float(value):.4g}".replace("e+", "e") if value >= LARGEST else _short(value)


def _bounds(field: FieldInfo, above: bool) -> str:
    """What a value of the field must do: lie between two numbers, be positive, ...; whether it is above them."""
    if "must" in extra_of(field):
        return str(extra_of(field)["must"])
    bounds = {
        name: getattr(each, name) for each in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(each, name)
    }
    if bounds.get("le", 0) >= LARGEST:  # of interest only to who is beyond it
        bounds = {"le": bounds["le"]} if above else {name: bound for name, bound in bounds.items() if name != "le"}
    told = {name: _bound(value) for name, value in bounds.items()}
    if {"ge", "le"} <= set(bounds):
        return f"lie between {told['ge']} and {told['le']}"
    if bounds == {"gt": 0}:
        return "be positive"
    if bounds == {"ge": 0} and float in kinds_of(field.annotation):
        return "not be negative"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return "be " + " and ".join(f"{words[name]} {text}" for name, text in told.items())
