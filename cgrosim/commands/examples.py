"""``cgrosim examples``: the experiments of ``sims``, for those who install without a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from cgrosim.commands.terminal import print_line


@dataclass(frozen=True)
class Examples:
    """List the experiments that come with cgrosim, a question each; with --copy write them into a folder."""

    copy: Annotated[Path | None, tyro.conf.arg(metavar="DIR", help="write every script into this folder")] = None
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace scripts of the same names in that folder"""

    def run(self) -> int:
        """List the scripts, or copy them."""
        scripts = sorted(folder().glob("*.py"))
        if self.copy is None:
            for path in scripts:
                if path.stem != "common":
                    print_line(f"{path.stem:<26}{question(path)}")
            return 0
        written = _copied([*scripts, folder() / "README.md"], self.copy, self.overwrite)
        print_line(
            f"written {len(written)} files into {self.copy}; run one with: python {self.copy / 'three_stages.py'}"
        )
        return 0


def folder() -> Path:
    """Where the scripts are: inside the package where it is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return package / "sims" if (package / "sims").is_dir() else package.parent / "sims"


def question(path: Path) -> str:
    """What an experiment asks: the first line of the script's docstring."""
    import ast

    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]


def _copied(files: list[Path], target: Path, overwrite: bool) -> list[Path]:
    """Write the files into a folder, all or none.

    Raises
    ------
    FileError
        If one of them is there already, with other content, and must not be replaced.
    """
    from cgrosim.errors import FileError
    from cgrosim.files.words import shown

    contents = {target / path.name: path.read_bytes() for path in files}
    for path, content in contents.items():
        if path.exists() and not overwrite and path.read_bytes() != content:
            raise FileError(f"{shown(path)} exists and is another one; choose another --copy, or give --overwrite.")
    for path, content in contents.items():
        _write(path, content)
    return [*contents]


def _write(path: Path, content: bytes) -> None:
    from cgrosim.files.atomic import write_atomically

    write_atomically(path, lambda file: file.write(content))
