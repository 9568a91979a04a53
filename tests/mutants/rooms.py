"""Which files are mutated, room by room, and which tests of the ordinary suite are to notice."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

ROOMS = {
    "theory": (("theory",), ("theory", "properties", "derivations")),
    "kernels": (("cgrosim/kernels",), ("kernels", "engines", "model")),
    "image kernels": (("cgrosim/images/network/kernels",), ("images",)),
    "engines": (("cgrosim/engines",), ("engines", "kernels", "run", "properties")),
    "attacks": (("cgrosim/model/threats.py", "cgrosim/model/signal_threats.py", "cgrosim/images/attacks/gradient.py",
                 "cgrosim/images/attacks/black_box.py"), ("model", "kernels", "images")),
    "evaluation": (("cgrosim/images/attacks/evaluation.py", "cgrosim/run/observation.py", "cgrosim/run/quantities.py",
                    "cgrosim/model/reference.py"), ("run", "model", "images")),
    "training": (("cgrosim/images/training",), ("images",)),
    "checks": (("cgrosim/claims/checks.py",), ("claims/test_checks.py", "claims/test_rank_correlation.py",
                                               "claims/test_report.py")),
}  # fmt: skip
"""Files or folders, and files or folders below ``tests``."""

COMPILED = ("kernels", "image kernels", "engines")
"""Rooms whose mutants compile anew: what another mutant compiled must not stand in."""


def files_of(room: str) -> list[str]:
    """The files of a room, without those that only gather names."""
    found = []
    for place in ROOMS[room][0]:
        paths = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        found += [str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py"]
    return found


def relevant_tests(room: str, module: str) -> list[str]:
    """The test files of a room that reach a module, those first that name it themselves; all where none does."""
    chosen = []
    for place in ROOMS[room][1]:
        path = ROOT / "tests" / place
        chosen += [path] if path.is_file() else sorted(path.glob("test_*.py"))
    reaching = [path for path in chosen if module in _reached(path)] or chosen
    return [str(path.relative_to(ROOT)) for path in sorted(reaching, key=lambda path: module not in _names(path))]


@cache
def _names(path: Path) -> frozenset[str]:
    """Modules that a file imports, wherever in it; ``from a import b`` may mean ``a`` or ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@cache
def _reached(path: Path) -> frozenset[str]:
    """Modules that a file reaches through any others; the front door leads everywhere."""
    seen: set[str] = set()
    waiting = list(_names(path))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name == "cgrosim":
            waiting += ["cgrosim.run.session", "cgrosim.predictions.predict", "cgrosim.engines"]
        if name == "cgrosim.engines":
            waiting += [f"cgrosim.engines.{each.stem}" for each in (ROOT / "cgrosim/engines").glob("*.py")]
        file = _file(name)
        if file is not None:
            waiting += _names(file)
    return frozenset(seen)


def _file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] == "cgrosim":
        base = ROOT.joinpath(*(parts[1:] if parts[1:2] == ["theory"] else parts))
        candidates = [base.with_suffix(".py"), base / "__init__.py"]
    else:  # helpers that stand beside the tests
        candidates = [folder / f"{name}.py" for folder in (ROOT / "tests").iterdir() if folder.is_dir()]
    return next((path for path in candidates if path.is_file()), None)
