"""TRADES: the divergence and its gradients, in the compiled network against the reference, and a step of training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_cases import LAYOUTS, UNIT, Analysis, Case, close, gamma, make_case, network, pairs
from small_trainings import NETWORK, same_bits, small_dataset, small_settings

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import Attack, random_start
from cgrosim.images.network.architectures import lenet, patch_network, stack3x3
from cgrosim.images.network.divergence import divergence, log_softmax
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, Power
from cgrosim.images.network.network import NonFiniteError
from cgrosim.images.network.reference import ReferenceNetwork
from cgrosim.images.training import objective
from cgrosim.images.training.samples import Samples, training_data
from cgrosim.images.training.train import new_network, train
from cgrosim.model.streams import TrainingStream, stream

DATA = small_dataset()
NETWORKS = [lenet(2, (12, 11, 1)), stack3x3(4, (8, 8, 3)), patch_network((6, 6, 1), 3, filters=20)]
EPS = np.finfo(np.float64).eps


def some_logarithms(case: Case, spread: float = 2.0) -> np.ndarray:
    """Log-probabilities of random logits."""
    shape = (len(case.labels), case.architecture.classes)
    return log_softmax(spread * np.random.default_rng(4).standard_normal(shape))


class Diverged(Analysis):
    """What float32 may make of the divergence from given log-probabilities, or of a gradient that is added."""

    def __init__(self, case: Case, weight: float, log_p: np.ndarray | None = None, slopes: np.ndarray | None = None):
        self._log_p, self._slopes = log_p, slopes
        super().__init__(case, weight)

    def _loss(self) -> None:
        super()._loss()
        if self._slopes is not None:  # rounded itself, and in the sum
            self._top = self._top + self._slopes
            self._top_error = self._top_error + 2 * UNIT * (np.abs(self._slopes) + 1.0)
        if self._log_p is None:
            return
        slack, log_q = self.losses_error, log_softmax(self.logits)  # slack: of every log q
        self.losses, _, self._top = divergence(self._log_p, log_q)
        terms = np.exp(self._log_p) * np.abs(self._log_p - log_q)
        self.losses_error = slack + gamma(self.logits.shape[1] + 8) * terms.sum(axis=1)
        rows, top = np.arange(len(slack)), self._log_p.argmax(axis=1)
        self._top_error[rows, top] = 0.0
        self._top_error[rows, top] = self._top_error.sum(axis=1)  # it is minus the sum of the others


@given(
    st.lists(st.tuples(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0)), min_size=2, max_size=5),
    st.lists(st.floats(-1.0, 1.0), min_size=5, max_size=5),
)
def test_the_divergence_is_its_sum_and_its_gradients_are_differences(logits, along):
    ours, others = np.array(logits).T[:, None, :]
    along = np.array([along[: ours.shape[1]]])
    p, q = (np.exp(z) / np.exp(z).sum() for z in (ours, others))
    found, by_p, by_q = divergence(log_softmax(ours), log_softmax(others))
    plain = sum(a * np.log(a / b) for a, b in zip(p[0], q[0], strict=True))
    assert found[0] == pytest.approx(plain, abs=1e3 * EPS * 20)  # sums of five numbers below 20
    assert found[0] >= -1e3 * EPS
    step = 1e-4

    def slope(move_p: float, move_q: float) -> float:
        ahead, back = (
            divergence(log_softmax(ours + s * move_p * along), log_softmax(others + s * move_q * along))[0][0]
            for s in (step, -step)
        )
        return (ahead - back) / (2 * step)

    # third derivatives along it are below 18 * 2^3 * 10: 144 h^2 is left; rounding: a few 20 eps / h
    bound = 1500 * step**2 + 1e3 * EPS / step
    assert np.vdot(by_p, along) == pytest.approx(slope(1.0, 0.0), abs=bound)
    assert np.vdot(by_q, along) == pytest.approx(slope(0.0, 1.0), abs=bound)


@pytest.mark.parametrize(("architecture", "layout"), pairs(NETWORKS))
def test_the_network_against_the_reference(architecture, layout):
    case = make_case(architecture, 19, seed=2)
    log_p = some_logarithms(case)
    ours, bound = network(case, layout), Diverged(case, 0.7, log_p)
    losses, logits = ours.accumulate_divergence(case.images, log_p, 0.7)
    close(losses, bound.losses, bound.losses_error)
    close(logits, bound.logits, bound.logits_error)
    for name, value in ours.gradient().items():
        close(value, bound.gradient[name], bound.gradient_error[name])
    slopes = 3.0 * np.random.default_rng(1).standard_normal(log_p.shape)
    ours, bound = network(case, layout), Diverged(case, 0.7, slopes=slopes)
    close(ours.accumulate_gradient(case.images, case.labels, 0.7, slopes=slopes), bound.losses, bound.losses_error)
    for name, value in ours.gradient().items():
        close(value, bound.gradient[name], bound.gradient_error[name])


@pytest.mark.parametrize("wrong", ["probabilities", "slopes"])
def test_the_bound_is_sharp_enough_to_see_others(wrong):
    case = make_case(lenet(1, (8, 8, 1)), 19, seed=2)
    log_p, ours = some_logarithms(case), network(case)
    if wrong == "probabilities":
        ours.accumulate_divergence(case.images, log_softmax(1.001 * log_p), 1.0)
        bound = Diverged(case, 1.0, log_p)
    else:
        ours.accumulate_gradient(case.images, case.labels, 1.0, slopes=1.001 * log_p)
        bound = Diverged(case, 1.0, slopes=log_p)
    with pytest.raises(AssertionError, match="more than the bound"):
        close(ours.gradient()["layer8.bias"], bound.gradient["layer8.bias"], bound.gradient_error["layer8.bias"])


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("architecture", "layout"), pairs(NETWORKS))
def test_one_step_goes_up_the_divergence(architecture, norm, layout):
    case = make_case(architecture, 17, seed=9)
    attack, log_p = Attack.pgd(norm, 0.2 if norm == "linf" else 1.0, 1), some_logarithms(case)
    start = random_start(case.images, attack, np.random.default_rng(5))
    how = {"norm": norm, "radius": attack.radius, "step_size": attack.step_size, "steps": 1}
    found, negative, stuck = network(case, layout).perturb(
        case.images, case.labels, start, **how, log_probabilities=log_p
    )
    exact, least, _ = case.reference().perturb(case.images, case.labels, start, **how, log_probabilities=log_p)
    there = divergence(log_p, log_softmax(case.reference().logits(exact)))[0]
    assert np.allclose(-least, there, rtol=1e-12, atol=0.0)
    bound = Diverged(Case(architecture, case.parameters, start, case.labels), 1.0, log_p)
    gradient, error = bound.input_gradient, bound.input_gradient_error
    if norm == "linf":
        certain = np.abs(gradient) > error
        assert certain.mean() > 0.5
        assert np.abs(found - exact)[certain].max() <= 4 * UNIT
    else:  # as in the test of one step of the other attack
        length = np.sqrt((gradient**2).sum(axis=(1, 2, 3)))
        off = 2 * np.sqrt((error**2).sum(axis=(1, 2, 3))) / length
        slack = gamma(2 * case.images[0].size + 16) * 3.5 + 4 * UNIT * np.sqrt(case.images[0].size)
        assert np.all(np.sqrt(((found - exact) ** 2).sum(axis=(1, 2, 3))) <= attack.step_size * off + slack)
        assert np.median(off) < 1e-2
    reached = Diverged(Case(architecture, case.parameters, found, case.labels), 1.0, log_p)
    close(-negative, reached.losses, reached.losses_error)
    assert not stuck.any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_at_the_image_itself_nothing_rises_and_nothing_vanishes_by_saturation(layout):
    """With logits a thousand apart the other probabilities are beyond what float64 can hold."""
    case = make_case(NETWORKS[0], 16, seed=3)
    for name in case.parameters:
        if name.startswith("layer8"):
            case.parameters[name] *= np.float32(2000.0)
    ours, how = network(case, layout), {"norm": "linf", "radius": 0.1, "step_size": 0.1, "steps": 1}
    log_p = log_softmax(ours.logits(case.images))
    assert np.median(np.sort(log_p, axis=1)[:, -2]) < -745.2  # where exp is 0
    _, negative, stuck = ours.perturb(case.images, case.labels, case.images, **how, log_probabilities=log_p)
    assert stuck.all()
    start = random_start(case.images, Attack.pgd("linf", 1e-3, 1), np.random.default_rng(1))
    _, moved, stuck = ours.perturb(case.images, case.labels, start, **how, log_probabilities=log_p)
    assert not stuck.any()
    assert np.all(moved <= negative)
    assert np.mean(moved < negative) > 0.3  # of the others no step of 0.1 makes the divergence a positive number


def fixed(found):
    """An attack that ends at given images."""
    return lambda *told: np.asarray(found, np.float32)


def test_the_gradient_of_the_whole_objective_is_a_finite_difference(monkeypatch):
    """Along a direction in every parameter array, of a network without kinks (cubes are smooth to second order)."""
    architecture = Architecture("smooth", (4, 4, 1), (Convolution(3, 3), Power(3), FullyConnected(3)))
    case = make_case(architecture, 5, seed=4)
    generator = np.random.default_rng(2)
    attacked = np.clip(case.images + 0.2 * generator.standard_normal(case.images.shape), 0, 1).astype(np.float32)
    settings = small_settings(trades_beta=4.0, adversarial_weight=0.7, label_smoothing=0.1)
    batch = Samples(case.images, case.labels)
    monkeypatch.setattr(objective, "most_divergent", fixed(attacked))

    def loss(parameters, gradient_too=False):
        reference = ReferenceNetwork(architecture, parameters)
        found = objective.accumulate(reference, settings, batch, settings.attack, generator)
        return (found, reference.gradient()) if gradient_too else found

    exact = {name: value.astype(np.float64) for name, value in case.parameters.items()}
    value, gradient = loss(exact, True)
    logits = ReferenceNetwork(architecture, exact).logits
    p, q = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in map(logits, (case.images, attacked)))
    target = np.eye(3)[case.labels] * 0.9 + 0.1 / 3
    plain = -(target * np.log(p)).sum(axis=1) + 0.7 * 4.0 * (p * np.log(p / q)).sum(axis=1)
    assert value == pytest.approx(plain.mean(), rel=1e-12)
    for name in exact:
        along = generator.standard_normal(exact[name].shape)
        along /= np.linalg.norm(along)
        near, far = (
            (loss({**exact, name: exact[name] + h * along}) - loss({**exact, name: exact[name] - h * along})) / (2 * h)
            for h in (1e-5, 2e-5)
        )
        # what is left of the extrapolated truncation is below the difference of the two; rounding: 1e3 eps of the loss
        bound = abs(near - far) + 2e3 * EPS * value / 1e-5
        assert np.vdot(gradient[name], along) == pytest.approx((4 * near - far) / 3, abs=bound), name


def test_one_step_of_training_is_that_of_the_plain_formula():
    """Against the reference network, with the attack of the network that was trained: a sign may turn in float32."""
    settings = small_settings(epochs=1, batch_size=30, trades_beta=5.0, adversarial_weight=0.8, snapshots=(0,))
    found, data = train(settings, DATA), training_data(settings, DATA).train
    generator = stream(settings.seed, TrainingStream.EPOCH, 1)
    order = generator.permutation(30)
    images, labels, start = data.images[order], data.labels[order], found.snapshots[0]
    reference = ReferenceNetwork(NETWORK, start)
    ours = new_network(NETWORK, start)
    log_p = log_softmax(ours.logits(images))
    attacked = objective.most_divergent(ours, Samples(images, labels), log_p, settings.attack, generator)
    p, q = (np.exp(log_softmax(reference.logits(each))) for each in (images, attacked))
    each = (p * np.log(p / q)).sum(axis=1)
    loss = float(reference.losses(images, labels).mean() + 0.8 * 5.0 * each.mean())
    reference.accumulate_gradient(images, labels, 1.0, slopes=4.0 * p * (np.log(p / q) - each[:, None]))
    reference.accumulate_divergence(attacked, np.log(p), 4.0)
    reference.step(0.1, 0.9, 0.0)
    # sums of at most 480 products of numbers below 10 in float32, five times: 5 * 480 * 10 * 2^-24 = 1.5e-3
    assert found.history["train_loss"][0] == pytest.approx(loss, abs=1.5e-3)
    for name, value in reference.parameters().items():
        np.testing.assert_allclose(found.last[name], value, atol=1.5e-3)


def test_of_several_restarts_the_largest_divergence_counts():
    settings = small_settings(attack=Attack.pgd("linf", 0.1, 2, restarts=3), trades_beta=6.0)
    data = training_data(settings, DATA).train
    ours = new_network(NETWORK, train(small_settings(epochs=1), DATA).last)
    log_p = log_softmax(ours.logits(data.images))
    found = objective.most_divergent(ours, data, log_p, settings.attack, np.random.default_rng(3))
    single = settings.attack.replace(restarts=1)
    tried = []
    for child in np.random.default_rng(3).spawn(3):
        start = random_start(data.images, single, child)
        how = {"norm": "linf", "radius": 0.1, "step_size": single.step_size, "steps": 2}
        images, _, _ = ours.perturb(data.images, data.labels, start, **how, log_probabilities=log_p)
        tried.append((divergence(log_p, log_softmax(ours.logits(images)))[0], images))
    values, images = np.array([each[0] for each in tried]), np.array([each[1] for each in tried])
    chosen = values.argmax(axis=0)
    assert len(set(chosen.tolist())) > 1
    np.testing.assert_array_equal(found, images[chosen, np.arange(len(data))])


def test_without_adversarial_weight_it_is_standard_training():
    one, other = (train(small_settings(adversarial_weight=0.0, trades_beta=beta, epochs=1), DATA) for beta in (0, 6))
    assert same_bits(one, other.__class__(**{**vars(other), "settings": one.settings}))


def test_what_is_given_must_fit():
    case = make_case(NETWORKS[0], 3, seed=3)
    ours, log_p = network(case), some_logarithms(case)
    for wrong, words in ((log_p[:, :4], r"classes; give \(n, 10\)"), (log_p[:2], "2 rows are given for 3 images")):
        with pytest.raises(ParameterError, match=words):
            ours.accumulate_divergence(case.images, wrong, 1.0)
    log_p[1, 2] = -np.inf
    with pytest.raises(NonFiniteError, match="not finite"):
        ours.accumulate_gradient(case.images, case.labels, 1.0, slopes=log_p)


def test_of_restarts_that_come_as_far_the_first_one_counts():
    class Flat:
        """A network whose answer no pixel moves: every end is as good."""

        def perturb(self, images, labels, start, **_):
            return start, np.zeros(len(images)), None

    batch = Samples(DATA.train_images[:3], DATA.train_labels[:3])
    attack = Attack.pgd("linf", 0.1, 1, restarts=2)
    found = objective.most_divergent(Flat(), batch, np.zeros((3, 2)), attack, np.random.default_rng(1))
    first = random_start(batch.images, attack, np.random.default_rng(1).spawn(2)[0])
    assert np.array_equal(found, first)
