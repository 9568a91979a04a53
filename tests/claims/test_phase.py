"""The claim about the two edges of the phase diagram."""

import numpy as np
import pytest

from cgrosim.claims.catalogue.phase import CLAIMS, ESCAPED, OVERFITTING, REGIONS, ROBUST, observe, phase_params
from cgrosim.claims.claim import Verdict


@pytest.fixture(scope="module")
def verdict(verdict_of) -> Verdict:
    return verdict_of(CLAIMS[0])


def test_quick_has_too_few_runs_but_no_disagreement_away_from_the_edges(verdict: Verdict) -> None:
    # 25 runs leave a Clopper-Pearson bound below 3 in 4 at the error rate of one check, whatever they show
    assert verdict.verdict == "underpowered"
    assert [check.measured for check in verdict.evidence.checks] == [1.0, 1.0]


def test_the_wrong_edge_exponent_disagrees(verdict: Verdict) -> None:
    # at about one half of 25 runs the Clopper-Pearson bound still reaches 3 in 4; the full map violates it
    assert verdict.rejection == "underpowered"
    assert all(check.measured < 0.6 for check in verdict.trials[0].evidence.checks)


def test_the_map_shows_three_regions_on_five_by_five(verdict: Verdict) -> None:
    outcome = verdict.evidence.panels[0].series[0]
    assert outcome.values is not None
    assert outcome.values.shape == (5, 5)
    assert outcome.categories == REGIONS
    assert set(np.unique(outcome.values)) == {OVERFITTING, ROBUST, ESCAPED}


def test_more_gap_crosses_both_edges_in_order() -> None:
    cells = [observe(phase_params(3, gap=gap, samples=12), 12.0, 3.0) for gap in (0.003, 0.03, 0.3)]
    assert [cell.region for cell in cells][::2] == [OVERFITTING, ESCAPED]
    ratios = [cell.time_ratio for cell in cells]
    assert ratios == sorted(ratios)
    # T_esc ~ gap^-q on the plateau: two decades of gap are 6 log 10 in the ratio, up to the growth of the plateau
    assert 0.6 * 6 * np.log(10) < ratios[-1] - ratios[0] < 1.2 * 6 * np.log(10)
