"""What the package says of itself agrees: version, changelog, citation, packages; the front door opens quickly."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import cgrosim

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HEAVY = {"numpy", "scipy", "numba", "matplotlib", "xarray", "pydantic", "sklearn", "h5py"}


def test_version_citation_and_changelog_agree():
    version = PROJECT["project"]["version"]
    citation = (ROOT / "CITATION.cff").read_text()
    released = re.search(
        rf"^## {re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert cgrosim.__version__ == version
    assert released is not None
    assert f"\nversion: {version}\n" in citation
    assert f"\ndate-released: {released.group(1)}\n" in citation
    assert f'repository-code: "{PROJECT["project"]["urls"]["Source"]}"' in citation
    assert f"version = {{{version}}}" in (ROOT / "docs" / "cite.md").read_text()
    assert f'"{version}"' in (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()


def test_the_recipe_wants_what_the_package_wants():
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    for wanted in PROJECT["project"]["dependencies"]:
        name, _, least = wanted.partition(">=")
        assert re.search(rf"- {name}(-base)? >={re.escape(least)}\n", recipe), wanted


def test_import_and_help_load_nothing_heavy():
    """What takes half a second to import; the help of everything needs none of it."""
    code = (
        "import sys, contextlib, cgrosim\n"
        "from cgrosim.commands.main import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "LOADED []" in out
    assert all(name in out for name in ("simulate", "sweep", "verify", "images", "classroom", "examples", "info"))
