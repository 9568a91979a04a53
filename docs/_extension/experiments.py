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
    return _paragraphs(path)[0].splitlines()[0]


def _paragraphs(path: Path) -> list[str]:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "?").split("\n\n")


def texts() -> dict[str, dict[str, object]]:
    """Title, sentences and numbers of every experiment, in the order of the gallery."""
    return tomllib.loads((GALLERY / "texts.toml").read_text(encoding="utf-8"))


def gallery() -> str:
    """Every experiment under a heading of its own; one that has no text yet speaks for itself.

    Raises
    ------
    ValueError
        If a text belongs to no experiment.
    """
    scripts = {path.stem: path for path in sorted(SIMS.glob("*.py")) if path.stem != "common"}
    told = texts()
    if not set(told) <= set(scripts):
        raise ValueError(f"gallery/texts.toml names {sorted(set(told) - set(scripts))}, which sims does not have")
    for name in set(scripts) - set(told):
        says = " ".join(" ".join(_paragraphs(scripts[name])[1:]).split())
        told[name] = {"title": name.replace("_", " ").capitalize(), "says": says, "numbers": ()}
    made = json.loads((GALLERY / "figures.json").read_text(encoding="utf-8"))
    order = [*texts(), *sorted(set(scripts) - set(texts()))]
    return "\n".join(_entry(name, told[name], made.get(name)) for name in order)


def _entry(name: str, text: dict[str, object], made: dict[str, object] | None) -> str:
    lines = [f"(sim-{name})=", f"## {text['title']}", "", f"**{question(SIMS / f'{name}.py')}**", ""]
    if made:
        lines += [f"![{text['title']}]({made.get('picture', f'gallery/{name}.png')})", ""]
    lines += [str(text["says"]).strip(), ""]
    lines += [f"- {number}" for number in text["numbers"]]  # type: ignore[attr-defined]
    lines += ["", f"```sh\npython sims/{name}.py\n```", ""]
    if made:
        drawn = f"; {text['drawn']}" if "drawn" in text else ""
        lines.append(f"*The figure: {_made(made)}{drawn}.*")
    else:
        lines.append(f"*No figure is committed: {text.get('missing', 'the command draws it.')}*")
    return "\n".join([*lines, ""])


def _made(made: dict[str, object]) -> str:
    """What made a figure: a command where it is another than the script, seed, version, time."""
    parts = [f"`{made['command']}`"] if "command" in made else []
    parts += [f"seed {made['seed']}", f"cgrosim {made['version']}"]
    if "processor_seconds" in made:
        parts.append(f"{made['processor_seconds']:.0f} s of one processor")
    if "seconds" in made:
        parts.append(f"{made['seconds']:.0f} s on a busy machine of two cores")
    return ", ".join(parts)
