"""The campaign of mutants does what it says: one change each, imported by the tests and by what they start."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
try:
    from covering import chosen_tests
    from mutating import function_of, mutants_of, mutated
    from mutating_campaign import in_order, sampled, table
    from rooms import ROOMS, ROOT, TESTS, files_of, kernels_with
finally:
    sys.path.pop(0)

FILE = "theory/power_growth.py"
TRY = """
import os, sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from mutating_campaign import ORDINARY
from trying import Trial
from mutating import mutants_of
(mutant,) = [each for each in mutants_of("theory/thresholds.py") if each.kind == "constant"][:1]
for name in ("looks", "starts", "blind"):
    trial = Trial(mutant, {{f"{tests}/test_{{name}}.py::test_it": 0.1}}, ORDINARY, Path("nowhere"))
    _, status, used = os.wait4(trial.pid, 0)
    found = trial.result(status, used)
    print(found["killed"], found["by"].rpartition("::")[2])
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


def test_tests_are_those_that_run_the_function_the_cheapest_first():
    (mutant,) = [each for each in mutants_of(FILE) if each.kind == "exponent"][:1]
    place = f"{FILE}:{function_of(mutant)}"
    plain = {"called": [], "starts": False}
    covered = {
        "a::slow": {**plain, "seconds": 3.0, "ran": [place]},
        "b::other": {**plain, "seconds": 0.1, "ran": [f"{FILE}:1"]},
        "b::quick": {**plain, "seconds": 0.2, "ran": [place, "theory/x.py:1"]},
        "c::starts": {**plain, "seconds": 0.1, "ran": [], "starts": True},
    }
    assert list(chosen_tests(mutant, covered)) == ["b::quick", "a::slow"]
    del covered["a::slow"], covered["b::quick"]
    assert list(chosen_tests(mutant, covered)) == ["b::other"]  # the rest of its file, where no test runs it
    del covered["b::other"]
    assert list(chosen_tests(mutant, covered)) == ["c::starts"]
    order = {"a::1": 1.0, "b::1": 2.0, "a::2": 3.0, "c::1": 99.0, "d::1": 4.0}
    assert list(in_order(order, Counter({"d::1": 2, "gone::1": 5}))) == ["d::1", "a::1", "a::2", "b::1"]


def test_a_kernel_is_compiled_into_those_that_import_it():
    found = kernels_with("cgrosim/images/network/kernels/head.py")
    names = {Path(each).stem for each in found}
    assert names >= {"head", "samples", "channels"}
    assert not names & {"pooling", "products", "update"}


@pytest.mark.slow
def test_samples_are_drawn_by_a_seed_and_grow():
    assert sampled("checks", 5, 0) == sampled("checks", 20, 0)[:5] != sampled("checks", 5, 1)
    files = [file for room in ROOMS for file in files_of(room)]
    assert len(files) == len(set(files))  # no file belongs to two rooms
    assert all((ROOT / "tests" / test).exists() for tests in TESTS.values() for test in tests)


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
    assert done.stdout.split() == ["True", "test_it", "True", "test_it", "False"]


KERNEL = "cgrosim/kernels/trial.py"
COMPILE = """
import numpy as np
from cgrosim import kernels
def combined():
    out = np.zeros(2)
    kernels.combine(np.ones(2), np.full((2, 2), 3.0), np.array([[0.0], [0.5]]), 1, 2.0, out)
    return out.tolist()
"""
TRY_KERNEL = """
import os, sys
sys.path.insert(0, {folder!r})
from pathlib import Path
warm = Path({tests!r}) / "warm"
os.environ["NUMBA_CACHE_DIR"] = str(warm)
from mutating_campaign import ORDINARY, load_libraries
load_libraries()
from trying import Trial
from mutating import mutants_of
(mutant,) = [each for each in mutants_of({file!r}) if (each.before, each.after) == ({before!r}, {after!r})]
trial = Trial(mutant, {{"{tests}/test_looks.py::test_it": 0.1}}, ORDINARY, warm)
_, status, used = os.wait4(trial.pid, 0)
print(trial.result(status, used)["killed"])
"""


@pytest.mark.slow
def test_a_mutant_of_a_kernel_is_compiled_though_the_kernel_was_before(tmp_path):
    """Numba read where kernels are kept when it was imported; those without the mutant are there."""
    (tmp_path / "test_looks.py").write_text(f"{COMPILE}\ndef test_it():\n    assert combined() == [4.0, 4.0]\n")
    warm = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "warm")}
    plain = f"{COMPILE}\nassert combined() == [4.0, 4.0]"
    subprocess.run([sys.executable, "-c", plain], check=True, env=warm, cwd=ROOT)
    assert list((tmp_path / "warm").rglob("*.nbc"))
    change = {"before": "vector[i] + step * out[i]", "after": "vector[i] - step * out[i]"}
    script = TRY_KERNEL.format(folder=str(Path(__file__).parent), tests=str(tmp_path), file=KERNEL, **change)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "True"


def test_the_table_counts_by_room_and_gives_reasons():
    one = {
        "room": "checks",
        "file": "a.py",
        "line": 3,
        "before": "x | y",
        "after": "x",
        "killed": False,
        "seconds": 2.0,
    }
    results = {"m": one, "n": {**one, "killed": True}, "o": {**one, "room": "theory", "killed": True}}
    results |= {"p": {**one, "later": "t"}, "q": {**one, "slow": "t"}}
    lines = table(results, {"m": "equivalent: x is y"}).splitlines()
    assert "| theory | 1 | 1 (100 %) | 0 | 0 | 0 | 0 | 2.0 |" in lines
    assert "| checks | 4 | 1 (25 %) | 1 | 1 | 1 | 1 | 2.0 |" in lines
    assert "| all | 5 | 2 (40 %) | 1 | 1 | 1 | 1 | 2.0 |" in lines
    assert lines[-1] == "| a.py:3 | `x \\| y` | `x` | equivalent: x is y |"
