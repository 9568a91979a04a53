"""The report says everything, escapes everything, and is the same for the same verdicts but for its timings."""

import dataclasses
import io
import json
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from cgrosim import Params
from cgrosim.claims.checks import EXACT_BUDGET, STATISTICAL_BUDGET, exact, guard, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack, Verdict, evaluate
from cgrosim.claims.report.data import FORMAT, report_data, report_text, strict
from cgrosim.claims.report.page import report_page
from cgrosim.claims.report.terminal import print_table
from cgrosim.claims.report.words import amount, headline
from cgrosim.claims.report.writing import write_report
from cgrosim.errors import FileError
from cgrosim.studies.world import World

X = np.array([1.0, 2.0, 3.0])
NASTY = "<script>alert('&\"')</script>"


def claim_of(name: str, measured: float, wrong: float, **changes: object) -> Claim:
    """A claim about a number that should lie in [0, 1]."""

    def measure(context: Context, world: World) -> Evidence:
        value = wrong if world.wrong else measured
        interval = (value - 0.1, value + 0.1)
        return Evidence(
            checks=(
                guard(exact("an identity", "equal", 1e-16, 1e-15, "ten roundings"), "it holds in every world"),
                inside(f"a number {NASTY}", "between 0 and 1", value, (0.0, 1.0), "derived", interval),
            ),
            hypotheses=(Slack("small-step", "eta alpha^2 < 1", 0.9),),
            params=Params.from_paper(1000),
            seeds=tuple(context.seeds(name, 2)),
            tested_range="d = 1000",
            panels=(Panel("Measured", "x", "y", (Series("points", "measured", X, X, low=X - math.inf, high=X),)),),
        )

    worlds = (World("another exponent"),)
    claim = Claim(name, f"title of {name}", f"x < 1 {NASTY}", "v4, Theorem 5.9", "order", measure, worlds)
    return dataclasses.replace(claim, **changes)


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    claims = [
        claim_of("second", 0.5, 5.0),
        claim_of("first", 3.0, 5.0, title=NASTY),
        claim_of("third", 1.0, 5.0),
        claim_of("vacuous", 0.5, 0.5),
        claim_of("postponed", 0.5, 5.0, measure=lambda context, world: Evidence((), finding="Only with --full.")),
    ]
    return [evaluate(claim, Context()) for claim in claims]


class Reader(HTMLParser):
    """Collects the text and the attributes of a page, and checks that its tags close."""

    VOID = frozenset({"meta", "br", "img", "path", "use", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_fixture_covers_the_outcomes(verdicts) -> None:
    assert [v.verdict for v in verdicts] == ["supported", "violated", "underpowered", "underpowered", "not measured"]


def test_page_says_everything_and_runs_nothing_foreign(verdicts) -> None:
    reader = Reader(report_page(verdicts, 12.0))
    text = "".join(reader.text)
    for verdict in verdicts:
        claim, evidence = verdict.claim, verdict.evidence
        assert all(part in text for part in (claim.title, claim.statement, claim.source))
        assert all(trial.world.name in text for trial in verdict.trials)
        assert f"cgrosim verify {claim.name} --seed 0" in text
        assert all(str(seed) in text for seed in evidence.seeds)
        assert all(check.name in text and check.reason in text for check in evidence.checks)
    assert "dimension = 1000" in text
    assert "eta alpha^2 < 1" in text
    assert "a wrong world passes the same rules" in text
    assert sum(tag == "script" for tag, _ in reader.found) == 1
    assert sum(tag == "figure" for tag, _ in reader.found) == sum(len(v.evidence.panels) for v in verdicts)
    drawn = sum(attributes.get("class") == "drawn" for tag, attributes in reader.found if tag == "svg")
    assert drawn == sum(len(v.evidence.checks) for v in verdicts)
    links = [a[key] for _, a in reader.found for key in ("href", "src", "xlink:href") if key in a]
    names = {a.get("id") for _, a in reader.found}
    assert all(link[1:] in names for link in links if link is not None)
    assert {verdict.claim.name for verdict in verdicts} | {"top"} <= names


def test_json_is_strict_sorted_and_complete(verdicts) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = report_text(verdicts, 12.0)
    data = json.loads(text, parse_constant=refuse)
    assert data["format"] == FORMAT
    assert [v["name"] for v in data["verdicts"]] == ["first", "postponed", "second", "third", "vacuous"]
    assert data["counts"] == {
        "supported": 1, "violated": 1, "not applicable": 0, "underpowered": 2, "not measured": 1,
    }  # fmt: skip
    first = data["verdicts"][0]
    assert first["checks"][1]["measured"] == 3.0
    assert first["panels"][0]["series"][0]["low"] == ["-infinity"] * 3
    assert first["worlds"][0]["outcome"] == "violated"
    assert Params(**first["params"]) == Params.from_paper(1000)
    assert text == json.dumps(data, indent=1, sort_keys=True) + "\n"


def test_only_timings_differ_between_two_runs(verdicts) -> None:
    def without_timing(value):
        if isinstance(value, dict):
            return {key: without_timing(item) for key, item in value.items() if key != "timing"}
        return [without_timing(item) for item in value] if isinstance(value, list) else value

    again = [dataclasses.replace(evaluate(v.claim, Context()), seconds=v.seconds + 1.0) for v in verdicts]
    one, two = report_data(verdicts, 1.0), report_data(again[::-1], 2.0)
    assert one != two
    assert without_timing(one) == without_timing(two)


def test_false_alarms_add_up(verdicts) -> None:
    alarms = report_data(verdicts)["false_alarms"]
    used = sum(check.error_rate for verdict in verdicts for check in verdict.evidence.checks)
    assert alarms["statistical"] == {"used": pytest.approx(used), "allowed": STATISTICAL_BUDGET, "checks": 4}
    assert alarms["exact"] == {"allowed": EXACT_BUDGET, "checks": 4}


@pytest.mark.parametrize("width", [80, 120])
def test_table_has_words_and_numbers(verdicts, width) -> None:
    out = io.StringIO()
    print_table(verdicts, Console(file=out, width=width))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for word in (
        "supported",
        "violated",
        "underpowered",
        "rejected",
        "PASSES",
        "not measured",
        "not run",
        "Only with --full.",
    ):
        assert word in text
    flat = " ".join(text.split())
    assert "5 claims: 1 supported, 1 violated, 2 underpowered, 1 not measured." in flat
    assert "3 [2.9, 3.1]" in flat


def test_table_keeps_to_ascii_symbols_where_the_terminal_has_no_others(verdicts) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True), width=100)
    print_table(verdicts, console)
    assert b"X violated" in raw.getvalue()


def test_headline_is_the_first_check_that_was_not_supported(verdicts) -> None:
    supported, violated = (headline(verdict.evidence) for verdict in verdicts[:2])
    assert supported is not None
    assert supported.name == "an identity"
    assert violated is not None
    assert violated.outcome == "violated"
    assert headline(Evidence(checks=())) is None


def test_files_are_written_and_a_bad_place_is_one_sentence(verdicts, tmp_path) -> None:
    page, data = write_report(verdicts, tmp_path / "report", seconds=3.0)
    assert sorted(path.name for path in page.parent.iterdir()) == ["index.html", "verdicts.json"]
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(data.read_text("utf-8"))["timing"]["seconds"] == 3.0
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match="cannot be written"):
        write_report(verdicts, tmp_path / "file")


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (Series("map", "cells", X, X, values=np.zeros((2, 2))), "the map 'cells' has values of shape (2, 2)"),
        (Series("line", r"$\nonsense{$", X, X), "nonsense"),
    ],
)
def test_a_figure_that_cannot_be_drawn_does_not_cost_the_report(verdicts, series, reason) -> None:
    panel = Panel("Phases", "x", "y", (series,))
    broken = dataclasses.replace(verdicts[0], evidence=dataclasses.replace(verdicts[0].evidence, panels=(panel,)))
    text = "".join(Reader(report_page([broken])).text)
    assert "The figure Phases could not be drawn" in text
    assert reason in text


def test_no_verdicts_make_an_empty_report(tmp_path) -> None:
    page, _ = write_report([], tmp_path)
    assert "Contents" in page.read_text("utf-8")
    print_table([], Console(file=io.StringIO()))


def test_strict_values() -> None:
    assert strict({"a": np.array([1.0, np.nan, np.inf]), "b": (np.int64(3), True)}) == {
        "a": [1.0, None, "infinity"],
        "b": [3, True],
    }
    assert [amount(v) for v in (math.inf, -math.inf, 1 / 3, math.nan)] == ["∞", "-∞", "0.3333", "nan"]
