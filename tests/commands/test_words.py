"""Words: a mistyped name is answered with the right one, values are echoed short and harmless, numbers agree."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cgrosim
from cgrosim.claims.registry import select
from cgrosim.commands.main import main
from cgrosim.errors import ParameterError, UserError
from cgrosim.files.words import counted, nearest, quoted, shown, suggested
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.training.defaults import default_settings
from cgrosim.model.params import Params
from cgrosim.run.stopping import Reached


def sentence_of(make):
    with pytest.raises(UserError) as refused:
        make()
    return str(refused.value)


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Params.from_paper(1000, sampels=3), "did you mean samples?"),
        (lambda: Params.from_paper(1000, signal_polylg=3), "did you mean signal_polylog?"),
        (lambda: Params.from_paper(1000).replace(learning_rat=3), "did you mean learning_rate?"),
        (lambda: Params.from_paper(1000, record="weigths"), "did you mean weights?"),
        (lambda: Params.from_paper(1000, threat="l2-pdg"), "did you mean l2_pgd?"),
        (lambda: select(["memorization-times"]), "did you mean memorisation-times?"),
        (lambda: select(["Phase_Edges"]), "did you mean phase-edges?"),
        (lambda: load_dataset("fashion_mnist"), "did you mean fashion-mnist?"),
        (lambda: default_settings("minst"), "did you mean mnist?"),
        (lambda: Reached("escapd"), "did you mean escaped?"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_right_one(make, hint):
    assert sentence_of(make).endswith(hint)


@pytest.mark.parametrize(
    ("make", "listed"),
    [
        (lambda: Params.from_paper(1000, wibble=3), "the parameters are dimension, patches"),
        (lambda: select(["wibble"]), "the claims are "),
        (lambda: load_dataset("wibble"), "take one of digits, mnist"),
    ],
)
def test_a_name_like_no_other_is_answered_with_all(make, listed):
    assert listed in sentence_of(make)


@pytest.mark.parametrize("name", ["gap", "perturbation_radius", "signal_strength", "power", "learning_rate"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", 10**400])
def test_the_parameter_that_is_wrong_is_named(name, value):
    assert sentence_of(lambda: Params.from_paper(1000, **{name: value})).startswith(f"{name} is ")


@pytest.mark.parametrize("name", ["signal_polylog", "noise_exponent", "gap_polylog"])
@pytest.mark.parametrize("value", [float("nan"), "x", True, 10**400])
def test_the_factor_that_is_wrong_is_named(name, value):
    assert sentence_of(lambda: Params.from_paper(1000, **{name: value})).startswith(f"{name} is ")


def test_what_a_user_gave_is_shown_short_and_harmless():
    for show in (shown, quoted):
        assert len(show("x" * 10_000)) < 250
        assert "\x1b" not in show("\x1b[31m")
        assert "digits" in show(10**5000)
    assert quoted("a") == "'a'"
    assert str(ParameterError("a\x1b[2J\nb")) == "a\\x1b[2J\\nb"
    assert len(str(UserError("x" * 10_000))) < 2100


def test_names_resemble_whatever_their_case_and_dashes():
    assert nearest("Signal-Strenth", ["signal_strength", "samples"]) == "signal_strength"
    assert nearest("wibble", ["signal_strength"]) == ""
    assert suggested("wibble", ["a", "b"], "take one of") == "take one of a, b."


def test_one_is_not_many():
    assert [counted(number, "claim") for number in (0, 1, 2)] == ["0 claims", "1 claim", "2 claims"]


def test_one_claim_is_not_many_in_the_table(capsys):
    from rich.console import Console

    from cgrosim.claims.report.terminal import print_table

    print_table([], Console())
    assert "0 claims: none" in capsys.readouterr().out
    with pytest.raises(ParameterError, match="batch_size is 2, but must be at most samples, 1"):
        Params.from_paper(100, samples=1, batch_size=2)


def test_the_version_is_said(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cgrosim {cgrosim.__version__}\n"


@pytest.mark.parametrize("arguments", [["\x1b[31m"], ["simulate", "--\x1b[31m", "1"], ["info", "--" + "x" * 10_000]])
def test_the_terminal_is_not_told_what_the_arguments_say(arguments, capsys):
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert "\x1b[31m\x1b" not in told.out + told.err
    assert "is neither an option nor a value" in told.err
    assert len(told.out + told.err) < 500


@pytest.mark.parametrize("value", ["²", "-1", "1.5", "x", ""])
def test_verify_takes_whole_numbers(value, capsys):
    assert main(["verify", "initial-laws", f"--seed={value}"]) == 2
    assert f"seed is '{value}', but must be a whole number of at least 0." in " ".join(capsys.readouterr().err.split())


def test_the_list_of_claims_does_not_wrap_in_a_pipe():
    listed = subprocess.run(
        [sys.executable, "-m", "cgrosim", "verify", "--list"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(listed) == len(cgrosim.claims.registry.all_claims())


def test_the_version_has_one_date_everywhere():
    root = Path(__file__).parents[2]
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    released = dict(re.findall(r"^(version|date-released): (\S+)$", citation, re.MULTILINE))
    entries = re.findall(r"^## (\S+) \((\S+)\)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    dated = [entry for entry in entries if entry[1] != "unreleased"]
    assert dated[0] == (released["version"], released["date-released"])
    assert [entry for entry in entries if entry[1] == "unreleased"] == entries[: len(entries) - len(dated)]


def test_one_spelling_of_names_outside_recorded_variables():
    from cgrosim.model.hitting_times import HITTING_TIMES
    from cgrosim.run.quantities import QUANTITIES

    recorded = {*QUANTITIES, *(entry.variable for entry in HITTING_TIMES.values())}
    assert {"memorization", "memorization_time"} <= recorded  # in files of the first release
    package = Path(cgrosim.__file__).parent
    assert [path.name for path in package.rglob("*memoriz*") if path.suffix != ".pyc"] == []
    defined = [
        f"{path.name}: {name}"
        for path in package.rglob("*.py")
        for name in re.findall(r"^(?:def|class) (\w*[Mm]emoriz\w*)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if name not in recorded
    ]
    assert defined == []


def test_the_hint_for_what_testing_needs_can_be_followed():
    code = "import sys\nsys.modules['hypothesis'] = None\nimport cgrosim.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "cgrosim.testing needs hypothesis; run 'pip install hypothesis'." in done.stderr


def test_no_hint_asks_an_index_for_this_package():
    """It is installed from a checkout: an index knows nothing of it, or something else."""
    root = Path(__file__).parents[2]
    places = [*(root / "cgrosim").rglob("*.py"), *(root / "docs").rglob("*.md"), root / "README.md"]
    hints = [hint for path in places for hint in re.findall(r"pip install[^.;\n]*", path.read_text(encoding="utf-8"))]
    assert len(hints) > 10
    assert [hint for hint in hints if "cgrosim[" in hint or hint.split()[2:3] == ["cgrosim"]] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "--overwrite=\x1b]0;evil\x07"],
        ["info", "a=\x1b]0;evil\x07"],
        ["classroom", "x" * 10_000],
        ["images", "export", "none", "--to", "x" * 10_000],
    ],
)
def test_what_the_parser_repeats_is_short_and_printable(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = "".join(capsys.readouterr())
    assert ended.value.code == 2
    assert "\x1b]" not in told
    assert "\x07" not in told
    assert len(told) < 2000
    assert "evil" in told or "xxx" in told


def test_long_words_that_are_understood_are_understood(capsys):
    assert main(["info", "--config", f"{'x/' * 200}none.toml"]) == 2
    assert "none.toml cannot be read" in " ".join(capsys.readouterr().err.split())


def test_a_setting_that_a_library_reads_on_import_is_named(monkeypatch, capsys):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main(["--version"]) == 2
    assert "SOURCE_DATE_EPOCH is 'yesterday'; it must be a whole number" in capsys.readouterr().err
