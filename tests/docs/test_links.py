"""Links lead somewhere: to a page, a label or a file that exists, also where they name the repository's address."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Homepage"]
RAW = HOME.replace("https://github.com", "https://raw.githubusercontent.com")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "sims" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def is_label(label):
    """Whether a generated page sets it: that of a claim or of an experiment; the claims are read, not imported."""
    kind, _, name = label.partition("-")
    if kind == "sim":
        return (ROOT / "sims" / f"{name}.py").is_file()
    catalogue = (ROOT / "cgrosim" / "claims" / "catalogue").glob("*.py")
    return any(f'"{name}"' in path.read_text(encoding="utf-8") for path in catalogue)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        for prefix in (f"{HOME}/blob/main/", f"{RAW}/main/"):
            if link.startswith(prefix):
                assert (ROOT / link.removeprefix(prefix)).is_file(), link
        if link.startswith(HOME) or "://" in link:
            continue
        place, _, label = link.partition("#")
        target = page.parent / place if place else page
        assert target.is_file(), link
        if label.startswith(("claim-", "sim-")):
            assert is_label(label), link


def test_the_readme_has_no_relative_link():
    """It is also the page on a package index, which knows no folders."""
    assert all("://" in link for link in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
