"""Derivation: closed forms of the tensor power method (L1 and stage I) and their expansions. Run to print them."""

import sympy as sp

x, v, t, c, g = sp.symbols("x v t c g", positive=True)
q = sp.Symbol("q", positive=True)
n = sp.Symbol("n", positive=True)  # q - 1
integral = (x ** (2 - q) - v ** (2 - q)) / (q - 2)
solution = x * (1 - (q - 2) * c * x ** (q - 2) * t) ** (-1 / (q - 2))
factor = (n - 1) * g / (1 - (1 + g) ** (1 - n))


def integral_identities() -> dict[str, sp.Expr]:
    """Expressions that vanish: the integral is an antiderivative of z^{1-q}, zero at v = x, log(v/x) at q = 2."""
    return {
        "derivative in the target": sp.simplify(sp.diff(integral, v) - v ** (1 - q)),
        "derivative in the start": sp.simplify(sp.diff(integral, x) + x ** (1 - q)),
        "empty interval": sp.simplify(integral.subs(v, x)),
        "limit q -> 2": sp.simplify(sp.expand_log(sp.limit(integral, q, 2) - sp.log(v / x), force=True)),
    }


def solution_identities() -> dict[str, sp.Expr]:
    """Expressions that vanish: u(t) solves u' = c u^{q-1}, starts at x, and uses up I(x, u(t)) = c t."""
    rest = 1 - (q - 2) * c * x ** (q - 2) * t
    return {
        "equation": sp.simplify(sp.powsimp(sp.diff(solution, t) / (c * x ** (q - 1)) - rest ** (-(q - 1) / (q - 2)))),
        "right-hand side": sp.simplify(
            sp.powdenest((solution / x) ** (q - 1) - rest ** (-(q - 1) / (q - 2)), force=True)
        ),
        "start": sp.simplify(solution.subs(t, 0) - x),
        "time": sp.simplify(sp.powdenest((x ** (2 - q) - x ** (2 - q) * rest) / (q - 2), force=True) - c * t),
    }


def factor_expansions() -> dict[str, sp.Expr]:
    """Coefficients of g and g^2 in R_q and in F = R_q (1+g)^{1-q} (1 + (q-1) g), n = q - 1, minus those in the code."""
    second = factor * (1 + g) ** (-n) * (1 + n * g)
    upper = sp.series(factor, g, 0, 3).removeO()
    lower = sp.series(second, g, 0, 3).removeO()
    return {
        "R, g": sp.simplify(upper.coeff(g, 1) - n / 2),
        "R, g^2": sp.simplify(upper.coeff(g, 2) - n * (n - 2) / 12),
        "F, g": sp.simplify(lower.coeff(g, 1) - n / 2),
        "F, g^2": sp.simplify(lower.coeff(g, 2) - n * (4 - 5 * n) / 12),
        # R_q(g) I(1, 1+g, q) = g; both sides of c = R_q I scale like x^{2-q}.
        "one step": sp.simplify(factor * (1 - (1 + g) ** (1 - n)) / (n - 1) - g),
        "R for q = 3": sp.simplify(factor.subs(n, 2) - (1 + g)),
    }


def numbers() -> dict[tuple[str, str, str], sp.Float]:
    """I(x, v, q) to 30 digits at points from mild to extreme, for comparison with the float64 function."""
    points = [
        ("1/1000", "1", "3"),
        ("1/1000000000", "1000", "201/100"),
        ("1/2", "500001/1000000", "7"),
        ("1", "30", "5/2"),
    ]
    exact = {}
    for start, target, power in points:
        values = {x: sp.Rational(start), v: sp.Rational(target), q: sp.Rational(power)}
        exact[start, target, power] = sp.N(integral.subs(values), 30)
    return exact


def main() -> None:
    """Print the residuals (all zero) and the reference values."""
    for table in (integral_identities(), solution_identities(), factor_expansions()):
        for name, value in table.items():
            print(f"{name}: {value}")
    for point, value in numbers().items():
        print(f"I{point} = {value}")


if __name__ == "__main__":
    main()
