"""Claims of one's own: from Python, a file and an entry point, by workers; the page on them stays true."""

import importlib.metadata
import json
import re
import shlex
from pathlib import Path

import pytest

import cgrosim
from cgrosim.claims import Claim, Context, Evidence, World, calibration, checks, measure_power
from cgrosim.claims.calibration import calibrate
from cgrosim.claims.checks import combine
from cgrosim.claims.homes import home_of
from cgrosim.claims.own_files import claims_of_file
from cgrosim.claims.power import LEVELS, changed
from cgrosim.claims.registry import GROUP, all_claims, select
from cgrosim.claims.report.matrix import kill_matrix
from cgrosim.claims.report.power import in_words
from cgrosim.claims.runner import _sharing
from cgrosim.commands.main import main
from cgrosim.errors import UserError

OWN, BROKEN = (Path(__file__).with_name(f"{name}.py") for name in ("own_claims", "broken_claims"))
PAGE = (Path(__file__).parents[2] / "docs" / "tutorials" / "add-a-claim.md").read_text(encoding="utf-8")


def data_of(folder):
    return {verdict["name"]: verdict for verdict in json.loads((folder / "verdicts.json").read_text())["verdicts"]}


def test_the_page_goes_from_a_lemma_to_a_verdict_and_refutes_the_wrong_one(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 40
    file = tmp_path / "my_claims.py"
    file.write_text(code, encoding="utf-8")
    claims = claims_of_file(file)
    right, wrong = cgrosim.verify(claims, workers=1)
    assert (right.verdict, wrong.verdict) == ("supported", "violated")
    assert not right.unkilled
    matrix, power = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert kill_matrix(right) == matrix
    head, _, row = ([cell.strip() for cell in line.split("|")[1:-1]] for line in power.splitlines())
    printed = dict(zip(head, row, strict=True))
    noticed = measure_power(claims[:1], parameters=("samples",))["attack-slows"]
    assert in_words(noticed["samples"]) == printed["samples"]
    edge = float(printed["gap"].removesuffix(" %")) / 100

    def rejects(change):
        return combine(claims[0].measure(Context(), changed("gap", change)).checks) == "violated"

    assert rejects(edge)
    assert rejects(-edge)
    below = LEVELS[LEVELS.index(edge) - 1]
    assert not all(rejects(sign * below) for sign in (1.0, -1.0))


def test_the_command_reads_a_file_and_its_repeat_command_repeats(tmp_path, monkeypatch):
    file = tmp_path / "my claims.py"
    file.write_text(OWN.read_text(encoding="utf-8"), encoding="utf-8")

    monkeypatch.chdir(tmp_path)
    # one of them is wrong; the workers are processes of their own, and read the file again
    assert main(["verify", "--claims", file.name, "--seed", "3", "--workers", "2", "--out", "first"]) == 1
    found = data_of(tmp_path / "first")
    assert {name: verdict["verdict"] for name, verdict in found.items()} == {"two": "supported", "three": "violated"}
    assert found["two"]["checks"][0]["measured"] == 2.03
    program, *words = shlex.split(found["two"]["repeat"])
    assert program == "cgrosim"
    assert main([*words, "--workers", "1"]) == 0
    repeated = data_of(tmp_path / "report")
    assert list(repeated) == ["two"]
    assert {**repeated["two"], "timing": None} == {**found["two"], "timing": None}


@pytest.mark.parametrize(
    "names", [["--claim", "two", "--claim", "three"], ["two", "three"], ["two", "--claim", "three"], []]
)
def test_names_are_given_either_way(names, tmp_path, capsys):
    assert main(["verify", "--claims", str(OWN), *names, "--workers", "1", "--out", str(tmp_path)]) == 1
    assert sorted(data_of(tmp_path)) == ["three", "two"]
    assert main(["verify", "--claims", str(OWN), *names, "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["three", "exact"]


def test_claims_of_a_notebook_are_evaluated_here():
    def measure(context, world):
        return Evidence((checks.inside("a number", "", world.number("x", 1.0), (0.9, 1.1), ""),))

    claims = [Claim(name, name, "", "", "bound", measure, (World("off", x=2.0),)) for name in ("one", "other")]
    assert home_of(claims[0]) is None
    assert [verdict.verdict for verdict in cgrosim.verify(claims, workers=2)] == ["supported"] * 2
    mixed = cgrosim.verify([claims[1], "transfer-attack"])
    assert [verdict.claim.name for verdict in mixed] == ["other", "transfer-attack"]
    text = str(mixed)
    assert "supported" in text
    assert "world 1: off" in text


def test_an_entry_point_adds_claims(monkeypatch):
    class Point:
        name, value = "mine", "own_claims"

        def __init__(self, found):
            self.found = found

        def load(self):
            if isinstance(self.found, Exception):
                raise self.found
            return self.found

    def claims_with(found):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point(found)] if group == GROUP else [])
        all_claims.cache_clear()
        return list(all_claims())

    own = claims_of_file(OWN)
    try:
        assert claims_with(own)[-2:] == ["two", "three"]
        assert claims_with(own[0])[-1] == "two"
        for found, sentence in (
            ("nothing", "the entry point 'mine' of cgrosim.claims (own_claims) lists no claims; end it with CLAIMS"),
            (ImportError("no module own_claims"), "cannot be loaded (no module own_claims); mend or remove"),
            (Claim("closure", "", "", "", "bound", own[0].measure, ()), "has a claim called 'closure', as there is"),
        ):
            with pytest.raises(UserError, match=re.escape(sentence)):
                claims_with(found)
    finally:
        monkeypatch.undo()
        all_claims.cache_clear()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\n", "lists no claims; end it with CLAIMS = (Claim(...),)."),
        ("\nx = 1 / 0\n", "cannot be run (ZeroDivisionError: division by zero, line 2); mend it first."),
        ("x = = 1\n", "cannot be run (SyntaxError: invalid syntax"),
        (None, "is not a file; give a file of Python with CLAIMS"),
    ],
)
def test_a_bad_file_is_one_sentence(text, sentence, tmp_path, capsys):
    file = tmp_path / "bad.py"
    if text is not None:
        file.write_text(text)
    assert main(["verify", "--claims", str(file), "--list"]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_name_is_taken_once():
    (two, three) = claims_of_file(OWN)
    assert select([two, two, "three"], [OWN]) == [two, three]
    with pytest.raises(UserError, match="has a claim called 'two', as there is already; rename it"):
        select([Claim("two", "", "", "", "bound", two.measure, ())], [OWN])
    with pytest.raises(UserError, match="did you mean two"):
        select(["twoo"], [OWN])


def test_context_is_what_a_verdict_depends_on():
    verdict = cgrosim.verify([claims_of_file(OWN)[0]], Context("full", 7))[0]
    assert (verdict.effort, verdict.seed, verdict.evidence.checks[0].measured) == ("full", 7, 2.07)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_claim_that_cannot_be_measured_is_named_and_the_others_are_kept(tmp_path, capsys, workers):
    out = tmp_path / "report"
    command = ["verify", "--claims", str(BROKEN), "--workers", str(workers), "--out", str(out)]
    assert main(command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "The claim broken cannot be measured with seed 0 and effort quick: ZeroDivisionError: " in said
    assert "Traceback" not in said
    if workers == 1:  # side by side either may be the first to end
        kept = json.loads((out / "interrupted" / "verdicts.json").read_text())["verdicts"]
        assert [each["name"] for each in kept] == ["two"]


def test_many_seeds_make_a_table_and_go_on_where_they_ended(tmp_path, capsys):
    """The number is two plus a hundredth of the seed: 2.1 at seed 10 is the last that is allowed."""
    out = tmp_path / "calibration"
    command = ["verify", "--claims", str(OWN), "two", "--workers", "1", "--out", str(out)]
    assert main([*command, "--seeds", "8:11"]) == 0
    told = capsys.readouterr().out
    assert "1 claim at 3 seeds (8-10), effort quick: 3 verdicts, 0 violated, 0 underpowered (0 %);" in told
    before = (out / "quick" / "seed-9" / "verdicts.json").read_text()
    assert main([*command, "--seeds", "8:14"]) == 1
    table = (out / "quick" / "calibration.md").read_text()
    assert "6 seeds (8-13), effort quick: 6 verdicts, 3 violated, 0 underpowered (0 %);" in table
    assert ", cgrosim 0." in table  # what computed it
    assert "- seed 11, `two`: violated." in table
    (row,) = [line for line in table.splitlines() if line.startswith("| two |")]
    assert [cell.strip() for cell in row.split("|")[2:5]] == ["3", "3", "11-13"]
    assert row in capsys.readouterr().out
    timings = [
        json.loads(text)["verdicts"][0]["timing"] for text in (before, (out / "quick/seed-9/verdicts.json").read_text())
    ]
    assert [each["carried"] for each in timings] == [False, True]
    for bad, sentence in (("3", "two whole numbers such as 0:40"), ("4:4", "which holds no seed")):
        assert main([*command, "--seeds", bad]) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())


def test_sittings_at_many_seeds_add_up_and_a_kill_costs_one_claim(tmp_path, monkeypatch):
    claims = claims_of_file(OWN)
    monkeypatch.setattr(calibration, "all_claims", lambda: {claim.name: claim for claim in claims})
    monkeypatch.setattr(calibration, "KEPT_EVERY", 0.0)

    def killed(verdict, done, total):
        if done == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        list(calibrate(claims, "quick", [3], tmp_path, workers=1, progress=killed))
    (found,) = calibrate(claims[1:], "quick", [3], tmp_path, workers=1)
    assert [(v.claim.name, v.carried) for v in found.by_seed[3]] == [("two", True), ("three", False)]
    first, second = calibrate(claims[:1], "quick", [3, 4], tmp_path, workers=1)
    assert first.by_claim["three"][3].carried
    (row,) = [line for line in second.table().splitlines() if line.startswith("| three |")]
    assert "at 3 alone" in row


def test_claims_that_share_a_study_are_evaluated_by_one_process():
    groups = _sharing(list(all_claims().values()))
    assert sorted(claim.name for group in groups for claim in group) == sorted(all_claims())
    shared = [{claim.study for claim in group} for group in groups if len(group) > 1]
    assert shared
    assert all(len(studies) == 1 and None not in studies for studies in shared)
    costs = [sum(claim.cost for claim in group) for group in groups]
    assert costs == sorted(costs, reverse=True)
