"""The experiments: one a module, found by its name; `EXPERIMENT` is its class."""
