"""NumPy, imported when it is first used: tables that a command's help reads hold functions that need it later."""

from __future__ import annotations

from typing import Any


class _Lazy:
    def __getattr__(self, name: str) -> Any:
        import numpy

        return getattr(numpy, name)


np = _Lazy()
