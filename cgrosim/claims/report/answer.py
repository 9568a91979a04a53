"""What a verification says of the theorem: a few sentences that follow from the verdicts, and one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cgrosim.claims.claim import Panel, Verdict

THEOREM = ("theorem-orders", "clean-generalization-robust-overfitting")
BOUNDARY = "phase-edges"


@dataclass(frozen=True)
class Sentence:
    """A claim that belongs to the answer, and what it says where it is supported."""

    claim: str
    holds: str


SENTENCES = (
    Sentence(THEOREM[0], "The feature is learnt and the noise of every sample memorised, as much as the theorem says."),
    Sentence(THEOREM[1], "Clean and robust training errors vanish; the robust test error stays at 1/2."),
    Sentence("success-rate", "It happens with high probability, at a rate that is known."),
    Sentence(
        "control-pairs",
        "The attack is the cause: from the same start standard training memorises nothing, a hundred times as long.",
    ),
    Sentence(
        BOUNDARY,
        "It ends at two edges: a weaker attack, more samples or weaker noise make the network truly robust.",
    ),
    Sentence(
        "threat-gap",
        "It speaks of the attack along the feature: against the whole ball not even the training set is robust.",
    ),
)


def opening(verdicts: Sequence[Verdict]) -> str:
    """Whether the theorem holds, in one sentence; of other claims how many hold."""
    by_name = {verdict.claim.name: verdict for verdict in verdicts}
    theorem = [by_name[name] for name in THEOREM if name in by_name]
    if not theorem:
        count = sum(verdict.verdict == "supported" for verdict in verdicts)
        return f"{count} of {len(verdicts)} claims are supported." if verdicts else "Nothing was verified."
    words = {verdict.verdict for verdict in theorem}
    if "violated" in words:
        return "The theorem of robust overfitting is violated in this model."
    if words != {"supported"} or len(theorem) < len(THEOREM):
        return "This verification does not decide the theorem of robust overfitting."
    return "The theorem of robust overfitting holds in this model, in the range that was tested."


def sentences(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, str]]:
    """The verdicts that belong to the answer, each with what it says; a claim that is not supported says its note."""
    by_name = {verdict.claim.name: verdict for verdict in verdicts}
    found = []
    for sentence in SENTENCES:
        verdict = by_name.get(sentence.claim)
        if verdict is not None:
            held = verdict.verdict == "supported"
            found.append((verdict, sentence.holds if held else f"{verdict.claim.title}: {verdict.note}".rstrip(": ")))
    return found


def where(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Where the theorem was tested, and where it ends, as the claims say it themselves."""
    by_name: Mapping[str, Verdict] = {verdict.claim.name: verdict for verdict in verdicts}
    rows = []
    if (theorem := by_name.get(THEOREM[0])) is not None and theorem.evidence.tested_range:
        rows.append(("tested", theorem.evidence.tested_range))
    if (edges := by_name.get(BOUNDARY)) is not None and edges.evidence.checks:
        rows.append(("ends", edges.claim.statement))
    return rows


def figure(verdicts: Sequence[Verdict]) -> Panel | None:
    """The one figure: where the phenomenon ends, else the first of the theorem; none where there is neither."""
    by_name = {verdict.claim.name: verdict for verdict in verdicts}
    for name in (BOUNDARY, *THEOREM):
        if name in by_name and by_name[name].evidence.panels:
            return by_name[name].evidence.panels[0]
    return None
