"""Derivation: logistic saturation (L5), its closed forms and late expansions. Run to print them."""

import sympy as sp

time = sp.Symbol("t", positive=True)
start = sp.Symbol("M0", real=True)
conserved = time + start + sp.exp(start)
margin = sp.log(sp.LambertW(sp.exp(conserved)))
x = sp.Symbol("x", positive=True)


def lambert_identities() -> dict[str, sp.Expr]:
    """Expressions that vanish: the equation M' = 1/(1 + e^M), the start, and M + e^M = A with e^M = W(e^A)."""
    w = sp.Symbol("w", positive=True)  # W(e^A); then A = w + log w, because w e^w = e^A
    total = sp.Symbol("A", real=True)
    slope = sp.diff(sp.log(sp.LambertW(sp.exp(total))), total).subs(sp.LambertW(sp.exp(total)), w)
    return {
        "equation": sp.simplify(slope - 1 / (1 + w)),
        "conserved": sp.simplify(sp.expand_log(sp.log(w * sp.exp(w)), force=True) - (sp.log(w) + w)),
        # At t = 0, A = M0 + e^{M0} and w = e^{M0} solves w e^w = e^A.
        "start": sp.simplify(sp.exp(start) * sp.exp(sp.exp(start)) - sp.exp(conserved.subs(time, 0))),
    }


def cubic_form_derivative() -> sp.Expr:
    """d/dx of the closed form of stage II for q = 3, minus its integrand (1 + e^x) x^{-4/3}: zero.

    With ``x^a 1F1(a; a+1; x) = a int_0^x z^{a-1} e^z dz`` (Kummer's integral), a = 2/3.
    """
    z = sp.Symbol("z", positive=True)
    a = sp.Rational(2, 3)
    kummer = a * sp.Integral(z ** (a - 1) * sp.exp(z), (z, 0, x))
    form = -3 * x ** sp.Rational(-1, 3) * (1 + sp.exp(x)) + sp.Rational(9, 2) * kummer
    return sp.simplify(sp.diff(form, x).doit() - (1 + sp.exp(x)) * x ** sp.Rational(-4, 3))


def kummer_integral_error() -> sp.Float:
    """Kummer's integral checked at x = 7/3 to 30 digits: the difference of its two sides."""
    z = sp.Symbol("z", positive=True)
    a, point = sp.Rational(2, 3), sp.Rational(7, 3)
    series = sum(point ** (k + a) / (sp.factorial(k) * (k + a)) for k in range(80))  # integrated term by term
    del z
    return sp.N(a * series - point**a * sp.hyper([a], [a + 1], point), 30)


def late_expansion_residuals() -> list[sp.Expr]:
    """Orders e^0 and e^1 of ``a - p log a + log(1 + p/a) - L`` in e = 1/L with log L a symbol: both zero.

    ``a = L + p log L + p (p log L - 1)/L`` then solves e^a a^{-p} (1 + p/a) = t up to (log L / L)^2.
    """
    e, log_l, p = sp.symbols("e l p", positive=True)
    scaled = 1 + p * log_l * e + p * (p * log_l - 1) * e**2  # a e
    residual = scaled / e - p * (log_l + sp.log(scaled)) + sp.log(1 + p * e / scaled) - 1 / e
    series = sp.series(sp.expand(residual), e, 0, 2).removeO()
    return [sp.simplify(series.coeff(e, order)) for order in (0, 1)]


def numbers() -> dict[tuple[str, str], sp.Float]:
    """M(t) for starts and times to 30 digits, solving M + e^M = A."""
    exact = {}
    for t, m0 in (("1", "0"), ("1000000000000", "-3"), ("1/1000", "5"), ("1" + "0" * 300, "20"), ("1/7", "-40")):
        total = sp.Rational(t) + sp.Rational(m0) + sp.exp(sp.Rational(m0))
        guess = sp.log(total) if total > 1 else total
        unknown = sp.Symbol("m")
        exact[t, m0] = sp.nsolve(unknown + sp.exp(unknown) - total, unknown, sp.N(guess, 40), prec=40, verify=False)
    return exact


def cubic_numbers() -> dict[tuple[str, str], sp.Float]:
    """log(rate t) of stage II, q = 3, between two margins, by the closed form with 40 digits."""

    def form(value: sp.Expr) -> sp.Expr:
        a = sp.Rational(2, 3)
        head = -3 * value ** sp.Rational(-1, 3) * (1 + sp.exp(value))
        return head + sp.Rational(9, 2) * value**a * sp.hyper([a], [a + 1], value)

    pairs = (("1/1000", "1/2"), ("1/100", "30"), ("3", "31/10"), ("1/2", "700"))
    return {
        pair: sp.N(sp.log(form(sp.Rational(pair[1])) - form(sp.Rational(pair[0]))), 30, maxn=3000) for pair in pairs
    }


def main() -> None:
    """Print the residuals (all zero) and the reference values."""
    for name, value in lambert_identities().items():
        print(f"{name}: {value}")
    print("closed form for q = 3:", cubic_form_derivative(), "Kummer's integral:", kummer_integral_error())
    print("late expansion:", late_expansion_residuals())
    for point, value in numbers().items():
        print(f"M{point} = {value}")
    for point, value in cubic_numbers().items():
        print(f"log time{point} = {value}")


if __name__ == "__main__":
    main()
