"""Parameters as command-line options: every field of `Params`, none required, each with its description."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

from cgrosim.model.params import Params, read_toml

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


def _metavar(name: str) -> str:
    annotation = Params.model_fields[name].annotation
    choices = getattr(annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    return next((text for kind, text in METAVARS.items() if annotation is kind or kind in choices), "NAMES")


def _help(name: str) -> str:
    field = Params.model_fields[name]
    default = "the paper's value at this dimension" if field.is_required() else field.default
    if name == "dimension":
        default = DEFAULT_DIMENSION
    if name in ("gap", "perturbation_radius"):
        default = "the paper's gap at this dimension"
    return f"{field.description} (default: {default if default != () else 'none'})"


def _option(name: str, text: str, metavar: str) -> tuple[str, Any, Any]:
    return name, Annotated[str | None, tyro.conf.arg(help=text, metavar=metavar, help_behavior_hint="")], None


def _make_options() -> Any:
    fields = [_option(name, _help(name), _metavar(name)) for name in Params.model_fields]
    fields += [_option(name, text, "NUMBER") for name, text in {**POLYLOGS, **EXPONENTS}.items()]
    return dataclasses.make_dataclass("ExperimentOptions", fields, frozen=True)


ExperimentOptions = _make_options()


def params_from(config: Path | None, options: Any) -> Params:
    """Parameters from a TOML file, if there is one, overridden by the options that were given.

    Raises
    ------
    UserError
        If the file or a value is bad, in one sentence.
    """
    given = {} if config is None else read_toml(config)
    chosen = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    chosen = {name: _number(name, value) for name, value in chosen.items() if value is not None}
    for one, other in (("gap", "perturbation_radius"), ("perturbation_radius", "gap")):
        if one in chosen:
            given.pop(other, None)
    return Params.from_paper(**{"dimension": DEFAULT_DIMENSION, **given, **chosen})


def _number(name: str, value: str) -> Any:
    """The polylog factors and exponents are numbers; every other text is read by the validation of `Params`."""
    if name not in {**POLYLOGS, **EXPONENTS}:
        return value
    from cgrosim.errors import ParameterError

    try:
        return float(value)
    except ValueError:
        raise ParameterError(f"{name} is {value!r}, but must be a number.") from None
