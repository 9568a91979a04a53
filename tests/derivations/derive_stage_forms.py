"""Symbolic derivations behind the stage, memorisation and test-error formulas; run to print what each one yields."""

from __future__ import annotations

import sympy as sp

t, u, v, a, q, z = sp.symbols("t u v a q z", positive=True)
alpha, eta, lam, energy, samples, clock = sp.symbols("alpha eta lam kappa N A", positive=True)


def growth_solution() -> sp.Expr:
    """u'/(c u^(q-1)) for u(t) = u0 D^(-1/(q-2)), D = 1 - (q-2) c u0^(q-2) t > 0: 1 for a solution."""
    start, rate, depth = sp.symbols("u0 c D", positive=True)
    solution = start * depth ** (-1 / (q - 2))
    fall = -(q - 2) * rate * start ** (q - 2)  # dD/dt
    ratio = sp.diff(solution, depth) * fall / (rate * solution ** (q - 1))
    return sp.simplify(sp.powdenest(sp.expand_power_base(ratio, force=True), force=True))


def conserved_difference() -> sp.Expr:
    """d/dt of u_1^(2-q) - u_2^(2-q) under u_r' = F u_r^(q-1)."""
    first, second, force = sp.symbols("u1 u2 F", positive=True)
    change = (2 - q) * (first ** (1 - q) * force * first ** (q - 1) - second ** (1 - q) * force * second ** (q - 1))
    return sp.simplify(change)


def plateau_equation() -> sp.Expr:
    """Ratio of a', a = k alpha^q u^q, from the force on k equal neurons, to eta q^2 alpha^2 k^(-(q-2)/q) a^(2-2/q)."""
    neurons = sp.symbols("k", positive=True)
    margin = neurons * alpha**q * u**q
    rate = sp.diff(margin, u) * eta * q * alpha**q * u ** (q - 1)
    form = eta * q**2 * alpha**2 * neurons ** (-(q - 2) / q) * margin ** (2 - 2 / q)
    return sp.simplify(sp.powsimp(sp.expand_power_base(rate / form, force=True), force=True))


def plateau_primitive(power: sp.Rational) -> sp.Expr:
    """Series of d/da [primitive] - a^(-(2-2/q)) (1 + e^a): zero to the order expanded."""
    bend, order = 2 / power, 12
    kummer = sum(sp.rf(bend, n) / sp.rf(bend + 1, n) * a**n / sp.factorial(n) for n in range(order))
    exponential = sum(a**n / sp.factorial(n) for n in range(order))
    excess = (power - 2) / power
    primitive = -(1 / excess) * (a**-excess * (1 + exponential) - a**bend / bend * kummer)
    difference = sp.expand(sp.diff(primitive, a) - a ** (-(2 - bend)) * (1 + exponential))
    lowest = [
        term for term in sp.Add.make_args(sp.expand(difference * a ** (2 - bend))) if sp.degree(term, a) < order - 1
    ]
    return sp.simplify(sum(lowest))


def clean_exposure() -> sp.Expr:
    """Clean weight per unit of the signal's clock: (c dt)/dA with dA = eta q alpha^q c dt, times eta q alpha^q."""
    clean = sp.symbols("c", positive=True)
    return sp.simplify((clean / (eta * q * alpha**q * clean)) * eta * q * alpha**q)


def control_bound_cubic() -> sp.Expr:
    """Limit of v for q = 3 when the noise clock is A_max/(N alpha^3) with A_max = 1/u_max(0)."""
    noise, signal = sp.symbols("v0 u0", positive=True)
    limit = 1 / (1 / noise - energy * (1 / signal) / (samples * alpha**3))
    stated = noise / (1 - noise * energy / (samples * alpha**3 * signal))
    return sp.simplify(limit - stated)


def hermite_coefficients(power: int) -> dict[int, sp.Expr]:
    """c_k^2/k! of z^q in Hermite polynomials: the coefficients of rho^k in E[x^q y^q]."""
    x = sp.symbols("x", real=True)
    weight = sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi)
    polynomials = [sp.Integer(1), x]
    while len(polynomials) <= power:
        n = len(polynomials) - 1
        polynomials.append(sp.expand(x * polynomials[n] - n * polynomials[n - 1]))
    found = {}
    for k in range(1, power + 1, 2):
        coefficient = sp.integrate(x**power * polynomials[k] * weight, (x, -sp.oo, sp.oo))
        found[k] = sp.simplify(coefficient**2 / sp.factorial(k))
    return found


def tail_bound_shifted() -> sp.Expr:
    """Residual of log(t^-p (p-1)^(qp/2)) at p = 1 + t^(2/q)/e against -(q/2)(1 + t^(2/q)/e)."""
    moment = 1 + t ** (2 / q) / sp.E
    value = moment * (q / 2 * (2 / q * sp.log(t) - 1) - sp.log(t))
    return sp.simplify(value + q / 2 * moment)


def saturation_term(order: int) -> sp.Expr:
    """The order-n term of the integral of v^(1-q) (e^(v^q) - 1)/2 over (0, z^(1/q)) against the stated one."""
    term = sp.integrate(z ** (2 / q - 2) * z**order / sp.factorial(order), z) / (2 * q)
    stated = z ** (order - 1 + 2 / q) / (sp.factorial(order) * (order - 1 + 2 / q)) / (2 * q)
    return sp.simplify(sp.powsimp(term / stated, force=True))


def main() -> None:
    """Print every derivation with its result."""
    print("u'/(c u^(q-1)) of the growth law            :", growth_solution())
    print("d/dt of a conserved difference              :", conserved_difference())
    print("a' over its plateau form, k equal neurons   :", plateau_equation())
    for power in (sp.Integer(3), sp.Integer(4), sp.Rational(5, 2)):
        print(f"plateau primitive, residual at q = {power}        :", plateau_primitive(power))
    print("clean exposure times eta q alpha^q over A   :", clean_exposure())
    print("control limit, q = 3, minus the stated one  :", control_bound_cubic())
    print("Hermite coefficients q = 3, 5               :", hermite_coefficients(3), hermite_coefficients(5))
    print("shifted chaos tail, residual                :", tail_bound_shifted())
    print("saturation series, terms over stated, n=1..3:", [saturation_term(n) for n in (1, 2, 3)])


if __name__ == "__main__":
    main()
