"""Three tutorials as notebooks, outputs included: ``python docs/_extension/notebooks.py``, needs the extra "notebooks".

Every block of Python becomes a cell that is run, everything else text; links lead to the repository.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

DOCS = Path(__file__).parents[1]
NOTEBOOKS = {"dynamics": "tutorials/dynamics.md", "sweep": "sweeps.md", "lemma": "property-testing.md"}
PAGES = "https://github.com/cgrosim/cgrosim/blob/main/docs"
REFUTED = "test_descent_is_as_fast_as_the_flow()"  # the false lemma is called: a cell of its own, on which none rests


def cells(page: str) -> list[tuple[str, str]]:
    """The parts of a page, each with its kind, ``markdown`` or ``code``."""
    found = []
    for number, part in enumerate(
        re.split(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    ):
        text = part.strip() if number % 2 else _linked(part.strip(), PurePosixPath(page).parent)
        if number % 2 and re.search(r"^figure = ", text, re.MULTILINE):
            text += "\nfigure"  # a cell shows what its last line is
        if text:
            found.append(("code" if number % 2 else "markdown", text))
    return found


def _linked(text: str, folder: PurePosixPath) -> str:
    """Relative links as addresses of the repository."""

    def address(found: re.Match[str]) -> str:
        place = found.group(2)
        if "://" in place or place.startswith("#"):
            return found.group(0)
        parts: list[str] = []
        for part in (folder / place).parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        return f"[{found.group(1) or parts[-1]}]({PAGES}/{'/'.join(parts)})"

    return re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", address, text)


def notebook(page: str) -> Any:
    """A page as a notebook, not run; names of cells are their places, so that the same page is the same file."""
    import nbformat.v4 as form

    made = []
    for number, (kind, text) in enumerate(cells(page)):
        cell = form.new_code_cell(text) if kind == "code" else form.new_markdown_cell(text)
        cell["id"] = f"cell-{number}"
        if kind == "code" and REFUTED in text:
            cell["metadata"]["tags"] = ["raises-exception"]
        made.append(cell)
    return form.new_notebook(
        cells=made, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )


def run(page: str) -> dict[str, Any]:
    """A page as a notebook with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails that should not.
    """
    from nbclient import NotebookClient

    book = notebook(page)
    NotebookClient(book, timeout=600, record_timing=False).execute()
    for cell in book["cells"]:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":  # the counterexample, without the paths of this machine
                said = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output["traceback"]))
                output["traceback"] = [said[said.rindex(output["ename"]) :]]
        cell["outputs"] = (
            [each for each in cell.get("outputs", ()) if each.get("name") != "stderr"]
            if cell["cell_type"] == "code"
            else None
        )
        if cell["outputs"] is None:
            del cell["outputs"]
    book["metadata"].pop("language_info", None)
    return dict(book)


if __name__ == "__main__":
    (DOCS / "notebooks").mkdir(exist_ok=True)
    for name, page in NOTEBOOKS.items():
        path = DOCS / "notebooks" / f"{name}.ipynb"
        path.write_text(json.dumps(run(page), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(path.relative_to(DOCS.parent), f"{path.stat().st_size / 1000:.0f} kB")
