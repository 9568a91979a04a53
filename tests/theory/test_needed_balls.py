"""Balls only where they are needed: who needs one, what they cost, and that every ball is right all the same."""

import numpy as np
import pytest

from cgrosim.theory.balls import SeparationError
from cgrosim.theory.needed_balls import needs_ball, sparse_classifier
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.representation import cgro_classifier, classification_margins

CLEAN = affine_network(np.array([[1.0, -1.0]]), [0.0])


def clusters():
    """Points of two classes in the plane, some of one class within each other's reach, four of them near the line."""
    generator = np.random.default_rng(0)
    along = np.concatenate([generator.uniform(-3.0, 3.0, 12), [0.0, 0.12, 2.0, 2.12]])
    away = np.concatenate([generator.uniform(0.5, 1.0, 12), [0.05, 0.13, 0.05, 0.13]])
    labels = np.tile([1, -1], 8)
    labels[12:] = [1, 1, -1, -1]
    return np.column_stack([along + 0.5 * labels * away, along - 0.5 * labels * away]), labels


def test_a_linear_network_needs_balls_where_its_margin_is_at_most_the_radius_in_the_dual_norm():
    points, labels = clusters()
    margins = classification_margins(CLEAN, points, labels)
    for radius in (0.01, 0.03, 0.06, 0.2):
        np.testing.assert_array_equal(needs_ball(CLEAN, points, labels, radius=radius), margins <= 2.0 * radius)


def test_every_ball_is_right_and_counted_also_where_others_of_its_class_reach_it():
    points, labels = clusters()
    built = sparse_classifier(CLEAN, points, labels, radius=0.055)
    assert built.placed.sum() == 2  # each has a neighbour without a ball, in reach of its own
    assert built.parameter_count == built.parameter_formula
    everywhere = cgro_classifier(CLEAN, points, labels, radius=0.055)
    assert everywhere.parameter_count - built.parameter_count == 14 * (6 * 2 + 2)
    offsets = np.random.default_rng(1).uniform(-0.055, 0.055, (500, 2))
    offsets[:4] = 0.055 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    for point, label in zip(points, labels, strict=True):
        assert (classification_margins(built.network, point + offsets, np.full(500, label)) > 0.0).all()
    proved = built.proved_margins() > 0.0
    assert proved[:12].all()
    assert proved[built.placed].all()


def test_a_ball_that_is_missing_is_found():
    points, labels = clusters()
    placed = needs_ball(CLEAN, points, labels, radius=0.055)
    placed[np.argmax(placed)] = False
    assert not (sparse_classifier(CLEAN, points, labels, radius=0.055, placed=placed).proved_margins() > 0.0).all()


def test_without_need_the_network_is_the_clean_one():
    points, labels = clusters()
    built = sparse_classifier(CLEAN, points[:12], labels[:12], radius=0.01)
    assert built.network is CLEAN
    assert built.parameter_count == built.parameter_formula == CLEAN.parameter_count


def test_classes_that_are_too_close_and_missing_labels_are_refused():
    points, labels = clusters()
    with pytest.raises(SeparationError):
        sparse_classifier(CLEAN, points, labels, radius=2.0)
    with pytest.raises(ValueError, match="give"):
        sparse_classifier(CLEAN, points, labels[:3], radius=0.1)
