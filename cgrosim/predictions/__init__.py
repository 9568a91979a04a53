"""The bridge from an experiment to the theory: what is predicted for it."""
