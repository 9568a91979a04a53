"""Experiments on images: capacity, landscape, stages."""
