"""Convolutional networks: layers, architectures, compiled kernels and their reference."""
