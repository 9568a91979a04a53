"""A sweep as a TOML file: what is varied, how many seeds, what is kept, and the parameters that are not varied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.atomic import write_text
from cgrosim.files.words import quoted, shown, suggested
from cgrosim.model.toml import read_toml
from cgrosim.sweeps.axes import read_values

SECTIONS = ("parameters", "vary")
ENTRIES = ("seeds", "keep", "points", "predicted_seeds")


@dataclass(frozen=True)
class GridFile:
    """What a grid file says.

    Attributes
    ----------
    parameters : for `Params.from_paper`
    vary : from a name, or several with commas, to a text such as ``0.01:0.1:10:log`` or ``5,10``, or a list of values
    seeds, keep, points, predicted_seeds : as `cgrosim.sweep` takes them; None where they are not given
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    vary: Mapping[str, Any] = field(default_factory=dict)
    seeds: Any = None
    keep: tuple[str, ...] | None = None
    points: Any = None
    predicted_seeds: Any = None

    @classmethod
    def read(cls, path: Path) -> GridFile:
        """The grid of a file.

        Raises
        ------
        FileError
            If it cannot be read, or has an entry that no grid has.
        """
        content = read_toml(path)
        for name in content:
            if name not in (*SECTIONS, *ENTRIES):
                hint = suggested(name, (*SECTIONS, *ENTRIES), "the entries are")
                raise FileError(f"{shown(path)} has {quoted(name)}, which no grid has; {hint}")
        for name in SECTIONS:
            if not isinstance(content.get(name, {}), dict):
                raise FileError(f"{shown(path)} has a {name} that is no section; write [{name}] on a line of its own.")
        keep = content.get("keep")
        if keep is not None:
            keep = (keep,) if isinstance(keep, str) else tuple(keep) if isinstance(keep, list) else ("",)
        return cls(
            content.get("parameters", {}),
            content.get("vary", {}),
            content.get("seeds"),
            keep,
            content.get("points"),
            content.get("predicted_seeds"),
        )

    def with_varied(self, texts: tuple[str, ...]) -> GridFile:
        """The grid with what a command line varies as well, in texts such as ``gap=0.01:0.1:10:log``.

        Raises
        ------
        ParameterError
            If a text is not of this form, or names something twice.
        """
        vary: dict[str, Any] = {}
        for text in texts:
            name, equals, values = (part.strip() for part in text.partition("="))
            if not equals or not name or not values:
                raise ParameterError(
                    f"--vary {shown(text)} is not of the form NAME=VALUES; write such as gap=0.01:0.1:10:log."
                )
            if name in vary:
                raise ParameterError(f"{shown(name)} is varied twice; name it once.")
            vary[name.replace("-", "_")] = values
        return replace(self, vary={**self.vary, **vary})

    def over(self) -> dict[Any, Any]:
        """What is varied, as `cgrosim.sweep` takes it.

        Raises
        ------
        ParameterError
            If a range makes no sense.
        """
        found: dict[Any, Any] = {}
        for name, given in self.vary.items():
            if isinstance(given, str) and "," in name:
                raise ParameterError(
                    f"{shown(name)} are varied together over {shown(given)}; write rows into a grid file, such as "
                    f'"{shown(name)}" = [[1, 2], [3, 4]].'
                )
            found[name] = read_values(name, given) if isinstance(given, str) else given
        return found

    def write(self, path: Path) -> Path:
        """Write the grid, atomically; `read` reads it back.

        Raises
        ------
        FileError
            If the place cannot be written to.
        """
        lines = ["# cgrosim sweep THIS_FILE --out FOLDER runs these cells; given the same folder, it goes on there."]
        for name in ENTRIES:
            value = getattr(self, name)
            if value is not None:
                lines.append(f"{name} = {_written(value)}")
        for section in SECTIONS:
            lines += ["", f"[{section}]"]
            lines += [f"{_key(name)} = {_written(value)}" for name, value in getattr(self, section).items()]
        return write_text(path, "\n".join(lines) + "\n")


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else json.dumps(name)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)
