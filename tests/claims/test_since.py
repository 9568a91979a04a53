"""`--since`: a verdict is carried over while nothing it depends on has changed, and is the same verdict."""

import dataclasses
import json
import math
import sys

import numpy as np
import pytest

import cgrosim
from cgrosim import Params
from cgrosim.claims import Claim, Context, Evidence, Panel, Series, Slack, World, checks, fingerprint
from cgrosim.claims.claim import evaluate
from cgrosim.claims.own_files import claims_of_file, module_of_file
from cgrosim.claims.registry import all_claims
from cgrosim.claims.report.data import report_data
from cgrosim.claims.report.reading import still_valid
from cgrosim.claims.report.writing import write_report
from cgrosim.commands.main import main
from cgrosim.errors import FileError

FILE = """
from cgrosim.claims import Claim, Context, Evidence, World, checks, times
import helping_module

def number(context, world):
    found = world.number("number", helping_module.TWO)
    return Evidence((checks.inside("a number", "two", found, (1.9, 2.1), "given"),))

def slow(context, world):
    raise AssertionError("verified again")

CLAIMS = (Claim("two", "a number", "x = 2", "nowhere", "exact identity", number, (World("more", number=times(1.1)),)),)
"""


def forget():
    """What a new process would not know."""
    module_of_file.cache_clear()
    sys.modules.pop("helping_module", None)


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "claims.py").write_text(FILE)
    (tmp_path / "helping_module.py").write_text("TWO = 2.0\n")
    forget()
    yield tmp_path
    forget()


def verify(*arguments):
    forget()
    return main(["verify", "--claims", "claims.py", "--workers", "1", *arguments])


def test_only_what_changed_is_verified(own, capsys):
    assert verify() == 0
    assert verify("--since", "report") == 0
    assert "1 carried over from report, 0 verified now" in capsys.readouterr().out
    first, second = (json.loads((own / name / "verdicts.json").read_text()) for name in ("report", "report-2"))
    assert first["checksum"] == second["checksum"]
    assert [each["timing"]["carried"] for each in (*first["verdicts"], *second["verdicts"])] == [False, True]
    for change in (["--seed", "1"], ["--full"]):
        assert verify("--since", "report", *change) == 0
        assert "0 carried over from report, 1 verified now" in capsys.readouterr().out
    # Beside the file of claims. Its size changes too: within one second Python knows a source by nothing else.
    (own / "helping_module.py").write_text("TWO = 3.0000\n")
    assert verify("--since", "report") == 1
    assert "0 carried over from report, 1 verified now" in capsys.readouterr().out
    assert len(cgrosim.verify(["two"], files=["claims.py"], since="report")) == 1


def test_a_source_that_is_edited_meanwhile_vouches_for_nothing(own, capsys):
    """The fingerprint is that of before the measurement, not that of what stands there when the report is written."""

    def edit(verdict, done, total):
        (own / "helping_module.py").write_text("TWO = 3.0000\n")

    cgrosim.verify(["two"], files=["claims.py"], workers=1, progress=edit).write("report")
    capsys.readouterr()
    assert verify("--since", "report") == 1
    assert "0 carried over from report, 1 verified now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text.replace('"supported"', '"violated"'), "its checksum does not fit its content"),
        (lambda text: text[:100], "is not a whole report of cgrosim verify"),
        (lambda text: "[1]", "is not a report of cgrosim verify; give the folder of one"),
    ],
)
def test_a_damaged_report_is_one_sentence(own, damage, sentence, capsys):
    assert verify() == 0
    file = own / "report" / "verdicts.json"
    file.write_text(damage(file.read_text()))
    assert verify("--since", "report") == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert verify("--since", "nowhere") == 2


def measure(context, world):
    x = np.array([1.0, math.inf, math.nan])
    return Evidence(
        (checks.inside("a", "b", world.number("x", 0.5), (-math.inf, 1.0), "c", (math.nan, math.inf)),),
        (Slack("d", "e", math.inf),),
        Params.from_paper(1000),
        (1, 2**62),
        "f",
        (Panel("g", "x", "y", (Series("map", "h", x, x, None, x, x[:, None] * x, ("i", "j")),), "log"),),
        "k",
    )


def test_a_verdict_is_read_as_it_was_written(tmp_path, monkeypatch):
    claim = Claim("odd", "t", "s", "o", "bound", measure, (World("two", x=2.0), World("three", x=3.0)))
    monkeypatch.setattr(sys.modules[__name__], "CLAIMS", (claim,), raising=False)
    verdict = evaluate(claim, Context())
    write_report([verdict], tmp_path)
    read = still_valid(tmp_path, [claim], Context())["odd"]
    assert read.carried
    again = dataclasses.replace(read, carried=False)
    assert {**report_data([again]), "timing": 0} == {**report_data([verdict]), "timing": 0}
    series, before = (each.evidence.panels[0].series[0] for each in (read, verdict))
    np.testing.assert_array_equal(series.values, before.values)
    with pytest.raises(FileError, match="does not exist"):
        still_valid(tmp_path / "x", [claim], Context())


def test_a_fingerprint_reaches_what_a_claim_is_made_of_and_nothing_else(monkeypatch):
    claim, others = all_claims()["plateau-quadrature"], set()
    reached: dict = {}
    module = sys.modules[claim.measure.__module__]
    fingerprint._reach(module.__name__, fingerprint.Path(module.__file__), reached)
    for name in ("theory.plateau", "kernels.flow", "engines.flow", "claims.checks", "claims.claim", "run.session"):
        assert f"cgrosim.{name}" in reached, name
    others = {"cgrosim.theory.flatness", "cgrosim.claims.catalogue.phase", "cgrosim.claims.report.page"}
    assert not others & set(reached)
    before = fingerprint.fingerprint(claim, Context())
    assert (
        fingerprint.fingerprint(claim, Context("quick", 1)) != before != fingerprint.fingerprint(claim, Context("full"))
    )
    checksum = fingerprint._checksum
    monkeypatch.setattr(
        fingerprint, "_checksum", lambda path, stamp: "" if path.stem == "flow" else checksum(path, stamp)
    )
    assert fingerprint.fingerprint(claim, Context()) != before


def test_a_claim_of_no_file_has_no_fingerprint():
    names: dict = {"__name__": "nowhere"}
    exec("def measure(context, world): ...", names)
    claim = Claim("x", "", "", "", "bound", names["measure"], ())
    assert fingerprint.fingerprint(claim, Context()) == ""
    assert fingerprint.fingerprint(claims_of_file(__file__.replace("test_since", "own_claims"))[0], Context())
