"""Versions and kind of processor: only where they are the same are results, to the last bit."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from cgrosim.errors import FileError, UserError
from cgrosim.files.versions import versions
from cgrosim.files.words import shown
from cgrosim.run.processor import processor


class OtherVersions(UserError):
    """A worker that would compute with other versions than the program it works for."""


def check_same(wanted: Mapping[str, str], found: Mapping[str, str], who: str) -> None:
    """Refuse a worker with other versions, or another kind of processor.

    Raises
    ------
    OtherVersions
        Naming the first that differs.
    """
    for name, version in wanted.items():
        if found.get(name) != version:
            raise OtherVersions(
                f"{who} has {name} {found.get(name, 'unknown')} where this program has {version}; make them the same, "
                "because only then the results are, to the last bit. What was done is kept."
            )


def check_worker(wanted: Mapping[str, str]) -> None:
    """Refuse this process as a worker if it would not give the bits that the rest has.

    Raises
    ------
    OtherVersions
        Naming the first that differs.
    """
    found = {**versions(), "processor": processor(blas=wanted["processor"] == processor(blas=True))}
    check_same(wanted, found, f"the worker on {socket.gethostname()} (process {os.getpid()})")


def check_kept(kept: Mapping[str, str], now: Mapping[str, str], path: Any, what: str) -> None:
    """Refuse to add to results of other versions, or of another kind of processor.

    Raises
    ------
    FileError
        Naming the first that differs.
    """
    for name, version in kept.items():
        if now.get(name) != version:
            raise FileError(
                f"{shown(path)} holds {what} computed with {name} {version}, but this is {now.get(name)}; go on with "
                "the same, or take another --out (out=...)."
            )
