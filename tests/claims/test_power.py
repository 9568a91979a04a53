"""The power of a claim: the edge of what its rules reject, found where it is known."""

import dataclasses
import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.claims import homes, registry
from cgrosim.claims.checks import ERROR_RATE, combine, inside
from cgrosim.claims.claim import Claim, Context, Evidence
from cgrosim.claims.limits import LIMITS
from cgrosim.claims.paper_distances import ROOM
from cgrosim.claims.paper_predictions import predict, predicted_distance
from cgrosim.claims.power import GUIDED, LEVELS, PARAMETERS, Noticed, Trial, _edge, changed, smallest_noticed
from cgrosim.claims.report.power import Sitting, in_words, why_unseen, write_power
from cgrosim.claims.runner import measure_power
from cgrosim.commands.main import main
from cgrosim.errors import FileError, ParameterError
from cgrosim.model.sampling import draw_gram
from cgrosim.studies import paper_scale
from cgrosim.studies.world import World, times, watched
from cgrosim.theory.plateau import SignalFlow

DOCS = Path(__file__).parents[2] / "docs"
BASE = Params.from_paper(10_000)


def claim_about(value, room):
    """A claim that a number is what the claimed parameters make of it, to `room`."""

    def measure(context, world):
        found, said = value(world.of(BASE)), value(BASE)
        return Evidence((inside("a number", "", found / said, (1.0 - room, 1.0 + room), "", (found / said,) * 2),))

    return Claim("a-claim", "", "", "", "order", measure, (World("off", noise_std=times(2.0)),))


def test_the_edge_is_the_next_level_in_both_directions():
    claim = claim_about(lambda p: p.noise_std**3, 0.05)
    found = smallest_noticed(claim, Context(), "noise_std")
    for edge, exact in ((found.up, 1.05 ** (1 / 3) - 1.0), (found.down, 1.0 - 0.95 ** (1 / 3))):
        assert edge == min(level for level in LEVELS if level > exact)
    assert found.change == max(found.up, found.down)
    assert found.trials <= 3 + 2  # a tenth, the edge as it would be in proportion and its neighbour; both at once, down
    assert found.false_alarms == pytest.approx(5e-6)


@pytest.mark.parametrize("first", [0.1, 0.5, 0.001])
@pytest.mark.parametrize("guide", [lambda size, edge: size / edge, lambda size, edge: 0.0, lambda size, edge: math.inf])
def test_the_search_ends_at_the_edge_whatever_guides_it(first, guide):
    for edge in (*LEVELS, 2.0):
        tried = []

        def rejects(size, edge=edge, tried=tried):
            tried.append(size)
            return Trial(size >= edge, guide(size, edge))

        assert _edge(rejects, first) == next((level for level in LEVELS if level >= edge), None)
        assert len(tried) == len(set(tried)) <= GUIDED + math.ceil(math.log2(len(LEVELS)))


def test_what_the_number_does_not_depend_on_is_not_seen():
    claim = claim_about(lambda p: p.noise_std * p.samples, 0.05)
    by_name = {name: smallest_noticed(claim, Context(), name) for name in PARAMETERS}
    assert by_name["samples"].change is not None
    for name in ("gap", "dimension"):  # every run has them, and they move nothing
        assert (by_name[name].change, by_name[name].moved, by_name[name].absent) == (None, 0.0, "")
    assert by_name["weight_decay"].absent == "weight decay is 0.0 in every run"
    assert by_name["batch_size"].absent == "batch size is None in every run"
    assert by_name["weight_decay"].trials == 0


def test_what_no_run_has_is_not_simulated():
    asked = []

    def measure(context, world):
        asked.append(world.number("samples", 10))
        return Evidence((inside("a number", "", asked[-1] / 10, (0.95, 1.05), "", (asked[-1] / 10,) * 2),))

    claim = Claim("numbers", "", "", "", "order", measure, (World("off", samples=20),))
    assert smallest_noticed(claim, Context(), "noise_std").absent.startswith("no world changes it")
    assert len(asked) == 1
    assert smallest_noticed(claim, Context(), "samples").change == 0.1  # of ten: one more or less
    seen = smallest_noticed(dataclasses.replace(claim, kind="observation"), Context(), "samples")
    assert seen.absent.startswith("an observation")


def test_how_far_the_largest_change_moves_a_check_is_told():
    found = smallest_noticed(claim_about(lambda p: p.noise_std**0.01, 0.05), Context(), "noise_std")
    assert found.change is None
    assert found.moved == pytest.approx(max((1.5**0.01 - 1.0) / 0.05, (1.0 - 0.5**0.01) / 0.05))
    assert why_unseen("a-claim", found) == "at 50 % it moves no check further than 14 % of the way to a rejection"


def test_claims_of_one_study_hear_what_it_asked():
    def study(context, world):
        return world.of(BASE).noise_std / BASE.noise_std

    def rules(context, world, found):
        return Evidence((inside("a number", "", found, (0.95, 1.05), "", (found, found)),))

    for name in ("first", "second"):  # the second one finds the table there
        claim = Claim(name, "", "", "", "order", study=study, rules=rules, worlds=(World("off", gap=0.5),))
        assert smallest_noticed(claim, Context(), "noise_std").change == 0.1
        assert smallest_noticed(claim, Context(), "weight_decay").absent


def test_runs_at_the_exponents_of_the_paper_are_heard_whenever_they_are_trained(monkeypatch):
    monkeypatch.setattr(paper_scale, "train", lambda params, steps: params)
    for _ in range(2):  # a table that is made again, because it was forgotten, asks again
        with watched() as asked:
            paper_scale.paper_runs(Context(), "paper", 1, World("watched", watched=1), (1e4,))
        assert asked.params


def test_changes_that_cannot_be_are_no_power_and_hide_none():
    beta = Params.from_paper(10_000, momentum=0.9)

    def measure(context, world):
        value = 1.0 - world.of(beta).momentum
        if 0.05 < value < 0.07:
            raise AssertionError("a run that diverged")
        return Evidence((inside("a number", "", value, (0.095, 0.105), "", (value, value)),))

    claim = Claim("clock", "", "", "", "order", measure, (World("off", momentum=0.8),))
    found = smallest_noticed(claim, Context(), "momentum")
    assert (found.up, found.down) == (0.01, 0.01)  # .9 times 1.1 and .9 times 1.2 are too much, 1.05 diverged
    assert smallest_noticed(claim_about(lambda p: p.patches, 0.4), Context(), "patches").down is None


def test_one_direction_alone_is_no_power():
    claim = claim_about(lambda p: max(p.noise_std, BASE.noise_std), 0.05)
    found = smallest_noticed(claim, Context(), "noise_std")
    assert found.up is not None
    assert found.down is found.change is None


def test_impossible_worlds_are_not_noticed_and_other_parameters_are_refused():
    everything = claim_about(lambda p: p.adversarial_weight, 0.05)
    assert smallest_noticed(everything, Context(), "adversarial_weight").up is not None  # 0.5 to 0.75 at most
    with pytest.raises(ParameterError, match="not in 'steps'"):
        smallest_noticed(everything, Context(), "steps")
    assert changed("power", 0.1).of(BASE).power == pytest.approx(3.1)


def test_the_command_writes_a_table_and_the_numbers(tmp_path, monkeypatch, capsys):
    claims = {"a-claim": claim_about(lambda p: p.noise_std**3, 0.05)}
    for module in (registry, homes):
        monkeypatch.setattr(module, "all_claims", lambda: claims)
    out = tmp_path / "report"
    assert main(["verify", "--power", "--workers", "1", "--out", str(out)]) == 0
    row = next(line for line in (out / "power.md").read_text().splitlines() if line.startswith("| a-claim"))
    assert row in capsys.readouterr().out
    # of the columns, the claim first: the noise to 1.05^(1/3) - 1 = 1.6 %, the next level, and nothing else
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    assert [name for name, cell in zip(PARAMETERS, cells, strict=True) if cell not in ("-", "")] == ["noise_std"]
    assert cells[PARAMETERS.index("momentum")] == ""  # no run has it
    assert cells[PARAMETERS.index("gap")] == "-"
    assert cells[PARAMETERS.index("noise_std")] == "2 %"
    data = json.loads((out / "power.json").read_text())
    assert data["claims"]["a-claim"]["noise_std"]["false_alarms"] == 5e-6
    assert data["claims"]["a-claim"]["gap"]["up"] is None


def test_sittings_add_up_and_a_changed_claim_alone_is_measured_again(tmp_path):
    one = Noticed("gap", 0.01, 0.02, 0.0, 5, moved=2.0)
    write_power({"a": {"gap": one}, "b": {"gap": one}}, Context(), tmp_path, {"a": "1", "b": "2"})
    endless = dataclasses.replace(one, down=None, moved=math.inf)  # a sample that is never memorised there
    write_power({"c": {"gap": endless}}, Context(), tmp_path, {"c": "3"})
    sitting = Sitting.read(tmp_path)
    assert sitting.still_valid(Context(), {"a": "1", "b": "changed", "c": "3"}) == {
        "a": {"gap": one},
        "c": {"gap": endless},
    }
    assert sitting.still_valid(Context(seed=1), {"a": "1"}) == {}
    other = dataclasses.replace(one, parameter="samples", up=None)
    write_power({"b": {"samples": other}}, Context(), tmp_path, {"b": "changed"})
    assert Sitting.read(tmp_path).powers["b"] == {"samples": other}  # nothing of its earlier code
    assert set(Sitting.read(tmp_path).powers) == {"a", "b", "c"}
    assert "- `b`: samples (-2 %): " in (tmp_path / "power.md").read_text()
    write_power({"d": {"gap": dataclasses.replace(one, up=0.2)}}, Context(), tmp_path, {"d": "4"})
    assert "- `d`: gap (20 %): as the intervals" in (tmp_path / "power.md").read_text()
    assert "`a`" not in (tmp_path / "power.md").read_text().partition("Not noticed at 10 %")[2]


def test_a_changed_digit_of_the_power_is_noticed_and_older_files_are_read(tmp_path):
    write_power({"a": {"gap": Noticed("gap", 0.01, 0.02, 0.0, 5, moved=2.0)}}, Context(), tmp_path, {"a": "1"})
    path = tmp_path / "power.json"
    text = path.read_text()
    path.write_text(text.replace("0.02", "0.03"))
    with pytest.raises(FileError, match="its checksum does not fit its content"):
        Sitting.read(tmp_path)
    older = {**json.loads(text), "format": "cgrosim power 2"}
    del older["checksum"]
    path.write_text(json.dumps(older))
    assert Sitting.read(tmp_path).powers["a"]["gap"].down == 0.02


def test_what_is_known_is_not_measured_again(monkeypatch):
    claim = claim_about(lambda p: p.noise_std**3, 0.05)
    known = {claim.name: {"noise_std": Noticed("noise_std", 0.3, 0.3, 0.0, 1)}}
    found = measure_power([claim], parameters=("noise_std", "gap"), known=known, workers=1)[claim.name]
    assert found["noise_std"].trials == 1
    assert found["gap"].trials > 0


@pytest.mark.parametrize(("guess", "trials"), [((0.02, 0.02), 4), ((0.5, None), 10), ((None, 0.001), 10)])
def test_a_guess_says_where_the_search_begins_and_not_where_it_ends(guess, trials):
    claim = claim_about(lambda p: p.noise_std**3, 0.05)
    began = {claim.name: {"noise_std": Noticed("noise_std", *guess, 0.0, 1)}}
    found = measure_power([claim], parameters=("noise_std",), guesses=began, workers=1)[claim.name]["noise_std"]
    assert (found.up, found.down) == (0.02, 0.02)
    assert found.trials <= trials


def test_a_search_begins_where_an_earlier_one_ended(tmp_path, monkeypatch, capsys):
    claims = {"a-claim": claim_about(lambda p: p.noise_std**3, 0.05)}
    for module in (registry, homes):
        monkeypatch.setattr(module, "all_claims", lambda: claims)
    asked = ["verify", "--power", "--full", "--workers", "1", "--since", str(tmp_path), "--out", str(tmp_path / "full")]
    assert main(asked) == 2
    assert "has no power.json" in capsys.readouterr().err
    nothing = {name: Noticed(name, None, None, 0.0, 2) for name in PARAMETERS if name != "noise_std"}
    write_power({"a-claim": {**nothing, "noise_std": Noticed("noise_std", 0.02, 0.02, 0.0, 5)}}, Context(), tmp_path)
    assert main(asked) == 0
    found = Sitting.read(tmp_path / "full")
    assert found.effort == "full"
    told = found.powers["a-claim"]
    assert told["noise_std"].trials == 4
    assert told["gap"].trials == 2


def test_limits_name_claims_and_parameters_that_there_are():
    for claim, reasons in LIMITS.items():
        assert claim in registry.all_claims()
        assert set(reasons) <= set(PARAMETERS)


def test_the_page_and_the_catalogue_say_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_extension"))
    page = importlib.import_module("power_page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "python docs/_extension/power_page.py makes it again"
    gathered = json.loads((DOCS / "power.json").read_text(encoding="utf-8"))
    for sitting in page.sittings():
        for claim, found in sitting.powers.items():
            words = {name: in_words(one) for name, one in found.items()}
            assert gathered[sitting.effort]["claims"][claim] == {
                "noticed": {name: each for name, each in words.items() if each},
                "missing": len(set(PARAMETERS) - set(words)),
            }


def test_the_page_counts_what_is_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_extension"))
    page = importlib.import_module("power_page")
    entries = {
        "power": (0.02, 0.03), "gap": (0.1, 0.1), "samples": (0.2, 0.1), "neurons": (0.01, None),
        "patches": (None, None),
    }  # fmt: skip
    found = {name: Noticed(name, *ends, 0.0, 3, moved=0.5) for name, ends in entries.items()}
    absent = {name: Noticed(name, None, None, 0.0, 0, "not in it") for name in PARAMETERS}
    write_power({"theorem-orders": found, "closure": absent}, Context(), tmp_path)
    text = page.page(tmp_path)
    assert "Of 5 pairs of a claim and a parameter that its runs have, 1 notice 3 % or less" in text
    assert "1 more 10 %, 1 more than that, 1 one direction alone, and 1 nothing up to 50 % (1 of these" in text
    # the power (3 %) and the samples (20 %): the gap has a reason, and neurons and patches draw another start
    assert "Of the 2 that can be off both ways, for which no reason" in text
    assert "(all but the numbers of neurons and of patches), 1 notice 10 %, and 1 notice 3 %." in text
    assert "runs; their wrong worlds are in [the catalogue](../reference/claims.md): `closure`." in text
    assert "- `theorem-orders`: signal strength, noise std," in text
    assert "- Nothing yet of `theorem-scaling`," in text


@pytest.mark.parametrize("power", [2.5, 3.0, 4.0])
def test_a_factor_moves_the_plateau_by_its_logarithm(power):
    """The derivation in the limits: a moves by log f^2 over 1 - (2 - 2/q) / a, here 0.8 of some 20."""
    common = {"power": power, "gap": 0.0, "adversarial_weight": 0.5, "learning_rate": 0.01}
    plain, more = (SignalFlow([0.1 / alpha], signal_strength=alpha, **common) for alpha in (2.0, 3.0))
    before, after = (float(flow.margin_at(1e10)) for flow in (plain, more))
    assert before > 15.0
    assert after - before == pytest.approx(2.0 * np.log(1.5) / (1.0 - (2.0 - 2.0 / power) / before), rel=0.02)


def test_the_law_of_the_largest_start_hardly_knows_how_many_there_are():
    """10 % in m move P = F^m by p - p^1.1; the bound of Dvoretzky, Kiefer, Wolfowitz and Massart (1990) says how far
    a Kolmogorov distance is known, and both that and its share of the region must fit into the move.
    """
    levels = np.linspace(0.0, 1.0, 100_001)
    move = float(np.max(levels - levels**1.1))
    assert move == pytest.approx(0.035, abs=5e-4)
    assert math.log(2.0 / ERROR_RATE) / (2.0 * (0.5 * move) ** 2) == pytest.approx(21_000, rel=0.01)


def test_a_tenth_of_the_samples_moves_the_distance_by_four_per_cent():
    """Half of the room of 8 %; from the start alone, the first samples being the same ones."""
    moved = []
    for seed in range(8):
        settings = {**paper_scale.SIZES, "seed": seed, "engine": "flow", "sampling": "gram"}
        params = Params.from_paper(10**8, **settings)
        said = predict(params, paper_scale.horizon_of(params))
        assert said is not None
        more, steps = params.replace(samples=11), paper_scale.horizon_of(params)
        there = predict(more, steps)
        distances = [predicted_distance(p, draw_gram(p), told) for p, told in ((params, said), (more, there))]
        moved.append(math.log(distances[1] / distances[0]))
    # between starts it scatters by 0.01
    assert np.mean(moved) == pytest.approx(-0.037, abs=0.01)
    assert abs(np.mean(moved)) < ROOM / 2.0


@pytest.mark.parametrize(
    "name",
    [
        "memorisation-times",
        "decay-memorised-fraction",
        *(
            pytest.param(slow, marks=pytest.mark.slow)
            for slow in ("theorem-orders", "memorisation-kicks", "control-pairs")
        ),
    ],
)
def test_a_tenth_more_or_fewer_samples_are_noticed(name):
    """Once such a world could not be judged: its arrays were longer or shorter than those that are claimed."""
    claim = registry.all_claims()[name]
    for change in (0.1, -0.1):
        assert combine(claim.measure(Context(), changed("samples", change)).checks) == "violated"
