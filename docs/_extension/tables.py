"""Tables out of the program's own tables: parameters, recorded and predicted quantities, hypotheses, files."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import cgrosim
from cgrosim.commands.options import EXPONENTS, POLYLOGS
from cgrosim.files.kinds import Kind
from cgrosim.model.activations import ACTIVATIONS
from cgrosim.model.params import Params
from cgrosim.predictions.quantities import QUANTITIES as PREDICTED
from cgrosim.predictions.regime import all_slacks
from cgrosim.run.quantities import QUANTITIES as RECORDED

# The paper's symbol and the unit of every parameter: w a weight, x an input; [time] is that of the gradient flow.
SYMBOLS = {
    "dimension": ("d", "1"),
    "patches": ("P", "1"),
    "samples": ("N", "1"),
    "neurons": ("m", "1"),
    "activation": (r"\phi", ""),
    "power": ("q", "1"),
    "signal_strength": (r"\alpha", "x"),
    "noise_std": (r"\sigma_p", "x"),
    "init_std": (r"\sigma_0", "w"),
    "perturbation_radius": (r"\delta", "x"),
    "gap": (r"1 - \delta/\alpha", "1"),
    "adversarial_weight": (r"\lambda", "1"),
    "learning_rate": (r"\eta", "time"),
    "steps": ("T", "step"),
    "threat": (r"\mathcal{A}(X, \delta)", ""),
    "attack_step_size": ("", "x"),
    "weight_decay": (r"\rho", "1/time"),
    "momentum": (r"\beta", "1"),
    "batch_size": ("B", "1"),
    "label_smoothing": (r"\epsilon", "1"),
    "label_noise": (r"\tau", "1"),
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )


def parameters() -> str:
    """Every field of `Params` with symbol, unit, default and meaning; then what `from_paper` takes besides."""
    unknown = set(SYMBOLS) - set(Params.model_fields)
    assert not unknown, f"no parameters: {unknown}"
    rows = []
    for name, field in Params.model_fields.items():
        symbol, unit = SYMBOLS.get(name, ("", ""))
        default = "*the paper's*" if field.is_required() else f"`{field.default!r}`"
        rows.append(
            (f"`{name}`", f"${symbol}$" if symbol else "", unit, default, str(field.description).replace("<", "&lt;"))
        )
    more = [(f"`{name}`", text) for name, text in {**EXPONENTS, **POLYLOGS}.items()]
    return (
        table(("parameter", "paper", "unit", "default", "meaning"), rows)
        + "\n\n## What `from_paper` takes besides\n\n"
        + table(("argument", "meaning"), more)
    )


def activations() -> str:
    """Every activation with what the tables of the model say of it."""
    rows = [
        (f"`{name}`", "yes" if each.odd else "no", str(each.least_power or "none"), str(each.second_layer))
        for name, each in ACTIVATIONS.items()
    ]
    return table(("activation", "odd", "smallest power", "second layer"), rows)


def recorded() -> str:
    """Every recorded quantity."""
    rows = [
        (
            f"`{name}`",
            ", ".join(("step", *each.dimensions)),
            each.units,
            each.long_name,
            f"`record='{each.option}'`" if each.option else "",
        )
        for name, each in RECORDED.items()
    ]
    return table(("variable", "dimensions", "unit", "meaning", "asked for by"), rows)


def predicted() -> str:
    """Every predicted quantity."""
    rows = [(f"`{each.name}`", each.unit, each.kind, each.meaning, each.source) for each in PREDICTED]
    return table(("quantity", "unit", "kind", "meaning", "source"), rows)


def hypotheses() -> str:
    """Every hypothesis with its statement, and its slack at d = 1000 at the paper's exponents."""
    found = all_slacks(Params.from_paper(1000))
    return table(
        ("hypothesis", "statement", "slack at d = 1000"),
        [(f"`{each.name}`", each.statement, f"{each.slack:+.2g}") for each in found],
    )


def files() -> str:
    """Every kind of file the program reads, found where it is declared."""
    root = Path(cgrosim.__file__).parent
    kinds: dict[str, Kind] = {}
    for path in sorted(root.rglob("*.py")):
        if re.search(r"^\w+ = Kind\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            module = importlib.import_module(".".join(("cgrosim", *path.relative_to(root).with_suffix("").parts)))
            kinds |= {each.format: each for each in vars(module).values() if isinstance(each, Kind)}
    rows = [
        (f"`{each.format}`", each.noun, ", ".join(f"`{old}`" for old in each.older), each.source)
        for each in kinds.values()
    ]
    return table(("format inside", "what it is", "older, still read", "where one comes from"), rows)
