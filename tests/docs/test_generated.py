"""What the site takes from the program: every claim, command, parameter and experiment, and nothing that is not."""

import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKERS = ("claims", "commands", "experiments", "statements", "tables", "interface", "docstrings")


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
    named = {
        name for each in tomllib.loads(statements.SOURCE.read_text())["statement"] for name in each.get("claims", ())
    }
    about_the_paper = {name for name, claim in all_claims().items() if "2306.01271" in claim.source}
    assert about_the_paper <= named
    assert page.count("\n## ") == statements.SOURCE.read_text().count("[[statement]]") - page.startswith("## ")


def test_a_statement_about_what_does_not_exist_stops_the_build():
    import statements

    for wrong in ({"claims": ["no-such-claim"]}, {"functions": ["theory.no_such_module"]}, {"sims": ["no_such_sim"]}):
        with pytest.raises((ValueError, ImportError, AttributeError, KeyError)):
            statements._entry({"name": "wrong", "says": "wrong", **wrong})


def test_every_experiment_has_three_sentences_and_numbers():
    import experiments

    gallery = experiments.gallery()
    for name, text in experiments.texts().items():
        assert f"(sim-{name})=" in gallery
        assert experiments.question(ROOT / "sims" / f"{name}.py") in gallery
        assert len([each for each in str(text["says"]).split(". ") if each]) == 3, name
        assert text["numbers"], name
    pictures = {path.stem for path in experiments.GALLERY.glob("*.png")}
    assert all(f"gallery/{name}.png" in gallery for name in pictures)


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
