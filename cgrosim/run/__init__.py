"""Run an experiment: plan it, advance it, record it, keep it."""
