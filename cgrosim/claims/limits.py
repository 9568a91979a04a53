"""Why a claim does not notice an error in a parameter that its statement has: derived, where physics forbids it."""

from __future__ import annotations

LIMITS: dict[str, dict[str, str]] = {}
