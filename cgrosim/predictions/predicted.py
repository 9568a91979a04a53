"""What the theory predicts for one experiment: named numbers and curves that figures can draw and readers can print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cgrosim.arguments import checked
from cgrosim.errors import UserError
from cgrosim.files.words import quoted, suggested
from cgrosim.model.params import Params
from cgrosim.predictions.regime import Slack
from cgrosim.predictions.values import Value
from cgrosim.predictions.words import as_data, as_html, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.run.results import Run

Kind = Literal["exact", "bound", "order", "asymptotic"]


@dataclass(frozen=True)
class Prediction:
    """One predicted quantity.

    Attributes
    ----------
    name : what programs call it
    meaning : what it is, in words
    value : a number, an array with one entry a sample, a law, a window, a curve or a word; None where the theory is
        silent
    unit : "step" for gradient steps, "1" for pure numbers
    kind : "exact", "bound", "order" (right within a factor) or "asymptotic" (right in a limit)
    source : where the statement comes from
    hypotheses : the slack of every hypothesis that the prediction rests on; positive holds
    why_not : why there is no value, empty where there is one
    """

    name: str
    meaning: str
    unit: str
    kind: Kind
    source: str
    value: Value | None = None
    hypotheses: tuple[Slack, ...] = ()
    why_not: str = ""

    @property
    def failing(self) -> tuple[Slack, ...]:
        """The hypotheses that do not hold."""
        return tuple(slack for slack in self.hypotheses if not slack.slack > 0.0)


@dataclass(frozen=True)
class Predictions:
    """Everything that was predicted for one experiment, by name; see `cgrosim.predict`.

    Attributes
    ----------
    params : the experiment
    entries : one `Prediction` for every quantity the theory knows
    regime : the slack of every hypothesis at these parameters
    notes : which parts apply and how far, in sentences
    """

    params: Params
    entries: tuple[Prediction, ...] = ()
    regime: tuple[Slack, ...] = ()
    notes: tuple[str, ...] = ()

    @checked
    def __getitem__(self, name: str) -> Prediction:
        """One predicted quantity.

        Raises
        ------
        UserError
            If no quantity has this name.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise UserError(f"{quoted(name)} is not predicted; {suggested(name, self.names, 'the quantities are')}")

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all quantities."""
        return tuple(entry.name for entry in self.entries)

    @checked
    def value(self, name: str) -> Any:
        """The value of one quantity; None where the theory is silent or does not know the name."""
        return next((entry.value for entry in self.entries if entry.name == name), None)

    @checked
    def plot(self, run: Run) -> Figure:
        """Draw these predictions over a run: the three-stage figure."""
        return run.plot(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON data: arrays as lists, what never happens as the string "infinity", nan as None."""
        return as_data(self)

    def __str__(self) -> str:
        """A table in plain ASCII."""
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)
