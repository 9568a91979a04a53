"""What an HDF5 file may hold to be read: plain variables in the file itself, and nothing larger than the file.

HDF5 can point into other files, compress without bound and declare any size; a file from elsewhere could so make a
reader take in a private file of its user, or all memory. `inspect` reads descriptions only. In a damaged file the HDF5
library may also turn in circles for ever, where nothing in the same process can stop it: `inspect_apart` lets another
process go first, which this module is as a script.
"""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from typing import Any

MOST_VARIABLES = 1000
MOST_TEXTS = 100_000  # of one variable
MOST_ENTRIES = 100_000  # of one attribute
REFERENCE = 16  # bytes of the place of a text of any length: its length, a file address of eight bytes, an index
BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"  # begins the NAME of one without values
LONGEST_SECONDS = 30.0  # for a process to start and to read a small file, on a busy machine
SLOWEST = 10e6  # bytes a second, beyond that


def inspect(content: bytes, *, touch: bool = False) -> None:
    """Refuse what no file of ours holds; with `touch`, also read every value and follow every reference once.

    Raises
    ------
    ValueError
        In one sentence without its full stop; the HDF5 library raises errors of its own kinds.
    """
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        if len(file) > MOST_VARIABLES:
            raise ValueError(f"it holds {len(file)} variables")
        _check_attributes(file, "the file", len(content))
        texts = 0
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link to another place")
            variable = file[name]
            if not isinstance(variable, h5py.Dataset):
                raise ValueError(f"{name} is not a variable")
            _check_storage(name, variable)
            _check_attributes(variable, name, len(content))
            if h5py.check_string_dtype(variable.dtype) is not None:
                texts += _text_bytes(name, variable, len(content))
            elif variable.dtype.kind not in "iuf":
                raise ValueError(f"{name} holds neither numbers nor text")
            if texts > len(content):
                raise ValueError(f"{name} holds more text than the file")
            if touch:
                _touch(file, variable)


def inspect_apart(content: bytes) -> None:
    """`inspect` in a process of its own, which is ended if it does not come to an end.

    Raises
    ------
    ValueError
        In one sentence without its full stop.
    """
    if not sys.executable:
        return inspect(content, touch=True)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        done = subprocess.run(
            [sys.executable, "-P", __file__],  # -P: the modules beside this one are not to be found by their bare names
            input=content,
            capture_output=True,
            timeout=LONGEST_SECONDS + len(content) / SLOWEST,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired:
        raise ValueError("reading it does not come to an end") from None
    if done.returncode:
        raise ValueError(done.stdout.decode("utf-8", "replace").strip() or "the HDF5 library fails on it")
    return None


def _check_storage(name: str, variable: Any) -> None:
    import h5py

    text = h5py.check_string_dtype(variable.dtype)
    entry = REFERENCE if text is not None and text.length is None else variable.dtype.itemsize
    declared = math.prod(variable.shape or ()) * entry
    properties = variable.id.get_create_plist()
    layouts = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT, *(() if declared else (h5py.h5d.CHUNKED,)))  # length 0: in pieces
    if properties.get_layout() not in layouts:
        raise ValueError(f"{name} is stored in pieces, compressed or elsewhere, which cgrosim never does")
    if properties.get_external_count():
        raise ValueError(f"{name} lies in another file, which cgrosim does not follow")
    kept = variable.id.get_storage_size()
    bare = kept == 0 and bytes(variable.attrs.get("NAME", b"")).startswith(BARE_DIMENSION)
    if variable.shape is None or (kept != declared and not bare):
        raise ValueError(f"{name} claims {declared} bytes but holds {kept}")


def _text_bytes(name: str, variable: Any, limit: int) -> int:
    """Bytes of the texts of a variable, read one by one: many may share one place in the file."""
    if variable.size > MOST_TEXTS:
        raise ValueError(f"{name} holds {variable.size} texts")
    total = 0
    for index in range(variable.size):
        value = variable[index] if variable.ndim == 1 else variable[()] if variable.ndim == 0 else None
        if value is None:
            raise ValueError(f"{name} is a table of texts")
        total += len(value)
        if total > limit:
            raise ValueError(f"{name} holds more text than the file")
    return total


def _check_attributes(owner: Any, name: str, limit: int) -> None:
    import h5py

    for key in owner.attrs:
        attribute = h5py.h5a.open(owner.id, key.encode("utf-8", "surrogateescape"))
        entries = math.prod(attribute.shape)
        many = h5py.check_string_dtype(attribute.dtype) is not None and entries > 1
        if entries > MOST_ENTRIES or many or attribute.get_storage_size() > limit:
            raise ValueError(f"the attribute {key} of {name} is larger than any of cgrosim")


def _touch(file: Any, variable: Any) -> None:
    """Read everything of a variable and look its dimensions up, as a reader will."""
    if variable.id.get_storage_size():
        variable[()]
    for key in variable.attrs:
        value = variable.attrs[key]
        if key == "DIMENSION_LIST":
            for references in value:
                len(file[references[0]].name)


def _main() -> int:
    """Read a file from the standard input and say on the standard output why it must not be read."""
    content = sys.stdin.buffer.read()
    try:
        import resource  # not everywhere

        most = 2 * 2**30 + 8 * len(content)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, ValueError, OSError):
        pass
    try:
        inspect(content, touch=True)
    except Exception as error:  # of the HDF5 library, over bytes that may be anything
        lines = str(error).splitlines() or [type(error).__name__]
        sys.stdout.buffer.write(lines[0].rstrip(".").encode("utf-8", "replace"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
