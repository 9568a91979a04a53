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
        assert f"claims.md#claim-{name})" in page
    wanted = tomllib.loads(statements.SOURCE.read_text())["statement"]
    assert all(f"## {each['name']}\n" in page for each in wanted)


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
