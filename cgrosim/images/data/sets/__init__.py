"""The data sets: one a module; `SOURCE` says its name and classes and reads it."""
