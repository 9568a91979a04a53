"""Another library's attacks on networks trained here must not find them less robust than ours do, by over two points.

The adversarial-robustness-toolbox asks our network for logits and input gradients and does everything else itself.
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from attacked_networks import legacy_seed, offset_lengths, overshoot, train

from cgrosim.images.attacks.black_box import square_attack
from cgrosim.images.attacks.evaluation import evaluate
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.network.architectures import lenet
from cgrosim.images.network.network import Network

pytestmark = pytest.mark.slow

TWO_POINTS = 0.02  # what the comparison allows
QUERIES = 200  # of the square attacks, for each sample
RADII = {"digits": {"linf": 0.1, "l2": 0.6}, "mnist": {"linf": 0.1, "l2": 1.0}}


@pytest.fixture(scope="session")
def library():
    """The library's attacks, and `wrapped`: our network as the library sees it. To import it takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("art", reason="needs adversarial-robustness-toolbox (the test extra)")
        from art.attacks import evasion
        from art.estimators import BaseEstimator, LossGradientsMixin, NeuralNetworkMixin
        from art.estimators.classification import ClassifierMixin

    class Wrapped(ClassifierMixin, LossGradientsMixin, NeuralNetworkMixin, BaseEstimator):
        def __init__(self, network):
            super().__init__(model=network, clip_values=(0.0, 1.0), channels_first=False)
            self._network = network
            self.nb_classes = network.architecture.classes

        @property
        def input_shape(self):
            return self._network.architecture.input_shape

        def predict(self, x, batch_size=128, **kwargs):
            # The library's l_2 search divides by the length of a perturbation that may be zero, and asks about images
            # that are not numbers; answered in kind, it drops them.
            images = np.asarray(x, np.float32)
            finite = np.isfinite(images).all(axis=(1, 2, 3))
            logits = np.full((len(images), self.nb_classes), np.nan, np.float32)
            if finite.any():
                logits[finite] = self._network.logits(images[finite])
            return logits

        def loss_gradient(self, x, y, **kwargs):
            labels = np.asarray(y)
            labels = (labels.argmax(axis=1) if labels.ndim == 2 else labels).astype(np.int64)
            return np.asarray(self._network.input_gradient(np.asarray(x, np.float32), labels), np.float32)

        def fit(self, x, y, **kwargs):
            raise NotImplementedError

        def get_activations(self, x, layer, batch_size, framework=False):
            raise NotImplementedError

    return SimpleNamespace(attacks=evasion, wrapped=Wrapped)


@pytest.fixture(scope="module")
def on_digits():
    """Test images, their labels, and networks trained on digits in the usual way and against each norm."""
    data = load_dataset("digits")
    radii, shown = RADII["digits"], (data.train_images, data.train_labels)
    networks = {"standard": train(lenet(4, (8, 8, 1)), *shown, None, 12, Network)}
    for norm in radii:
        networks[norm] = train(lenet(4, (8, 8, 1)), *shown, Attack.pgd(norm, radii[norm], 5), 12, Network)
    return data.test_images, data.test_labels, networks


@pytest.fixture(scope="module")
def on_mnist(real_data):
    """The same with a subset of MNIST, trained in l_2 only, as the library's l_2 search needs larger images."""
    data = load_dataset("mnist", real_data, train_count=2000, test_count=100, generator=np.random.default_rng(0))
    shown = data.train_images, data.train_labels
    networks = {"standard": train(lenet(4), *shown, None, 3, Network, learning_rate=0.02)}
    networks["l2"] = train(lenet(4), *shown, Attack.pgd("l2", RADII["mnist"]["l2"], 5), 5, Network, learning_rate=0.02)
    return data.test_images, data.test_labels, networks


def library_attack(library, network, attack, kind):
    """The library's attack of the same kind and budget."""
    wrapped = library.wrapped(network)
    norm = {"linf": np.inf, "l2": 2}[attack.norm]
    if kind == "fgsm":
        return library.attacks.FastGradientMethod(wrapped, norm=norm, eps=attack.radius, batch_size=500)
    if kind == "square":
        return library.attacks.SquareAttack(
            wrapped, norm=norm, eps=attack.radius, max_iter=QUERIES, batch_size=500, verbose=False
        )
    return library.attacks.ProjectedGradientDescent(
        wrapped,
        norm=norm,
        eps=attack.radius,
        eps_step=attack.step_size,
        max_iter=attack.steps,
        num_random_init=attack.restarts,
        batch_size=500,
        verbose=False,
    )


def both_robust_accuracies(library, network, images, labels, attack, kind):
    """Robust accuracy under our attack and under the library's, after a look at the library's examples."""
    ours = evaluate(network, images, labels, attack=attack, generator=np.random.default_rng(1), black_box_samples=0)
    with warnings.catch_warnings(), legacy_seed(1):
        warnings.simplefilter("ignore")
        adversarial = library_attack(library, network, attack, kind).generate(images, labels)
    # one more rounding than ours: it adds the rounded offset to the image
    size = images[0].size
    assert offset_lengths(adversarial, images, attack.norm).max() <= attack.radius + 2 * overshoot(attack, size)
    assert adversarial.min() >= 0.0
    assert adversarial.max() <= 1.0
    correct = (network.logits(images).argmax(axis=1) == labels) & (network.logits(adversarial).argmax(axis=1) == labels)
    return ours.clean_accuracy, ours.robust_accuracy, correct.mean()


def compare(library, problem, radii, training, norm, kind):
    """Assert that the library's attack of a kind finds no less robustness than ours, and that it did attack."""
    images, labels, networks = problem
    network = networks["standard" if training == "standard" else norm]
    attack = Attack.fgsm(radii[norm]) if kind == "fgsm" else Attack.pgd(norm, radii[norm], 20, restarts=3)
    clean, ours, theirs = both_robust_accuracies(library, network, images, labels, attack, kind)
    report = f"{kind}, {training}, {attack.describe()}: clean {clean:.3f}, ours {ours:.3f}, the library's {theirs:.3f}"
    print(report)
    assert theirs >= ours - TWO_POINTS, report
    assert theirs < clean > 0.8, report  # the wrapping works, and the networks have learnt
    if kind == "square":
        searched = square_attack(
            network, images, labels, attack=attack, generator=np.random.default_rng(0), queries=QUERIES
        )
        ours = (searched.margins > 0).mean()
        print(f"our own search with {QUERIES} queries: {ours:.3f}")
        assert ours <= theirs + TWO_POINTS, f"our search {ours:.3f}; {report}"
    else:
        assert theirs <= ours + TWO_POINTS, report  # nor does ours find less robustness: it is the same attack


@pytest.mark.parametrize(("norm", "kind"), [("linf", "pgd"), ("l2", "pgd"), ("linf", "fgsm"), ("linf", "square")])
@pytest.mark.parametrize("training", ["standard", "adversarial"])
def test_the_library_finds_no_less_robustness_on_digits(library, on_digits, training, norm, kind):
    compare(library, on_digits, RADII["digits"], training, norm, kind)


@pytest.mark.parametrize("kind", ["pgd", "square"])
@pytest.mark.parametrize("training", ["standard", "adversarial"])
def test_the_library_finds_no_less_robustness_on_mnist(library, on_mnist, training, kind):
    compare(library, on_mnist, RADII["mnist"], training, "l2", kind)
