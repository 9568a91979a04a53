"""The rooms of the house and the direction of the arrows, held by walking the imports, function-level ones included."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the top floor down: a room imports from rooms further down only. Rooms of one line do not know each other.
FLOORS = (
    ("commands",),
    ("classroom",),
    ("claims",),
    ("studies",),
    ("sweeps",),
    ("images",),
    ("figures",),
    ("predictions",),
    ("testing",),
    ("run",),
    ("engines",),
    ("model",),
    ("kernels", "executors"),
    ("arguments",),
    ("files",),
    ("errors", "interrupts", "progress"),
)
FLOOR = {room: depth for depth, rooms in enumerate(FLOORS) for room in rooms}
KNOW_THE_THEORY = ("claims", "predictions")
ENGINES = ("cgrosim.engines", "cgrosim.run.recorder")
SPARED = {"cgrosim", "cgrosim.__main__"}  # the front door stands above all rooms


@cache
def modules():
    """Dotted name and file of every module of the package; the theory's under its installed name."""
    found = {}
    for folder, prefix in (("cgrosim", ()), ("theory", ("cgrosim",))):
        for path in (ROOT / folder).rglob("*.py"):
            parts = [*prefix, *path.relative_to(ROOT).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def statements(node):
    """Every import statement below a node, but for those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        yield from statements(child)


def imported(path):
    """Every module name a file imports, anywhere in it; of ``from a import b`` that is ``a.b`` or ``a``."""
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules() else node.module for name in names)
        else:
            raise AssertionError(f"{path} imports relatively")


@cache
def graph():
    """What each module imports of the package, directly."""
    return {
        name: {other for other in imported(path) if other in modules() and other not in (name, "cgrosim")}
        for name, path in modules().items()
    }


def reach(name):
    """Everything that a module imports, directly or through others."""
    seen, waiting = set(), [name]
    while waiting:
        for other in graph()[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def room(name):
    return name.split(".")[1]


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def test_every_room_has_its_floor():
    assert {room(name) for name in modules() if name not in SPARED} <= {*FLOOR, "theory"}


@pytest.mark.parametrize("name", sorted(set(modules()) - SPARED))
def test_arrows_point_down(name):
    if room(name) == "theory":
        assert all(room(other) == "theory" for other in reach(name))
        return
    for other in graph()[name]:
        if room(other) == "theory":
            assert room(name) in KNOW_THE_THEORY, other
        elif room(other) != room(name):
            assert FLOOR[room(other)] > FLOOR[room(name)], other
    if FLOOR[room(name)] > FLOOR["predictions"]:
        assert not [other for other in reach(name) if room(other) == "theory"]


def test_there_are_no_circles():
    for name in modules():
        assert name not in reach(name), name


def test_theory_needs_numpy_and_scipy_only():
    allowed = {*sys.stdlib_module_names, "numpy", "scipy", "cgrosim"}
    for path in files("theory"):
        assert {name.split(".")[0] for name in imported(path)} <= allowed, path


def test_the_theory_lists_its_modules():
    import cgrosim.theory

    names = sorted(path.stem for path in files("theory") if not path.stem.startswith("_"))
    assert cgrosim.theory.__all__ == names
    for name in names:
        assert f"\n    {name}: " in cgrosim.theory.__doc__, name


def test_the_theory_touches_no_files():
    for path in files("theory"):
        assert not set(imported(path)) & {"os", "tempfile", "pathlib", "shutil"}, path
        assert " open(" not in path.read_text(), path


def test_kernels_draw_no_random_numbers():
    for path in [*files("cgrosim/kernels"), *files("cgrosim/images/network/kernels")]:
        assert "random." not in path.read_text().replace("no random", ""), path


def test_figures_compute_nothing():
    computing = ("cgrosim.engines", "cgrosim.kernels", "cgrosim.run.session", "cgrosim.images.network")
    for path in files("cgrosim/figures"):
        assert not [name for name in imported(path) if name.startswith(computing)], path


def test_engines_are_driven_by_runs_alone():
    """What is verified, studied and shown is what users run: planning, recorder and results included."""
    for name in modules():
        if name not in SPARED and room(name) not in ("run", "engines"):
            driven = [other for other in graph()[name] if other.startswith(ENGINES)]
            assert not driven, f"{name} imports {driven}; take cgrosim.run.session.simulate"
    for path in files("sims"):
        assert not [name for name in imported(path) if name.startswith(ENGINES)], path


def test_no_fastmath_in_the_theory_simulator():
    for path in files("cgrosim/kernels"):
        assert "fastmath=" not in path.read_text(), path


def test_nothing_is_pickled_by_our_own_code():
    for path in [*files("cgrosim"), *files("theory")]:
        text = path.read_text()
        assert "import pickle" not in text, path
        assert "allow_pickle=True" not in text, path


def test_modules_stay_small():
    for path in [*files("cgrosim"), *files("theory")]:
        assert len(path.read_text().splitlines()) <= 400, path


def test_every_package_is_installed():
    with (ROOT / "pyproject.toml").open("rb") as file:
        setup = tomllib.load(file)["tool"]["setuptools"]
    packages = {name for name, path in modules().items() if path.name == "__init__.py"}
    assert set(setup["packages"]) == packages | {"cgrosim.sims"}  # scripts to copy, which nothing imports
    assert setup["package-dir"] == {"cgrosim.theory": "theory", "cgrosim.sims": "sims"}


@pytest.mark.parametrize(
    "module", ["cgrosim", "cgrosim.theory", "cgrosim.commands.main", "cgrosim.images", "cgrosim.images.network.layers"]
)
def test_importing_does_no_work(module):
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {{'numba', 'matplotlib', 'xarray', 'scipy'}}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_module_called_theory_beside_a_script_disturbs_nothing(tmp_path):
    (tmp_path / "theory.py").write_text("raise RuntimeError('not yours')\n")
    (tmp_path / "script.py").write_text(
        "import cgrosim.predictions, cgrosim.theory.memorisation as m; print(m.__name__)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "cgrosim.theory.memorisation"


def test_nobody_imports_the_internals_of_a_claim():
    """What claims share stands beside the catalogue or in the studies; the registry alone looks into it, by name."""
    inside = "cgrosim.claims.catalogue."
    for path in [*modules().values(), *files("sims"), *files("docs")]:
        assert not [name for name in imported(path) if name.startswith(inside)], path


def test_what_only_tests_use_of_the_theory_stands_with_the_tests():
    """Every public name has a reader: the rest of the house, another function of the theory, a sim or a page."""
    docs = [path for path in (ROOT / "docs").rglob("*") if path.suffix in {".md", ".toml"}]
    readers = [*files("cgrosim"), *files("theory"), *files("sims"), *docs]
    words = Counter(word for path in readers for word in re.findall(r"\w+", path.read_text(encoding="utf-8")))
    public = [
        f"{path.stem}.{node.name}"
        for path in files("theory")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert not [name for name in public if words[name.split(".")[1]] < 2]


PUBLIC = ("cgrosim", "cgrosim.claims", "cgrosim.images", "cgrosim.figures", "cgrosim.sweeps", "cgrosim.testing")


def public_functions():
    import cgrosim.theory

    for package in (*PUBLIC, *(f"cgrosim.theory.{name}" for name in cgrosim.theory.__all__)):
        module = importlib.import_module(package)
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == package]
        listed = getattr(module, "__all__", None) or [name for name in own if not name.startswith("_")]
        for name in listed:
            found = getattr(module, name)
            if inspect.isfunction(found) and found.__module__.startswith("cgrosim."):
                yield name, inspect.unwrap(found)
            elif inspect.isclass(found) and found.__module__.startswith("cgrosim."):
                methods = ((f"{name}.{key}", value) for key, value in vars(found).items() if not key.startswith("_"))
                yield from ((key, value) for key, value in methods if inspect.isfunction(value))


def test_arguments_after_the_third_are_named():
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    many = {}
    for name, function in public_functions():
        names = [p.name for p in inspect.signature(function).parameters.values() if p.kind in positional]
        if len([each for each in names if each != "self"]) > 3:
            many[name] = names
    assert not many
