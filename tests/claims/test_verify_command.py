"""`cgrosim verify` as a whole: the same verdicts twice, whatever the workers, within the false-alarm budget."""

import json
import pkgutil
import signal

import pytest

from cgrosim import Params, memorised, simulate
from cgrosim.claims import Claim, catalogue
from cgrosim.claims.checks import ERROR_RATE, STATISTICAL_BUDGET
from cgrosim.claims.claim import Context
from cgrosim.claims.registry import READING_ORDER, all_claims
from cgrosim.claims.runner import verify
from cgrosim.commands.main import main


def without_timing(node):
    """The report's data without everything under a `timing` key."""
    if isinstance(node, dict):
        return {key: without_timing(value) for key, value in node.items() if key != "timing"}
    return [without_timing(value) for value in node] if isinstance(node, list) else node


@pytest.mark.slow
def test_the_same_verdicts_twice_with_one_and_two_workers(tmp_path, capsys):
    """Two cheap claims, one of them statistical, as a user would run them."""
    claims = ["transfer-attack", "fresh-noise-law"]
    pages = []
    for workers in ("1", "2"):
        out = tmp_path / workers
        assert main(["verify", *claims, "--workers", workers, "--out", str(out)]) == 0
        assert (out / "index.html").stat().st_size > 10_000
        pages.append(without_timing(json.loads((out / "verdicts.json").read_text())))
    assert pages[0] == pages[1]
    assert "supported" in capsys.readouterr().out


def test_an_interruption_keeps_the_verdicts_that_have_arrived():
    def stop(verdict, done, total):
        if done == 1:
            raise KeyboardInterrupt

    verdicts = verify(["transfer-attack", "margin-decomposition"], Context(), workers=1, progress=stop)
    assert len(verdicts) == 1


def test_a_claim_does_not_judge_half_a_run(pressable):
    """Ctrl-C while a claim is evaluated in this process."""

    def pressed(context, world):
        params = Params.from_paper(40, samples=2, neurons=2, steps=50, engine="reduced")
        run = simulate(params, until=memorised(), progress=lambda *told: signal.raise_signal(signal.SIGINT))
        raise AssertionError(f"judged a run that was {run.status}")

    claim = Claim("half", "half a run", "x", "nowhere", "exact identity", pressed, ())
    assert len(verify([claim], workers=1)) == 0


def test_list_names_every_claim(capsys):
    assert main(["verify", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in all_claims())


def test_every_claim_says_what_a_reader_needs():
    for claim in all_claims().values():
        worlds = [world.name for world in claim.worlds]
        assert worlds, claim.name
        for text in (claim.title, claim.statement, claim.source, claim.proved_for, *worlds):
            assert text.strip(), claim.name
        assert len(claim.title) < 60, claim.name


def test_reading_order_names_modules_that_exist():
    modules = {module.name for module in pkgutil.iter_modules(catalogue.__path__)}
    assert len(set(READING_ORDER)) == len(READING_ORDER)
    assert not [name for name in READING_ORDER if name not in modules]


@pytest.mark.slow
def test_all_quick_verdicts_stay_within_the_false_alarm_budget_and_no_wrong_world_passes():
    verdicts = verify(context=Context("quick", 0))
    assert {v.verdict for v in verdicts} <= {"supported", "underpowered", "not measured"}
    assert all(v.rejection != "supported" for v in verdicts)
    rates = [check.error_rate for v in verdicts for check in v.evidence.checks]
    assert sum(rates) <= STATISTICAL_BUDGET
    assert max(rates) <= ERROR_RATE
