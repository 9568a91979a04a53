"""The gallery: every experiment of ``sims`` with its question, figure, sentences, numbers and command.

Nothing is run. Figures and numbers are committed; `gather` takes them from the folder that the scripts wrote.
"""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

DOCS = Path(__file__).parents[1]
SIMS, GALLERY = DOCS.parent / "sims", DOCS / "gallery"


def question(path: Path) -> str:
    """The first line of a script."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]


def texts() -> dict[str, dict[str, object]]:
    """Title, sentences and numbers of every experiment, in the order of the gallery."""
    return tomllib.loads((GALLERY / "texts.toml").read_text(encoding="utf-8"))


def gallery() -> str:
    """Every experiment under a heading of its own.

    Raises
    ------
    ValueError
        If an experiment has no text, or a text no experiment.
    """
    scripts = {path.stem for path in SIMS.glob("*.py")} - {"common"}
    told = texts()
    if scripts != set(told):
        raise ValueError(f"gallery/texts.toml and sims differ in {sorted(scripts ^ set(told))}")
    made = json.loads((GALLERY / "figures.json").read_text(encoding="utf-8"))
    return "\n".join(_entry(name, told[name], made.get(name)) for name in told)


def _entry(name: str, text: dict[str, object], made: dict[str, object] | None) -> str:
    lines = [f"(sim-{name})=", f"## {text['title']}", "", f"**{question(SIMS / f'{name}.py')}**", ""]
    if made:
        lines += [f"![{text['title']}]({made.get('picture', f'gallery/{name}.png')})", ""]
    lines += [str(text["says"]).strip(), ""]
    lines += [f"- {number}" for number in text["numbers"]]  # type: ignore[attr-defined]
    lines += ["", f"```sh\npython sims/{name}.py\n```", ""]
    if made:
        lines.append(f"*The figure: {_made(made)}.*")
    else:
        lines.append(f"*No figure is committed: {text.get('missing', 'the command draws it.')}*")
    return "\n".join([*lines, ""])


def _made(made: dict[str, object]) -> str:
    """What made a figure: a command where it is another than the script, seed, version, time."""
    parts = [f"`{made['command']}`"] if "command" in made else []
    parts += [f"seed {made['seed']}", f"cgrosim {made['version']}"]
    if "seconds" in made:
        parts.append(f"{made['seconds']:.0f} s on a busy machine of two cores")
    return ", ".join(parts)
