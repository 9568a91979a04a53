"""Attacks on images and what accuracy they leave."""
