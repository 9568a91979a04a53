"""How a run shows itself: the front door (`cgrosim/__init__.py`) connects the rooms above, so no arrow points up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PRESENTERS: dict[str, Callable[..., Any]] = {}
"""What methods hand over to: ``plot(run, predictions)`` and ``compare(comparison)``."""
