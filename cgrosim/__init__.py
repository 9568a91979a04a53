"""cgrosim: simulate adversarial training neuron by neuron and check the theory of robust overfitting."""

__version__ = "0.1.0"
