"""Small errors put into one expression of a module: which there can be, and a module imported with one of them.

An error is subtle on purpose: an operator beside the right one, a number 10 % or one off, a neighbouring index, an
exponent one too large. Words, annotations and error messages are left alone.
"""

import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rooms import ROOT, module_of

VARIABLE = "CGROSIM_MUTANT"
"""Of the environment: the mutant that a program and its children import, as JSON."""

ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
              ast.Mod: ast.FloorDiv}  # fmt: skip
COMPARISON = {ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt),
              ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One changed expression.

    Attributes
    ----------
    file : below the root of the repository
    kind : arithmetic, comparison, constant, index or exponent
    place : of the expression among all nodes of the file, in the order of `ast.walk`
    variant : which change of several
    line : of the expression
    before, after : the expression in words
    """

    file: str
    kind: str
    place: int
    variant: int
    line: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.file}:{self.line} {self.kind} {self.place}.{self.variant}"

    @property
    def module(self) -> str:
        """Dotted name of the module, as it is imported."""
        return module_of(self.file)


def mutants_of(file: str) -> list[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    left_alone = _left_alone(tree)
    indices = {inner for node in ast.walk(tree) if isinstance(node, ast.Subscript) for inner in ast.walk(node.slice)}
    found = []
    for place, node in enumerate(ast.walk(tree)):
        if node in left_alone:
            continue
        for variant, (kind, changed) in enumerate(_changes(node, node in indices)):
            before, after = ast.unparse(node), ast.unparse(changed)
            found.append(Mutant(file, kind, place, variant, getattr(node, "lineno", 0), before, after))
    return found


def _left_alone(tree: ast.AST) -> set[ast.AST]:
    """Nodes that only say something: annotations, error messages, formatted words, decorators."""
    said: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            said += node.decorator_list
            said += [node.returns] if node.returns else []
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            said.append(node.annotation)
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            said.append(node)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            said.append(node)
    return {inner for node in said for inner in ast.walk(node)}


def _changes(node: ast.AST, index: bool) -> list[tuple[str, ast.AST]]:
    """The changes of one expression with their kinds."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        one = ast.Constant(1)
        return [("exponent", ast.BinOp(node.left, ast.Pow(), ast.BinOp(node.right, way, one)))
                for way in (ast.Add(), ast.Sub())]  # fmt: skip
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        return [("arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISON:
        return [("comparison", ast.Compare(node.left, [other()], node.comparators))
                for other in COMPARISON[type(node.ops[0])]]  # fmt: skip
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [("arithmetic", node.operand)]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if isinstance(node.value, int):
            return [("index" if index else "constant", ast.Constant(node.value + step)) for step in (1, -1)]
        changed = node.value * 1.1 if node.value else 0.1
        return [("constant", ast.Constant(changed))]
    return []


def function_of(mutant: Mutant) -> int | None:
    """First line, decorators included, of the innermost function around the expression; None outside of any."""
    tree = ast.parse((ROOT / mutant.file).read_text(encoding="utf-8"))
    place = list(ast.walk(tree))[mutant.place]
    around = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
              and any(inner is place for inner in ast.walk(node))]  # fmt: skip
    return max(map(first_line, around), default=None)


def first_line(node: ast.FunctionDef) -> int:
    """Of a function, decorators included."""
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def mutated(mutant: Mutant) -> ast.Module:
    """The tree of the file with the change in it."""
    tree = ast.parse((ROOT / mutant.file).read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    old = nodes[mutant.place]
    indices = {inner for node in nodes if isinstance(node, ast.Subscript) for inner in ast.walk(node.slice)}
    _, new = _changes(old, old in indices)[mutant.variant]
    new = ast.fix_missing_locations(ast.copy_location(copy.deepcopy(new), old))
    for parent in nodes:
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return tree
            if isinstance(value, list) and any(item is old for item in value):
                value[[item is old for item in value].index(True)] = new
                return tree
    raise AssertionError(f"{mutant.name} is nowhere in its file")


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a changed file; nothing compiled before it is taken, and nothing of it kept."""

    def __init__(self, module: str, file: str, changed: Callable[[], ast.Module]) -> None:
        super().__init__(module, str(ROOT / file))
        self.changed = changed

    def get_code(self, fullname):
        return compile(self.changed(), self.path, "exec")


class Changing(importlib.abc.MetaPathFinder):
    """Finds changed files: what they are changed to, by their names below the root."""

    def __init__(self, changes: dict[str, Callable[[], ast.Module]]) -> None:
        self.changes = {module_of(file): (file, changed) for file, changed in changes.items()}

    def find_spec(self, fullname, path, target=None):
        if fullname not in self.changes:
            return None
        file, changed = self.changes[fullname]
        return importlib.util.spec_from_file_location(fullname, ROOT / file, loader=_Loader(fullname, file, changed))


def _finder(mutant: Mutant) -> Changing:
    return Changing({mutant.file: lambda: mutated(mutant)})


def install(mutant: Mutant) -> None:
    """From now on this program, and the programs it starts, import the mutant."""
    assert mutant.module not in sys.modules, f"{mutant.module} was imported already"
    sys.meta_path.insert(0, _finder(mutant))
    os.environ[VARIABLE] = json.dumps(asdict(mutant))
    starting = str(Path(__file__).parent / "starting")
    os.environ["PYTHONPATH"] = os.pathsep.join([starting, *filter(None, [os.environ.get("PYTHONPATH")])])


def install_inherited() -> None:
    """The same in a program that a test of a mutant has started."""
    if VARIABLE in os.environ:
        sys.meta_path.insert(0, _finder(Mutant(**json.loads(os.environ[VARIABLE]))))
