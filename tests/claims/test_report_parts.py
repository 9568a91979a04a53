"""Parts of the report: formulas typeset, intervals drawn, numbers that agree with their verdict, answer, sources."""

import math
import re
import xml.etree.ElementTree as xml

import pytest

from cgrosim.claims import Claim, Context, Evidence, Panel, checks
from cgrosim.claims.claim import Verdict, evaluate
from cgrosim.claims.formulas import FORMULAS
from cgrosim.claims.power import Noticed
from cgrosim.claims.registry import all_claims
from cgrosim.claims.report.answer import THEOREM, figure, opening, sentences
from cgrosim.claims.report.card import card
from cgrosim.claims.report.drawing import LEFT, RIGHT, interval_drawing
from cgrosim.claims.report.mathml import mathml
from cgrosim.claims.report.page import report_page
from cgrosim.claims.report.power import read_power, write_power
from cgrosim.claims.report.sources import measured_by, papers, theory_of
from cgrosim.claims.report.words import measurement, region
from cgrosim.errors import FileError


def inner(formula):
    """What is inside the outermost row of a formula."""
    return re.fullmatch(r"<math .*?><mrow>(.*)</mrow></math>", mathml(formula))[1]


@pytest.mark.parametrize(
    ("formula", "typeset"),
    [
        ("alpha^q", "<msup><mi>α</mi><mrow><mi>q</mi></mrow></msup>"),
        ("1/2 N", "<mfrac><mn>1</mn><mn>2</mn></mfrac><mi>N</mi>"),
        ("T_mem'", "<msubsup><mi>T</mi><mi>mem</mi><mrow><mo>′</mo></mrow></msubsup>"),
        ("(a b)/(c)", "<mfrac><mrow><mi>a</mi><mi>b</mi></mrow><mrow><mi>c</mi></mrow></mfrac>"),
        ("f(x)", "<mi>f</mi><mrow><mo>(</mo><mrow><mi>x</mi></mrow><mo>)</mo></mrow>"),
        ("2^-(m n)", "<msup><mn>2</mn><mrow><mrow><mo>−</mo><mrow><mo>(</mo><mrow><mi>m</mi><mi>n</mi></mrow>"
         "<mo>)</mo></mrow></mrow></mrow></msup>"),
        ("sqrt(d) <= Theta~", "<msqrt><mrow><mi>d</mi></mrow></msqrt><mo>≤</mo><mover><mi>Θ</mi><mo>~</mo></mover>"),
        ("T ~ N", "<mi>T</mi><mo>∼</mo><mi>N</mi>"),
        ('"a < b"', "<mtext>&#160;a &lt; b&#160;</mtext>"),
    ],
)  # fmt: skip
def test_formulas_are_typeset(formula, typeset):
    assert inner(formula) == typeset


@pytest.mark.parametrize("formula", ["(a", "a)", "/ 2", "a /", "x ^", "a # b"])
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(ValueError, match="formula"):
        mathml(formula)


def test_every_claim_of_the_theory_has_a_formula_that_can_be_typeset():
    claims = all_claims()
    assert set(FORMULAS) <= set(claims)
    assert {name for name, claim in claims.items() if claim.kind != "observation"} <= set(FORMULAS)
    for formula in FORMULAS.values():
        xml.fromstring(mathml(formula))


def numbers_of(check):
    """The ends as they are written, in the order measured, its interval, the region."""
    texts = re.findall(r"-?[\d.]+(?:e-?\d+)?|-?∞", f"{measurement(check)} {region(check)}")
    return [float(text.replace("∞", "inf")) for text in texts]


@pytest.mark.parametrize(
    ("interval", "allowed"),
    [
        ((-3.0014, -3.0006), (-3.001, -3.0)),  # sticks out in the fifth digit
        ((1.0, 1.0), (1.0 + 1e-12, 2.0)),
        ((0.1 + 0.2, 0.1 + 0.2), (0.3, 0.3)),
        ((0.5, 0.6), (0.0, math.inf)),
        ((1.0, 2.0), (1.0, 2.0)),
    ],
)
def test_the_outcome_can_be_read_off_the_numbers(interval, allowed):
    middle = interval[0] if interval[0] == interval[1] else sum(interval) / 2
    check = checks.inside("x", "", middle, allowed, "", interval)
    *ends, low, high = numbers_of(check)
    ends = ends[-2:]
    assert checks.decide(min(ends), max(ends), low, high) == check.outcome


def drawn(check):
    """Region and interval of a drawing in pixels, and its labels."""
    picture = xml.fromstring(interval_drawing(check))
    rect = next(each for each in picture if each.get("class") == "region")
    bar = next((each for each in picture if each.get("class") == "interval"), None)
    start = float(rect.get("x"))
    region = (start, start + float(rect.get("width")))
    return region, None if bar is None else (float(bar.get("x1")), float(bar.get("x2"))), [t.text for t in picture]


@pytest.mark.parametrize(
    ("interval", "allowed", "outcome"),
    [
        ((0.4, 0.6), (0.0, 1.0), "supported"),
        ((0.9, 1.1), (0.0, 1.0), "underpowered"),
        ((1.2, 1.3), (0.0, 1.0), "violated"),
        ((1e-9, 2e-9), (1e-12, 1e-8), "supported"),  # logarithmic
        ((5e-3, 6e-3), (1e-12, 1e-8), "violated"),
        ((0.9, math.inf), (1.0, math.inf), "underpowered"),
    ],
)
def test_an_interval_is_drawn_where_it_lies(interval, allowed, outcome):
    check = checks.inside("x", "", interval[0], allowed, "", interval)
    assert check.outcome == outcome
    (low, high), (start, end), _ = drawn(check)
    assert LEFT <= low < high <= RIGHT + 1.5
    assert checks.decide(start, end, low - 0.11, high + 0.11) == outcome  # a tenth of a pixel is what is written


def test_a_region_without_limits_runs_off_the_axis_and_labels_stay_inside():
    (low, high), bar, _ = drawn(checks.inside("x", "", 2.0, (1.0, math.inf), ""))
    assert low > LEFT
    assert (high, bar) == (RIGHT, None)
    _, _, texts = drawn(checks.inside("x", "", 1.0, (1 - 1e-13, 1 + 1e-13), ""))
    assert any(text and text == "0.9999999999999" for text in texts), texts
    assert interval_drawing(checks.inside("x", "", math.nan, (0.0, 1.0), "")) == ""


def measure(context, world):
    return Evidence((checks.inside("x", "", world.number("x", 0.5), (0.0, 1.0), ""),), panels=(PANEL,))


PANEL = Panel("title", "x", "y", ())


def verdict_named(name, verdict="supported", **changes):
    claim = Claim(name, f"title of {name}", "statement", "arXiv 2306.01271 v4 Thm 5.9", "law", measure, (), **changes)
    return Verdict(claim, verdict, measure(Context(), all_claims()["closure"].worlds[0]), (), "why", "quick", 0, 1.0)


def test_the_answer_follows_from_the_verdicts():
    both = [verdict_named(name) for name in THEOREM]
    assert "holds in this model" in opening(both)
    assert "does not decide" in opening(both[:1])
    assert "does not decide" in opening([both[0], verdict_named(THEOREM[1], "underpowered")])
    assert "is violated" in opening([both[0], verdict_named(THEOREM[1], "violated")])
    assert opening([verdict_named("mine"), verdict_named("yours", "violated")]) == "1 of 2 claims are supported."
    assert figure(both) is PANEL
    edges = verdict_named("phase-edges", "underpowered")
    assert sentences([edges, verdict_named("mine")]) == [(edges, "title of phase-edges: why")]


def test_what_was_not_measured_says_nothing_of_worlds_hypotheses_or_power():
    claim = all_claims()["image-overfitting-digits"]
    verdict = Verdict(claim, "not measured", Evidence(()), (), "Measured only with --full.", "quick", 3, 0.0)
    text = re.sub(r"<[^>]+>", " ", card(verdict, {}))
    for word in ("Hypotheses", "Wrong worlds", "Power", "repeat", "tested range", "underpowered"):
        assert word not in text
    assert "To measure it" in text
    assert "cgrosim verify image-overfitting-digits --seed 3 --full" in text


def test_an_observation_does_not_claim_to_hold_for_any_parameters():
    text = card(verdict_named("mine"), {})
    assert "None is needed in the tested range" in text
    observed = Claim("mine", "", "", "", "observation", measure, ())
    assert "nothing said of elsewhere" in card(evaluate(observed, Context()), {})


def test_power_is_shown_where_it_was_measured(tmp_path):
    verdict = verdict_named("mine", formula="x = 1 # no formula")
    noticed = {"gap": Noticed("gap", 0.02, 0.03, 0.0, 4), "samples": Noticed("samples", None, 0.1, 0.0, 4)}
    noticed["momentum"] = Noticed("momentum", None, None, 0.0, 0, "momentum is 0.0 in every run")
    assert "cgrosim verify --power mine --seed 0" in card(verdict, {})
    assert read_power(tmp_path) == {}
    write_power({"mine": noticed}, Context(), tmp_path)
    page = report_page([verdict], None, read_power(tmp_path))
    assert "<b>would notice:</b> gap 3 %, samples -10 %</p>" in page
    assert "<b>not seen:</b> samples both ways (no world has more of it)</p>" in page
    assert "<b>not in the statement:</b> momentum</p>" in page
    assert "<code>x = 1 # no formula</code>" in page
    (tmp_path / "power.json").write_text("{}")
    with pytest.raises(FileError, match="is not a power of claims"):
        read_power(tmp_path)


def test_sources_are_those_that_the_code_uses():
    claim = all_claims()["plateau-quadrature"]
    names = [source.name for source in theory_of(claim)]
    assert names
    assert "cgrosim.theory.plateau.SignalFlow" in names
    assert all(name.startswith(("cgrosim.theory.plateau", "cgrosim.theory.labelled_flow")) for name in names), names
    assert [source.name.rsplit(".", 1)[0] for source in measured_by(claim)] == [claim.measure.__module__]
    without = [each.name for each in all_claims().values() if each.kind != "observation" and not theory_of(each)]
    assert len(without) < 12, without
    assert papers("arXiv 2306.01271 v4 Thm 5.9, v1; arXiv:1610.01145") == [
        ("2306.01271v4", "https://arxiv.org/abs/2306.01271v4"),
        ("1610.01145", "https://arxiv.org/abs/1610.01145"),
    ]
