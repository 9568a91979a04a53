"""The power of a claim: the edge of what its rules reject, found where it is known."""

import json
import math

import pytest

from cgrosim import Params
from cgrosim.claims import homes, registry
from cgrosim.claims.checks import inside
from cgrosim.claims.claim import Claim, Context, Evidence
from cgrosim.claims.power import LEVELS, PARAMETERS, changed, smallest_noticed
from cgrosim.commands.main import main
from cgrosim.errors import ParameterError
from cgrosim.studies.world import World, times

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
    # the largest level, and the halvings of what is left, in each direction
    assert found.trials <= 2 * (1 + math.ceil(math.log2(len(LEVELS))))
    assert found.false_alarms == pytest.approx(5e-6)


def test_what_the_number_does_not_depend_on_is_not_seen():
    claim = claim_about(lambda p: p.noise_std * p.samples, 0.05)
    by_name = {name: smallest_noticed(claim, Context(), name) for name in PARAMETERS}
    assert by_name["gap"].change is None
    assert by_name["samples"].change is not None
    assert by_name["dimension"].change is None


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
    assert [name for name, cell in zip(PARAMETERS, cells, strict=True) if cell != "-"] == ["noise_std"]
    assert cells[PARAMETERS.index("noise_std")] == "2 %"
    data = json.loads((out / "power.json").read_text())
    assert data["claims"]["a-claim"]["noise_std"]["false_alarms"] == 5e-6
    assert data["claims"]["a-claim"]["gap"]["up"] is None
