"""Derivation: one gradient step closes on (u, v), for any activation, from the loss itself. Run to print the numbers.

Two samples (labels +1 and -1), three patches, two neurons with second layer (a_1, a_2), dimension 3 with w_star the
first axis. Every weight and patch entry is a symbol, phi an undefined function.
"""

import sympy as sp

SAMPLES, NOISE, NEURONS, DIMENSION = 2, 2, 2, 3
LABELS = (1, -1)

alpha = sp.Symbol("alpha", positive=True)
clean_weights, attacked_weights = sp.symbols("c1:3"), sp.symbols("a_adv1:3")
second_layer = sp.symbols("a1:3")
weights = sp.Matrix(NEURONS, DIMENSION, sp.symbols(f"w1:{NEURONS * DIMENSION + 1}"))
patch_symbols = sp.symbols(f"x1:{SAMPLES * NOISE * (DIMENSION - 1) + 1}")
attacked_coefficients = sp.symbols("kappa1:3", positive=True)
phi = sp.Function("phi")


def noise_patch(sample: int, patch: int) -> sp.Matrix:
    """A spurious patch: orthogonal to the signal direction, the first axis."""
    first = (sample * NOISE + patch) * (DIMENSION - 1)
    return sp.Matrix([0, *patch_symbols[first : first + DIMENSION - 1]])


def margin(sample: int, coefficient: sp.Expr) -> sp.Expr:
    """Margin y f(X) with the signal patch ``coefficient * y * w_star``."""
    y = LABELS[sample]
    signal = sp.Matrix([coefficient * y] + [0] * (DIMENSION - 1))
    patches = [signal, *(noise_patch(sample, j) for j in range(NOISE))]
    return y * sum(second_layer[r] * phi((weights[r, :] * p)[0]) for r in range(NEURONS) for p in patches)


def logistic_weight_identity() -> sp.Expr:
    """Minus the derivative of log(1 + e^{-z}), minus s(z) = 1/(1 + e^z): zero."""
    z = sp.Symbol("z", real=True)
    return sp.simplify(-sp.diff(sp.log(1 + sp.exp(-z)), z) - 1 / (1 + sp.exp(z)))


def descent_direction(neuron: int) -> sp.Matrix:
    """Minus the gradient of the loss, attacked coefficients held fixed (Danskin).

    ``-dL/dw = (1/N) sum_i [(1-lam) s(clean_i) d clean_i/dw + lam s(attacked_i) d attacked_i/dw]`` with the symbols
    c_i = (1-lam) s(clean_i), a_i = lam s(attacked_i).
    """
    total = sp.zeros(DIMENSION, 1)
    for i in range(SAMPLES):
        for weight, coefficient in ((clean_weights[i], alpha), (attacked_weights[i], attacked_coefficients[i])):
            value = margin(i, coefficient)
            total += weight * sp.Matrix([sp.diff(value, weights[neuron, k]) for k in range(DIMENSION)])
    return total / SAMPLES


def slope(argument: sp.Expr) -> sp.Expr:
    """Derivative of phi at a point."""
    z = sp.Symbol("z")
    return sp.Subs(sp.diff(phi(z), z), z, argument)


def stated_force(neuron: int) -> sp.Matrix:
    """Minus the gradient for one neuron as the closed system states it: force on u along w_star, A along patches."""
    force = sp.zeros(DIMENSION, 1)
    u = weights[neuron, 0]
    for i, y in enumerate(LABELS):
        kappa, c, a = attacked_coefficients[i], clean_weights[i], attacked_weights[i]
        force[0] += (alpha * c * slope(alpha * y * u) + kappa * a * slope(kappa * y * u)) * second_layer[neuron]
        for j in range(NOISE):
            patch = noise_patch(i, j)
            projection = (weights[neuron, :] * patch)[0]
            force += y * (c + a) * second_layer[neuron] * slope(projection) * patch
    return force / SAMPLES


def residuals(neuron: int, activation: sp.Lambda) -> list[sp.Expr]:
    """Minus the gradient, minus the stated force, for one activation: identically zero."""
    difference = descent_direction(neuron) - stated_force(neuron)
    return [sp.expand(entry.replace(phi, activation).doit()) for entry in difference]


def activations() -> dict[str, sp.Lambda]:
    """A monomial of each parity and a transcendental function: enough to expose a missing factor."""
    z = sp.Symbol("z")
    formulas = {"z^3": z**3, "z^4": z**4, "sin z": sp.sin(z)}
    return {name: sp.Lambda(z, formula) for name, formula in formulas.items()}


def cubic_signal_identity() -> sp.Expr:
    """For phi = z^3 the force on u is 3 u^2 mean(alpha^3 c + kappa^3 a): the form with alpha^q of the paper; zero."""
    z, u = sp.symbols("z u")
    y = sp.Symbol("y")
    kappa = sp.Symbol("kappa")
    general = sp.diff(z**3, z).subs(z, kappa * y * u) * kappa
    return sp.simplify((general - 3 * u**2 * kappa**3).subs(y**2, 1))


def inner_maximum_is_an_end() -> sp.Expr:
    """Derivative of the signal margin in the coefficient, phi = sign(z)|z|^q: q kappa^{q-1} U, one sign on kappa > 0.

    Returns that derivative minus ``q kappa^{q-1} U`` for y = 1, u > 0 and its mirror image: zero. Hence the loss is
    monotone in kappa and its maximum over [alpha - delta, alpha + delta] is at the lower end when U > 0, at the upper
    when U < 0; where U != 0 the end does not move with the weights, and the gradient of the maximum is that at the end.
    """
    kappa, q, u1, u2 = sp.symbols("kappa q u1 u2", positive=True)
    signal = (kappa * u1) ** q - (kappa * u2) ** q  # one positive and one negative neuron
    total = u1**q - u2**q
    return sp.simplify(sp.expand_power_base(sp.diff(signal, kappa) - q * kappa ** (q - 1) * total))


def main() -> None:
    """Print the residuals (all zero)."""
    print("minus the derivative of the loss minus s =", logistic_weight_identity())
    for name, activation in activations().items():
        for r in range(NEURONS):
            print(f"{name}, neuron {r}: minus gradient minus stated force =", residuals(r, activation))
    print("cubic signal force minus paper's form =", cubic_signal_identity())
    print("d(signal margin)/d(coefficient) minus q kappa^(q-1) U =", inner_maximum_is_an_end())


if __name__ == "__main__":
    main()
