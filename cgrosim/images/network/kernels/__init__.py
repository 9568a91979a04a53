"""Compiled kernels of the image path: arrays in, arrays out; no randomness, no input or output."""
