"""What an experiment is: parameters, data, activations, threats, and the model in plain NumPy."""
