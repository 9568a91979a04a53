"""Records of plain values in strict JSON, with a checksum among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cgrosim.files.atomic import write_text
from cgrosim.files.digest import content_digest
from cgrosim.files.kinds import Kind

LARGEST = 64 * 2**20  # bytes; read into Python's objects, a text takes up to thirty times its size


def record_text(content: Mapping[str, Any], *, sort_keys: bool = False) -> str:
    """The text of a record: its values and, last, their checksum.

    Raises
    ------
    ValueError
        If a value is not finite, which JSON cannot hold.
    TypeError
        If a value is no number, text, truth value, list or mapping.
    """
    plain = json.loads(json.dumps(content, allow_nan=False, sort_keys=sort_keys))  # as it will be read
    plain["checksum"] = content_digest(plain, {})
    return json.dumps(plain, indent=1, allow_nan=False) + "\n"


def write_record(path: str | Path, content: Mapping[str, Any]) -> Path:
    """Write a record atomically.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    return write_text(path, record_text(content))


def read_record(path: str | Path, kind: Kind) -> dict[str, Any]:
    """Read a record with its ``format``, which must be one of its kind; the checksum is left out.

    The values still have to be judged, in ``with kind.judging(path)``.

    Raises
    ------
    FileError
        If the file is missing, cut, changed or of another kind.
    """
    content = kind.read_bytes(path)
    if len(content) > LARGEST:
        raise kind.damaged(path, f"it has {len(content) / 2**20:.3g} MiB, more than any record")
    with kind.judging(path):
        found = json.loads(content.decode("utf-8"), parse_constant=_refuse)
        json.dumps(found, allow_nan=False)  # 1e999 is read as infinity
    if not isinstance(found, dict) or found.get("format") not in kind.formats:
        raise kind.foreign(path)
    checksum = found.pop("checksum", None)
    if found["format"] == kind.format and checksum != content_digest(found, {}):
        raise kind.damaged(path, "its checksum does not fit its content: it was changed")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"it holds {name}, which is not a number")
