"""What the site takes from the program: every claim, command, parameter and experiment, and nothing that is not."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKERS = ("claims", "gather", "commands", "experiments", "statements", "tables", "interface", "docstrings")


@pytest.fixture(scope="module", autouse=True)
def extension():
    """The makers, which Sphinx imports from the folder of the pages; those that import Sphinx stay out."""
    sys.path.insert(0, str(ROOT / "docs" / "_extension"))
    yield
    sys.path.remove(str(ROOT / "docs" / "_extension"))
    for name in MAKERS:
        sys.modules.pop(name, None)


def test_every_claim_is_in_the_catalogue_and_on_the_page_of_the_paper():
    import claims
    import statements

    from cgrosim.claims.registry import all_claims

    catalogue, page = claims.catalogue(), statements.statements()
    for name, claim in all_claims().items():
        assert f"(claim-{name})=" in catalogue
        assert claim.statement in catalogue
        assert all(world.name in catalogue for world in claim.worlds)
        assert f"claims.md#claim-{name})" in page
    wanted = tomllib.loads(statements.SOURCE.read_text())["statement"]
    assert all(f"## {each['name']}\n" in page for each in wanted)


def test_verdicts_and_power_of_a_report_reach_the_pages(tmp_path, monkeypatch):
    import claims
    import gather

    from cgrosim.claims.claim import Context
    from cgrosim.claims.power import PARAMETERS, Noticed
    from cgrosim.claims.registry import all_claims
    from cgrosim.claims.report.power import write_power

    monkeypatch.setattr(gather, "DOCS", tmp_path)
    monkeypatch.setattr(claims, "VERDICTS", tmp_path / "verdicts.json")
    monkeypatch.setattr(claims, "POWER", tmp_path / "power.json")
    assert "No verdicts are committed" in claims.provenance()

    known = all_claims()
    worlds = [{"outcome": "violated", "description": world.name} for world in known["closure"].worlds]
    worlds[-1]["outcome"] = "supported"
    found = [
        ("closure", "supported", [1, 2, 3], worlds, known["closure"].statement),
        ("image-landscape", "not measured", [], [], known["image-landscape"].statement),
        ("theorem-orders", "supported", [1], [], "what it said in another version"),
    ]
    keys = ("name", "verdict", "checks", "worlds", "statement")
    told = {"effort": "quick", "seed": 3, "versions": {"cgrosim": "9.9"}, "timing": {"written": "2026-01-02T03:04"}}
    (tmp_path / "report").mkdir()
    verdicts = {**told, "verdicts": [dict(zip(keys, each, strict=True)) for each in found]}
    (tmp_path / "report" / "verdicts.json").write_text(json.dumps(verdicts))
    gather.verdicts(tmp_path / "report")
    seen = {"gap": Noticed("gap", 0.02, 0.01, 0.0, 9), "neurons": Noticed("neurons", None, None, 0.0, 2)}
    absent = {name: Noticed(name, None, None, 0.0, 0, "not in it") for name in PARAMETERS if name not in seen}
    for name, noticed in (("closure", absent | seen), ("phase-edges", seen)):  # two sittings, one ended before the end
        write_power({name: noticed}, Context(seed=3), tmp_path / name)
        gather.powers(tmp_path / name)

    count = len(worlds)
    assert claims.verdict_line("closure") == f"supported; 3 checks; rejected {count - 1} of {count} wrong worlds"
    assert "none is committed" in claims.verdict_line("theorem-orders")  # it states something else today
    assert claims.verdict_line("image-landscape").startswith("not measured with this effort; `cgrosim verify")
    assert "none is committed" in claims.verdict_line("phase-edges")
    assert claims.power_line("closure") == (
        "notices an error of 2 % in `gap`; none in `neurons` (at the default effort)"
    )
    told = claims.power_line("phase-edges")
    assert told.endswith(f"`neurons`; {len(absent)} parameters are not measured yet (at the default effort)")
    assert "not measured yet; `cgrosim verify --power theorem-orders`" in claims.power_line("theorem-orders")
    said = claims.provenance()
    assert "1 supported, 1 not measured" in said
    assert "effort quick, seed 3, cgrosim 9.9, 2026-01-02" in said
    assert "Measured for 2 of the claims at the default effort (seed 3, cgrosim" in said
    write_power({"closure": seen}, Context("full", seed=0), tmp_path / "more")
    gather.powers(tmp_path / "more")  # beside the other effort
    assert "Measured for 1 of the claims with `--full` (seed 0" in claims.provenance()
    assert "2 of the claims at the default effort (seed 3" in claims.provenance()
    assert claims.power_line("closure").endswith("(with `--full`)")


def test_a_statement_about_what_does_not_exist_stops_the_build():
    import statements

    for wrong in ({"claims": ["no-such-claim"]}, {"functions": ["theory.no_such_module"]}, {"sims": ["no_such_sim"]}):
        with pytest.raises((ValueError, ImportError, AttributeError, KeyError)):
            statements._entry({"name": "wrong", "says": "wrong", **wrong})


def test_every_experiment_is_in_the_gallery_with_three_sentences():
    import experiments

    gallery = experiments.gallery()
    for path in (ROOT / "sims").glob("*.py"):
        if path.stem != "common":
            assert f"(sim-{path.stem})=" in gallery
            assert experiments.question(path) in gallery
    for name, text in experiments.texts().items():
        assert len([each for each in str(text["says"]).split(". ") if each]) == 3, name
        assert text["numbers"], name
    assert all(f"gallery/{path.name}" in gallery for path in experiments.GALLERY.glob("*.png"))


def test_every_parameter_and_command_is_described():
    import commands
    import tables

    from cgrosim.model.params import Params

    listed = tables.parameters()
    assert all(f"| `{name}` |" in listed for name in Params.model_fields)
    shown = commands.help_text("images", "train")
    assert "--epochs" in shown
    assert "\x1b" not in shown


def test_every_module_of_the_theory_is_under_a_heading():
    import interface

    import cgrosim.theory

    named = {name for group in interface.groups().values() for name, _ in group}
    assert named == set(cgrosim.theory.__all__)


def test_formulas_in_docstrings_are_no_markup():
    pytest.importorskip("sphinx", reason="needs the docs extra")
    from docstrings import translated

    given = [
        "Uses |V_i| and a_ * b.",
        "    x = 1",
        "more `name`^2",
        "",
        "Attributes",
        "----------",
        "a, b : some text",
        "    and more",
    ]
    assert translated(given) == [
        r"Uses \|V_i\| and a\_ \* b.", "", "    x = 1", "", r"more ``name``\ ^2", "", "Attributes", "----------",
        "a, b", "    some text", "    and more",
    ]  # fmt: skip
