"""Parameters as TOML: one ``name = value`` a line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cgrosim.errors import FileError
from cgrosim.files.texts import read_text
from cgrosim.files.words import shown


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the parameters written in a TOML file as keyword arguments of `Params.from_paper`.

    Raises
    ------
    FileError
        If the file cannot be read or is not TOML.
    """
    try:
        values = tomllib.loads(read_text(path))
    except OSError as error:
        raise FileError(f"{shown(path)} cannot be read ({error.strerror}); give the path of a TOML file.") from None
    except RecursionError:
        raise FileError(f"{shown(path)} is nested too deeply; write one 'name = value' a line.") from None
    except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits, a zero byte in the path
        raise FileError(f"{shown(path)} is not TOML ({shown(error)}); write one 'name = value' a line.") from None
    return values


def toml_text(values: Mapping[str, Any]) -> str:
    """Numbers, truth values, texts without quotation marks and tuples of such texts as TOML."""
    return "".join(f"{name} = {_written(value)}\n" for name, value in values.items())


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)
