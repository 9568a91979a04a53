"""Figures: one a module, each takes runs or verdicts as data and returns a matplotlib Figure; nothing is computed."""
