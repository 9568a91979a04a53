"""The notebooks are the pages: the same text and code in the same order, run from top to bottom, outputs included."""

import json
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS / "_extension"))
import notebooks  # noqa: E402

sys.path.remove(str(DOCS / "_extension"))


@pytest.mark.parametrize("name", notebooks.NOTEBOOKS)
def test_a_notebook_is_its_page_and_has_been_run(name):
    book = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in book["cells"]]
    assert found == notebooks.cells(notebooks.NOTEBOOKS[name]), "run python docs/_extension/notebooks.py"
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert any(cell["outputs"] for cell in code)
    for cell in code:
        failed = any(output["output_type"] == "error" for output in cell["outputs"])
        assert failed == (notebooks.REFUTED in "".join(cell["source"]))
        assert (
            not failed or "".join(cell["source"]) == notebooks.REFUTED
        )  # marimo runs nothing that rests on a failed cell


def test_links_of_a_notebook_lead_to_the_repository():
    linked = notebooks._linked("[a](../sweeps.md#x) [](b.md) [c](https://d.e)", Path("tutorials"))
    assert linked == f"[a]({notebooks.PAGES}/sweeps.md#x) [b.md]({notebooks.PAGES}/tutorials/b.md) [c](https://d.e)"
