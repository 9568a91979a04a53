"""One table of thresholds in the simulator, one in the theory, the same numbers."""

import ast
from pathlib import Path

from cgrosim.model import thresholds
from cgrosim.theory import thresholds as theirs

ROOT = Path(__file__).parents[2]
NAMES = ("SIGNAL_GROWN", "MEMORISED", "ESCAPED")


def test_the_theory_speaks_of_the_simulators_thresholds():
    for name in NAMES:
        assert getattr(thresholds, name) == getattr(theirs, name)


def test_nobody_else_defines_one():
    """A name that ends like a threshold's and is given a number is a second table."""
    spared = {"cgrosim/model/thresholds.py", "theory/thresholds.py"}
    for path in [*(ROOT / "cgrosim").rglob("*.py"), *(ROOT / "theory").rglob("*.py")]:
        if path.relative_to(ROOT).as_posix() in spared:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = {target.id for target in node.targets if isinstance(target, ast.Name)}
                assert not names & {*NAMES, "GROWN", "THRESHOLD"}, path
            if isinstance(node, ast.arguments):
                for default in (*node.defaults, *node.kw_defaults):
                    assert not (isinstance(default, ast.Constant) and default.value == thresholds.MEMORISED), path
