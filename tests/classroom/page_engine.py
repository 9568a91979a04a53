"""The page's JavaScript in an engine embedded in Python: what the tests of its numbers run."""

import json
from pathlib import Path

import numpy as np

WEB = Path(__file__).parents[2] / "cgrosim" / "classroom" / "web"
NUMBERS = ("generator", "model", "flow", "predictions", "story")
SPECIAL = {"Infinity": np.inf, "-Infinity": -np.inf, "NaN": np.nan}

HARNESS = """
function plain(value) {
  return JSON.stringify(value, (key, x) => {
    if (typeof x === "number" && !Number.isFinite(x)) return { special: String(x) };
    return ArrayBuffer.isView(x) ? Array.from(x) : x;
  });
}
function received(start) {
  const flat = (x) => Float64Array.from(x);
  const arrays = ["signal", "noise", "gram", "weight_gram"].map((name) => [name, flat(start[name])]);
  return { ...start, ...Object.fromEntries(arrays) };
}
"""


class PageEngine:
    """An engine with the page's numerical files loaded."""

    def __init__(self):
        from py_mini_racer import MiniRacer

        self._context = MiniRacer()
        for name in NUMBERS:
            self._context.eval((WEB / f"{name}.js").read_text(encoding="utf-8") + "\n;0")
        self._context.eval(HARNESS + "\n;0")

    def run(self, expression, **values):
        """Evaluate an expression in which the given values stand under their names."""
        names = ", ".join(values)
        given = ", ".join(json.dumps(value) for value in values.values())
        text = self._context.eval(f"plain((({names}) => ({expression}))({given}))")
        return json.loads(text, object_hook=_revived)


def _revived(found):
    return SPECIAL[found["special"]] if set(found) == {"special"} else found


def settings_of(params):
    """The page's settings: the parameters under their own names."""
    return params.model_dump(mode="json")


def start_of(system):
    """A closed system as the page holds it."""
    return {
        "labels": system.labels.tolist(),
        "truth": (np.ones(len(system.labels)) if system.features is None else system.features).tolist(),
        "signal": system.signal.tolist(),
        "noise": system.noise.ravel().tolist(),
        "gram": system.gram.ravel().tolist(),
        "weight_gram": system.weight_gram.ravel().tolist(),
    }
