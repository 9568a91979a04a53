"""The campaign of mutants does what it says: one change each, imported by the tests and by what they start."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
try:
    from mutating import ROOT, mutants_of, mutated
    from mutating_campaign import sampled, table
    from rooms import ROOMS, files_of, relevant_tests
finally:
    sys.path.pop(0)

FILE = "theory/power_growth.py"
TRY = """
import sys
sys.path.insert(0, {folder!r})
import pytest
from mutating_campaign import tried
from mutating import mutants_of
(mutant,) = [each for each in mutants_of("theory/thresholds.py") if each.kind == "constant"][:1]
found = [tried(mutant, [{tests!r} + name], False) for name in ("/test_looks.py", "/test_starts.py", "/test_blind.py")]
print([(each["killed"], each["by"].rpartition("::")[2]) for each in found])
"""
LOOKS = """
def test_it():
    import cgrosim.theory.thresholds as seen
    assert {value}
"""


def test_a_mutant_changes_one_expression_and_no_words():
    original = ast.parse((ROOT / FILE).read_text())
    before = [ast.dump(node) for node in original.body]
    mutants = mutants_of(FILE)
    assert len({mutant.name for mutant in mutants}) == len(mutants) > 50
    assert {mutant.kind for mutant in mutants} >= {"arithmetic", "comparison", "constant", "exponent"}
    for mutant in mutants[:: len(mutants) // 12]:
        changed = mutated(mutant)
        after = [ast.dump(node) for node in changed.body]
        assert sum(one != two for one, two in zip(before, after, strict=True)) == 1, mutant.name
        compile(changed, FILE, "exec")
    said = [node for node in ast.walk(original) if isinstance(node, ast.Raise)]
    lines = {line for node in said for line in range(node.lineno, node.end_lineno + 1)}
    assert said
    assert not lines & {mutant.line for mutant in mutants}


@pytest.mark.slow
def test_samples_are_drawn_by_a_seed_and_grow():
    assert sampled("checks", 5, 0) == sampled("checks", 20, 0)[:5] != sampled("checks", 5, 1)
    for room, (_, tests) in ROOMS.items():
        assert files_of(room), room
        assert all((ROOT / "tests" / test).exists() for test in tests), room
    naming = [test for test in relevant_tests("theory", "cgrosim.theory.chaos")
              if "theory.chaos" in (ROOT / test).read_text()]  # fmt: skip
    assert "tests/properties/test_chaos.py" in naming
    assert relevant_tests("theory", "cgrosim.theory.chaos")[: len(naming)] == naming


@pytest.mark.slow
def test_a_mutant_is_killed_by_a_test_that_looks_and_by_what_it_starts(tmp_path):
    """The tests of the toy are not those of the suite; the blind one must leave the mutant alive."""
    (constant,) = [each for each in mutants_of("theory/thresholds.py") if each.kind == "constant"][:1]
    name = next(
        node.targets[0].id if isinstance(node, ast.Assign) else node.target.id
        for node in ast.parse((ROOT / "theory/thresholds.py").read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.lineno <= constant.line <= node.end_lineno
    )
    looks = LOOKS.format(value=f"seen.{name} == {constant.before}")
    (tmp_path / "test_looks.py").write_text(looks)
    (tmp_path / "test_blind.py").write_text(LOOKS.format(value="True"))
    starts = f"import cgrosim.theory.thresholds as t; assert t.{name} == {constant.before}"
    program = f"subprocess.run([sys.executable, '-c', {starts!r}], check=True)"
    (tmp_path / "test_starts.py").write_text(f"def test_it():\n    import subprocess, sys\n    {program}\n")
    script = TRY.format(folder=str(Path(__file__).parent), tests=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[(True, 'test_it'), (True, 'test_it'), (False, '')]"


def test_the_table_counts_by_room_and_gives_reasons():
    one = {"room": "checks", "file": "a.py", "line": 3, "before": "x | y", "after": "x", "killed": False}
    results = {"m": one, "n": {**one, "killed": True}, "o": {**one, "room": "theory", "killed": True}}
    lines = table(results, {"m": "equivalent: x is y"}).splitlines()
    assert "| theory | 1 | 1 (100 %) | 0 | 0 |" in lines
    assert "| checks | 2 | 1 (50 %) | 1 | 1 |" in lines
    assert "| all | 3 | 2 (67 %) | 1 | 1 |" in lines
    assert lines[-1] == "| a.py:3 | `x \\| y` | `x` | equivalent: x is y |"
