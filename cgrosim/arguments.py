"""What a public function was called with, held against its own annotations: a wrong type becomes one sentence.

Pydantic's `validate_call` (2.14) was tried in its place: it cannot build 26 of 55 functions, whose annotations name
what only a type checker imports, arrays or protocols. Elsewhere it takes True and "3" for whole numbers without a word,
and tells what it refuses in four lines, by place instead of by name.
"""

from __future__ import annotations

import builtins
import collections.abc
import functools
import inspect
import math
import os
import sys
import types
import typing
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from cgrosim.errors import ParameterError
from cgrosim.files.words import nearest, quoted

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)

BITS = 64
PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, type(None))
WORDS: dict[Any, str] = {
    None: "None", type(None): "None", bool: "True or False", int: "a whole number", float: "a number", str: "text",
    Path: "a path", type: "a class",
}  # fmt: skip


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments that do not fit the annotations of a function, before anything is done.

    What passes is passed on unchanged, but for whole numbers that were given as 3.0 or as NumPy's, and for iterators,
    which become lists. Annotations that only a type checker can read are held against the names of a value's classes,
    so that nothing need be imported.

    Raises
    ------
    ParameterError
        Names the argument, what was given and what it must be; a mistyped name gets a suggestion.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        signature, kinds = _read(function)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ParameterError(_unbound(function, signature, args, kwargs, str(error))) from None
        for name, value in bound.arguments.items():
            if name not in kinds or value is signature.parameters[name].default:
                continue
            parameter = signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                each = [(name, one) for one in value]
            elif parameter.kind is parameter.VAR_KEYWORD:
                each = list(value.items())
            else:
                value = bound.arguments[name] = _normal(value, kinds[name])
                each = [(name, value)]
            for called_so, one in each:
                if not fits(one, kinds[name]):
                    if isinstance(one, int) and abs(one) >= 2**BITS:
                        raise ParameterError(f"{called_so} is {_given(one)}, beyond {BITS} bits; give a smaller one.")
                    raise ParameterError(f"{called_so} is {_given(one)}, but must be {_words(kinds[name])}.")
        return function(*bound.args, **bound.kwargs)

    return called


def called_well(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse a call that does not fit a function's parameters, whose values are judged elsewhere, in a sentence.

    Raises
    ------
    ParameterError
        Names what is missing, too many or unknown.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        signature = _signature(function)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ParameterError(_unbound(function, signature, args, kwargs, str(error))) from None
        return function(*args, **kwargs)

    return called


def checked_class(cls: C) -> C:
    """`checked` for what a class is made of."""
    cls.__init__ = checked(cls.__init__)  # type: ignore[misc]
    return cls


class _ArrayLike:
    """Stands for `numpy.typing.ArrayLike`: what an array of numbers can be made of."""


class _Array:
    """Stands for `numpy.typing.NDArray`, of numbers."""

    def __class_getitem__(cls, entry: Any) -> type[_Array]:
        return cls


class _Unknown(type):
    """Of a class that cannot be looked up without importing it: only its name is known."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unknown(name, (), {})

    def __getitem__(cls, entry: Any) -> Any:
        return cls


class _Names(dict[str, Any]):
    """The names of a module, and a stand-in for each that it does not have."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name) if hasattr(builtins, name) else _Unknown(name, (), {})


@functools.cache
def _read(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """The signature of a function, and what each of its parameters must be."""
    home = getattr(sys.modules.get(function.__module__), "__dict__", function.__globals__)  # its own, whoever made it
    names = _Names({**home, "ArrayLike": _ArrayLike, "NDArray": _Array})
    signature, kinds = inspect.signature(function), {}
    for name, parameter in signature.parameters.items():
        said = parameter.annotation
        if said is not parameter.empty:
            kinds[name] = eval(said, {}, names) if isinstance(said, str) else said
    return signature, kinds


def _normal(value: Any, kind: Any) -> Any:
    """A whole number as Python's own where one is asked for, and an iterator as a list, so that it can be looked at."""
    kinds = typing.get_args(kind) if _is_union(kind) else (kind,)
    if int in kinds and float not in kinds and type(value) not in (bool, int) and _is_number(value, Real):
        return int(value) if value == value // 1 else value
    listed = any(typing.get_origin(one) is collections.abc.Iterable for one in kinds)
    return list(value) if listed and isinstance(value, collections.abc.Iterator) else value


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is what an annotation asks for; what it cannot judge, it lets pass."""
    if _is_union(kind):
        return any(fits(value, one) for one in typing.get_args(kind))
    if kind is None or kind is Any:
        return value is None or kind is Any
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin in (_Array, _ArrayLike):
        return (origin is _ArrayLike or hasattr(value, "ndim")) and _is_array(value)
    if origin in (int, float):
        return _is_number(value, Integral if origin is int else Real)
    if origin is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
    if origin is Path:
        return isinstance(value, os.PathLike)
    if origin is collections.abc.Callable:
        return callable(value)
    if origin is type:
        return isinstance(value, type)
    if not isinstance(origin, type):
        return True  # a type variable and the like
    if origin.__name__ == "ndarray":
        return isinstance(value, origin) and _is_array(value)
    if isinstance(origin, _Unknown):
        return origin.__name__ in {cls.__name__ for cls in type(value).__mro__}
    if getattr(origin, "_is_protocol", False) and origin not in vars(collections.abc).values():
        # a function may need but one of the methods
        return not isinstance(value, type) and any(hasattr(value, name) for name in _methods(origin))
    if not isinstance(value, origin):
        return False
    if isinstance(value, str | bytes) and origin not in (str, bytes, object):
        return False  # a sequence of letters is none of names
    return _entries_fit(value, origin, inner)


def _entries_fit(value: Any, origin: Any, inner: tuple[Any, ...]) -> bool:
    if not inner:
        return True
    if isinstance(value, Mapping):
        return all(fits(key, inner[0]) for key in value) and (
            len(inner) < 2 or all(fits(one, inner[1]) for one in value.values())
        )
    if origin is tuple and inner[-1] is not ...:
        return len(value) == len(inner) and all(fits(one, kind) for one, kind in zip(value, inner, strict=True))
    if getattr(value, "ndim", 0) == 1 and value.dtype.kind != "O":  # all entries of an array are of one kind
        value = list(value[:1])
    return not isinstance(value, collections.abc.Collection) or all(fits(one, inner[0]) for one in value)


def _methods(protocol: Any) -> set[str]:
    """What a protocol asks for."""
    return {name for name in vars(protocol) if not name.startswith("_")}


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _is_number(value: Any, kind: Any) -> bool:
    if getattr(value, "ndim", None) == 0 and value.dtype.kind in "biuf":
        value = value[()]  # an array of one number is one
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    return abs(value) < 2**BITS if kind is Integral else abs(value) <= sys.float_info.max or not value <= math.inf


def _is_array(value: Any) -> bool:
    import numpy as np

    try:
        return np.asarray(value).dtype.kind in "biuf"
    except (TypeError, ValueError, OverflowError):
        return False


def _given(value: Any) -> str:
    return quoted(value) if isinstance(value, PLAIN) else f"a {type(value).__name__}"


def _words(kind: Any) -> str:
    """What must be given, as in "a path, a Run or None"."""
    parts = typing.get_args(kind) if _is_union(kind) else (kind,)
    texts = list(dict.fromkeys(_word(part) for part in parts))
    if {"text", "a path"} <= {*texts}:
        texts.remove("text")
    return " or ".join([*filter(None, [", ".join(texts[:-1])]), texts[-1]])


def _word(kind: Any) -> str:
    if kind in WORDS:
        return WORDS[kind]
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin is _ArrayLike:
        return "numbers, in an array or a list"
    if origin is _Array or getattr(origin, "__name__", "") == "ndarray":
        return "an array of numbers"
    if origin is collections.abc.Callable:
        return "a function"
    many = isinstance(origin, type) and issubclass(origin, collections.abc.Iterable) and inner and origin is not dict
    if many and not issubclass(origin, Mapping):
        return f"several ({_words(inner[0])} each)"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a dictionary"
    name = getattr(origin, "__name__", str(origin))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _unbound(
    function: Callable[..., Any],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    given: Mapping[str, Any],
    said: str,
) -> str:
    """Why a call does not fit a signature, and what was perhaps meant."""
    name, parameters = function.__qualname__.removesuffix(".__init__").rpartition("<locals>.")[2], signature.parameters
    any_name = any(about.kind is about.VAR_KEYWORD for about in parameters.values())
    named = [each for each, about in parameters.items() if about.kind is not about.VAR_KEYWORD]
    wanted = [each for each in named if parameters[each].default is inspect.Parameter.empty]
    missing = [each for each in wanted if each not in (*named[: len(args)], *given)]
    known = [each for each in named if each not in ("self", "cls")]
    for each in given:
        near = nearest(each, missing if any_name else known)
        if each not in known and (near or not any_name):
            hint = f"did you mean {near}?" if near else f"it takes {', '.join(known) or 'nothing'}."
            return f"{name} has no argument {quoted(each)}; {hint}"
    if missing:
        return f"{name} needs {', '.join(missing)}; give what is missing."
    return f"{name}: {said}; it takes {', '.join(known) or 'nothing more'}."
