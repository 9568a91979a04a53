"""The pages stay true: every block of Python on them runs, in order, page by page, and prints what a page says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = {  # their rooms have tests of their own
    "tutorials/add-a-claim.md",
    "property-testing.md",
    "cures.md",
    "sweeps.md",
    "classroom.md",
}
SLOW = {  # seconds each; the README, which takes four, is what everybody tries first
    "tutorials/real-images.md",
    "tutorials/dynamics.md",
    "explanation/sampling.md",
    "start.md",
    "how-to/export.md",
}
BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)


def pages():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        name = path.relative_to(ROOT / "docs" if path.parent != ROOT else ROOT).as_posix()
        if name not in ELSEWHERE and "```python" in path.read_text(encoding="utf-8"):
            yield pytest.param(path, id=name, marks=[pytest.mark.slow] if name in SLOW else [])


@pytest.mark.parametrize("path", list(pages()))
def test_every_block_runs_and_prints_what_stands_below_it(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for code, printed in BLOCK.findall(path.read_text(encoding="utf-8")):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, str(path), "exec"), names)
        if printed:
            assert said.getvalue() == printed


def test_the_readme_stays_short_and_its_first_python_short_too():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    first = BLOCK.search("\n".join(lines))
    assert first is not None
    assert sum(bool(line.strip()) for line in first.group(1).splitlines()) <= 8


def test_no_cell_of_a_table_is_a_page():
    """An overview is read across; what takes more words has a page of its own."""
    for path in (ROOT / "README.md", ROOT / "sims" / "README.md"):
        cells = [cell for line in path.read_text().splitlines() if line.startswith("|") for cell in line.split("|")]
        assert max(map(len, cells)) <= 200, path


def test_whoever_states_the_flatness_bound_states_all_of_it():
    """Its rate multiplies flatness and a term without it, with a probability, for a smooth density."""
    told = [ROOT / "docs" / "explanation" / "flatness.md", ROOT / "theory" / "flatness_gap.py"]
    for path in told:
        text = path.read_text(encoding="utf-8")
        for part in ("(D+2)", "Delta", "C(D, L)", "smooth", "density", "with probability", "Proposition 6.4"):
            assert part in " ".join(text.replace("\n", " ").split()).replace("*", ""), (path, part)
