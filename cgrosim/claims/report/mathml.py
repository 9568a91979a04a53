"""Formulas as they are typed, such as ``T_mem ~ N / (lam eta)``, typeset as MathML, which needs no network.

Letters stand for themselves, Greek ones by name, words upright. A fraction is of the two factors beside the bar, a
power or an index of the factor after it; parentheses that only group vanish there. A tilde that touches a name is put
on top of it; a quoted text stays one.
"""

from __future__ import annotations

import re
from html import escape

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "lambda": "λ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
OPERATORS = {
    "<=": "≤", ">=": "≥", "<<": "≪", ">>": "≫", "->": "→", "!=": "≠", "~": "∼", "-": "−", "*": "·", "+-": "±",
    "...": "…", "in": "∈", "oo": "∞", "sum": "∑", "int": "∫", "nabla": "∇", "iff": "⇔",
}  # fmt: skip
TOKEN = re.compile(r'\s*("[^"]*"|\d+(?:\.\d+)?|[A-Za-z]+~?|<=|>=|<<|>>|->|!=|\+-|\.\.\.|[-+*/^_(){}\[\]<>=~,|!\':;.])')
PAIRS = {"(": ")", "[": "]", "{": "}"}


def mathml(formula: str) -> str:
    """The formula as a ``math`` element, displayed on a line of its own.

    Raises
    ------
    ValueError
        If a bracket is not closed, or something is missing beside a sign.
    """
    words, place = [], 0
    text = formula.rstrip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"{text[place:].strip()[:10]!r} in the formula {formula!r} is no sign of a formula")
        words.append(match.group(1))
        place = match.end()
    reader = _Reader(words, formula)
    content = reader.row(None)
    return f'<math display="block" aria-label="{escape(formula, quote=True)}">{content}</math>'


class _Reader:
    """Reads one formula from its first word to its last."""

    def __init__(self, words: list[str], formula: str) -> None:
        self.words, self.place, self.formula = words, 0, formula

    def row(self, end: str | None) -> str:
        """Everything up to a closing bracket, which is taken, or to the end."""
        parts: list[str] = []
        while self._next() != end:
            if self._next() is None:
                raise ValueError(f"a {end!r} is missing in the formula {self.formula!r}")
            if self._next() == "/":
                self._take()
                if not parts:
                    raise ValueError(f"nothing stands before a bar of the formula {self.formula!r}")
                parts[-1] = f"<mfrac>{_bare(parts[-1])}{_bare(self._factor())}</mfrac>"
            else:
                parts.append(self._factor())
        if end is not None:
            self._take()
        return "<mrow>" + "".join(parts) + "</mrow>"

    def _factor(self) -> str:
        """An atom with what hangs on it: primes, an index, a power."""
        base, low, high = self._atom(), "", ""
        while self._next() in ("_", "^", "'"):
            sign = self._take()
            if sign == "'":
                high += "<mo>′</mo>"
            elif sign == "_":
                low = _bare(self._script())
            else:
                high += _bare(self._script())
        if low and high:
            return f"<msubsup>{base}{low}<mrow>{high}</mrow></msubsup>"
        if low or high:
            name = "msub" if low else "msup"
            return f"<{name}>{base}<mrow>{low or high}</mrow></{name}>"
        return base

    def _script(self) -> str:
        """An index or a power: an atom, which may have a sign before it."""
        if self._next() in ("-", "+", "*"):
            sign = OPERATORS.get(self._take(), "+")
            following = self._next()
            if following is None or not (following[0].isalnum() or following in PAIRS):
                return f"<mo>{sign}</mo>"  # v_+
            return f"<mrow><mo>{sign}</mo>{self._atom()}</mrow>"
        return self._atom()

    def _atom(self) -> str:
        word = self._take()
        if word in PAIRS:
            inner = self.row(PAIRS[word])
            if word == "{":
                return inner
            return f"<mrow><mo>{word}</mo>{inner}<mo>{PAIRS[word]}</mo></mrow>"
        if word == "sqrt":
            return f"<msqrt>{_bare(self._atom())}</msqrt>"
        if word.startswith('"'):
            return f"<mtext>&#160;{escape(word[1:-1])}&#160;</mtext>"  # plain spaces at its ends are not drawn
        if word[0].isdigit():
            return f"<mn>{word}</mn>"
        if word in OPERATORS:
            return f"<mo>{escape(OPERATORS[word])}</mo>"
        if word.endswith("~") and len(word) > 1:
            return f"<mover><mi>{GREEK.get(word[:-1], word[:-1])}</mi><mo>~</mo></mover>"
        if word[0].isalpha():
            return f"<mi>{GREEK.get(word, word)}</mi>"  # of several letters it is upright
        if word in ")]}":
            raise ValueError(f"a {word!r} too many stands in the formula {self.formula!r}")
        stretchy = ' stretchy="false"' if word == "|" else ""
        return f"<mo{stretchy}>{escape(word)}</mo>"

    def _next(self) -> str | None:
        return self.words[self.place] if self.place < len(self.words) else None

    def _take(self) -> str:
        word = self._next()
        if word is None:
            raise ValueError(f"the formula {self.formula!r} ends too early")
        self.place += 1
        return word


def _bare(part: str) -> str:
    """Without the parentheses that only group."""
    opening, closing = "<mrow><mo>(</mo>", "<mo>)</mo></mrow>"
    return part[len(opening) : -len(closing)] if part.startswith(opening) and part.endswith(closing) else part
