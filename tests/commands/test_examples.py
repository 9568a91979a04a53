"""The experiments that come with an installation: listed, and copied without harm to what is there."""

from pathlib import Path

import cgrosim
from cgrosim.commands.examples import folder
from cgrosim.commands.main import main

SIMS = Path(__file__).parents[2] / "sims"
SCRIPTS = sorted(path.name for path in SIMS.glob("*.py"))


def test_listed_with_their_questions(capsys):
    assert main(["examples"]) == 0
    said = capsys.readouterr().out
    assert all(name.removesuffix(".py") in said for name in SCRIPTS if name != "common.py")
    assert "?" in said


def test_copied_whole_and_not_over_what_was_changed(tmp_path, capsys):
    target = tmp_path / "mine"
    assert main(["examples", "--copy", str(target)]) == 0
    assert sorted(path.name for path in target.glob("*.py")) == SCRIPTS
    assert all((target / name).read_bytes() == (SIMS / name).read_bytes() for name in SCRIPTS)
    assert main(["examples", "--copy", str(target)]) == 0
    (target / "scaling.py").write_text("mine\n")
    (target / "common.py").unlink()
    assert main(["examples", "--copy", str(target)]) == 2
    assert "scaling.py exists and is another one" in " ".join(capsys.readouterr().err.split())
    assert (target / "scaling.py").read_text() == "mine\n"
    assert not (target / "common.py").exists()
    assert main(["examples", "--copy", str(target), "--overwrite"]) == 0
    assert (target / "scaling.py").read_text() != "mine\n"


def test_found_beside_the_package_or_in_it():
    assert folder() in (SIMS, Path(cgrosim.__file__).parent / "sims")
    assert sorted(path.name for path in folder().glob("*.py")) == SCRIPTS
