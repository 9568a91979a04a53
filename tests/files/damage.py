"""Ways to damage a file: bytes cut, flipped, zeroed and moved, and archives rebuilt whole but wrong."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Iterator

import numpy as np


def damaged(content: bytes, seed: int) -> bytes:
    """The content with something wrong in its bytes: every fifth seed cuts, flips, zeroes, scribbles or swaps."""
    draw, changed = random.Random(seed), bytearray(content)
    size = min(draw.choice([8, 64, 512]), len(content) // 2)
    one, two = (draw.randrange(len(content) - size) for _ in range(2))
    kind = seed % 5
    if kind == 0:
        return content[: draw.randrange(len(content))]
    if kind == 1:
        for _ in range(draw.choice([1, 1, 1, 8])):
            changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == 2:
        changed[one : one + size] = bytes(size)
    elif kind == 3:
        changed[one : one + size] = draw.randbytes(size)
    else:
        changed[one : one + size], changed[two : two + size] = content[two : two + size], content[one : one + size]
    return bytes(changed)


def rebuilt(arrays: dict[str, np.ndarray], **options) -> bytes:
    """An .npz file of these arrays, as NumPy writes it."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=options.get("pickled", False), **arrays)
    return buffer.getvalue()


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, read by NumPy."""
    with np.load(io.BytesIO(content)) as archive:
        return {name: archive[name] for name in archive.files}


def wrong(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays that cannot stand in this one's place: of another shape or type, or not finite."""
    yield "empty", array[:0] if array.ndim else np.zeros(0, array.dtype)
    yield "one dimension more", array[None]
    yield "doubled", np.concatenate([np.atleast_1d(array)] * 2)
    yield "as text", array.astype(str)
    yield "complex", array.astype(np.complex128)
    yield "other precision", array.astype(np.float16 if array.dtype.kind == "f" else np.int8)
    if array.ndim and array.shape[0] > 1:
        yield "halved", array[: len(array) // 2]
    if array.ndim > 1 and array.shape[0] != array.shape[1]:
        yield "transposed", array.T


def bombs(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Archives that unpack to far more than they are, in as many ways as a zip file allows."""
    arrays = arrays_of(content)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array)
            archive.writestr(f"{name}.npy", member.getvalue())
        archive.writestr("bomb.npy", bytes(2**24))
    yield "compressed", buffer.getvalue()
    claims = io.BytesIO()
    with zipfile.ZipFile(claims, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array)
            archive.writestr(f"{name}.npy", member.getvalue())
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        archive.writestr("bomb.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    yield "claims much", claims.getvalue()
    twice = bytearray(claims.getvalue())
    place = twice.rindex(b"PK\x05\x06")
    twice[place + 8 : place + 12] = (60000).to_bytes(2, "little") * 2
    yield "many entries", bytes(twice)
    yield "overlapping", overlapping(100_000, 60)


def overlapping(size: int, count: int) -> bytes:
    """A zip file whose members each begin with the next one's header: `count` times as large as it is."""
    body, entries = bytes(size), []
    for index in reversed(range(count)):
        name, crc = f"x{index}.npy".encode(), zipfile.crc32(body)
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, crc, len(body), len(body), len(name), 0)
        entries.append((name, fields, len(body)))
        body = b"PK\x03\x04" + fields + name + body
    directory, total = b"", len(body)
    for name, fields, inside in entries:
        place = total - inside - 30 - len(name)
        tail = struct.pack("<HHHII", 0, 0, 0, 0, place)
        directory += b"PK\x01\x02\x14\x00" + fields + tail + name
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), total, 0)
    return body + directory + b"PK\x05\x06" + end
