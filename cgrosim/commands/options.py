"""Settings as command-line options: every field, none required, each with its description; and those of `Params`."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from pydantic.fields import FieldInfo

from cgrosim.model.params import Params
from cgrosim.model.settings import SettingsBase, extra_of, kinds_of
from cgrosim.model.toml import read_toml

POLYLOGS = {
    "signal_polylog": "polylog factor of the paper's signal strength d^0.249 (default 1)",
    "noise_polylog": "polylog factor of the paper's noise level d^-0.509 (default 1)",
    "init_polylog": "polylog factor of the paper's initialisation d^-1/2 (default sqrt(log d))",
    "gap_polylog": "the paper's gap is d^-1/2 / gap_polylog (default log d)",
}
EXPONENTS = {
    "signal_exponent": "exponent of the signal strength in d (default 0.249)",
    "noise_exponent": "exponent of the noise level in d (default -0.509)",
    "init_exponent": "exponent of the initialisation in d (default -0.5)",
    "gap_exponent": "exponent of the gap in d (default -0.5)",
}
DEFAULT_DIMENSION = 1000
METAVARS = {int: "INT", float: "NUMBER", bool: "true|false"}


def metavar_of(field: FieldInfo) -> str:
    """What stands for the value in the help: INT, NUMBER, the choices, ..."""
    kinds, none = kinds_of(field.annotation), extra_of(field).get("none")
    listed = next((typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is tuple), None)
    if listed is not None:
        return f"{METAVARS[listed]},..." if listed in METAVARS else "NAMES"
    choices = [str(choice) for kind in kinds if typing.get_origin(kind) is Literal for choice in typing.get_args(kind)]
    word = "|".join(choices) or next((text for kind, text in METAVARS.items() if kind in kinds), "NAME")
    return f"{word}|{none}" if none else word


def options_of(
    name: str, settings: type[SettingsBase], defaults: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> Any:
    """A dataclass for tyro with every field of the settings as an option, none required, each with its description.

    Parameters
    ----------
    defaults : what the help says of a field that is left out, where that is not the field's own default
    more : further options that are numbers, with their help
    """
    fields: list[tuple[str, Any, Any]] = []
    for each, field in settings.model_fields.items():
        default = defaults.get(each, "none" if field.default in ((), None) else field.default)
        default = " ".join(map(str, default)) if isinstance(default, tuple) else default
        text, listed = f"{field.description} (default: {default})", typing.get_origin(field.annotation) is tuple
        fields.append(_option(each, text, metavar_of(field), tuple[str, ...] if listed else str, _aliases(field)))
    fields += [_option(each, text, "NUMBER") for each, text in (more or {}).items()]
    return dataclasses.make_dataclass(name, fields, frozen=True)


def given(options: Any) -> dict[str, str]:
    """The options that were given, as text."""
    chosen = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return {
        name: " ".join(value) if isinstance(value, tuple) else value
        for name, value in chosen.items()
        if value is not None
    }


def _aliases(field: FieldInfo) -> list[str] | None:
    alias = extra_of(field).get("alias")
    return None if alias is None else [str(alias)]


def _option(
    name: str, text: str, metavar: str, kind: Any = str, aliases: list[str] | None = None
) -> tuple[str, Any, Any]:
    return (
        name,
        Annotated[kind | None, tyro.conf.arg(help=text, metavar=metavar, help_behavior_hint="", aliases=aliases)],
        None,
    )


ExperimentOptions = options_of(
    "ExperimentOptions",
    Params,
    {
        **{name: "the paper's value at this dimension" for name, f in Params.model_fields.items() if f.is_required()},
        "dimension": DEFAULT_DIMENSION,
        "gap": "the paper's gap at this dimension",
        "perturbation_radius": "the paper's gap at this dimension",
    },
    {**POLYLOGS, **EXPONENTS},
)


def params_from(config: Path | None, options: Any) -> Params:
    """Parameters from a TOML file, if there is one, overridden by the options that were given.

    Raises
    ------
    UserError
        If the file or a value is bad, in one sentence.
    """
    return Params.from_paper(**values_from(config, options))


def values_from(config: Path | None, options: Any) -> dict[str, Any]:
    """What `Params.from_paper` is to be given: a TOML file, if there is one, overridden by the options.

    Raises
    ------
    UserError
        If the file or a number is bad, in one sentence.
    """
    return overridden({} if config is None else read_toml(config), options)


def overridden(written: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """What was written, overridden by the options that were given; the dimension is always there.

    Raises
    ------
    UserError
        If a factor or exponent is no number.
    """
    written = dict(written)
    chosen = {name: _number(name, value) for name, value in given(options).items()}
    for one, other in (("gap", "perturbation_radius"), ("perturbation_radius", "gap")):
        if one in chosen:
            written.pop(other, None)
    return {"dimension": DEFAULT_DIMENSION, **written, **chosen}


def _number(name: str, value: str) -> Any:
    """The polylog factors and exponents are numbers; every other text is read by the validation of `Params`."""
    if name not in {**POLYLOGS, **EXPONENTS}:
        return value
    from cgrosim.errors import ParameterError
    from cgrosim.files.words import quoted

    try:
        return float(value)
    except ValueError:
        raise ParameterError(f"{name} is {quoted(value)}, but must be a number.") from None
