"""Damaged files of every format: one sentence, or what was meant; no traceback, no hang, no memory beyond a bound."""

import json
import os
import resource
from pathlib import Path

import pytest
from campaign import Row, trials
from children import ended, forked
from damage import arrays_of, bombs, damaged, rebuilt, wrong

from cgrosim.errors import UserError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")

GOAL = 5000
BATCH = 50  # files that one child reads
MEMORY = 2 * 2**30
"""Bytes that reading may add to a process that has everything loaded; the files have some kilobytes."""

WHOLE: dict[Path, str] = {}
"""What was read of sound files."""

UNSEALED = "no checksum: what changes no size or count is taken for what it says"


def rebuilt_wrong(content):
    """An archive rebuilt whole, with an array that cannot be there, or that unpacks to more than it is."""
    arrays = arrays_of(content)
    for name in arrays:
        if arrays[name].dtype.kind in "fiu":
            for what, array in wrong(arrays[name]):
                yield f"{name} {what}", rebuilt({**arrays, name: array})
    yield from bombs(content)


def resealed(content):
    """The same with a checksum that fits, as a program of ill will would write it."""
    from cgrosim.files.digest import content_digest

    arrays = arrays_of(content)
    header = json.loads(str(arrays.pop("header")))
    header.pop("checksum")
    for name in arrays:
        for what, array in wrong(arrays[name]):
            changed = {**arrays, name: array}
            told = {**header, "checksum": content_digest(header, changed)}
            yield f"sealed, {name} {what}", rebuilt({"header": json.dumps(told), **changed})


def judged(form, whole, path, content):
    """What came of one file."""
    path.write_bytes(content)
    try:
        found = form.read(path)
    except UserError as error:
        text = str(error)
        fine = text.isprintable() and text.endswith((".", "?")) and len(text) < 2100 and "pickle" not in text
        return "refused" if fine else f"failed: said {text!r}"
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"
    if found == whole:
        return "same"
    return "other" if not form.sealed else "failed: taken, with other content"


def read_all(form, files, folder, row, what):
    """Read damaged files in children whose memory is bounded."""
    sound = folder / f"sound, {what}{form.suffix}"
    if sound not in WHOLE:
        sound.write_bytes(form.content)
        WHOLE[sound] = form.read(sound)
    whole = WHOLE[sound]
    for first in range(0, len(files), BATCH):
        some, told = files[first : first + BATCH], folder / "told"
        told.unlink(missing_ok=True)

        def read(some=some, told=told):
            memory = Path("/proc/self/statm")
            if memory.exists():
                pages = int(memory.read_text().split()[0])
                resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + MEMORY,) * 2)
            with told.open("a", buffering=1) as lines:
                for name, content in some:
                    lines.write(
                        json.dumps([name, judged(form, whole, folder / f"damaged{form.suffix}", content)]) + "\n"
                    )

        status = ended(forked(read, folder / "log"))
        lines = told.read_text().splitlines() if told.exists() else []
        for name, came in map(json.loads, lines):
            if came == "refused":
                row.refused += 1
            elif came in ("same", "other"):
                row.survived += 1
            else:
                row.fail(f"{what}, {name}: {came}")
        if status != 0 or len(lines) < len(some):
            row.fail(f"{what}, file {first + len(lines)}: the reader ended with {status}")


def files_of(form, seeds):
    """Damaged files, without those whose damage changed nothing."""
    files = [(f"seed {seed}", damaged(form.content, seed)) for seed in seeds]
    return [(name, content) for name, content in files if content != form.content]


def test_a_few_damaged_files_of_every_format(formats, tmp_path):
    row = Row("damaged files", 0)
    for what, form in formats.items():
        read_all(form, files_of(form, range(1)), tmp_path, row, what)
    row.finish()
    assert row.refused > 7


@pytest.mark.campaign
@pytest.mark.parametrize("sealed", [True, False], ids=["our own", "others"])
def test_many_damaged_files(sealed, formats, tmp_path):
    chosen = {what: form for what, form in formats.items() if form.sealed == sealed}
    goal = round(GOAL * len(chosen) / len(formats))
    name = f"files cut, flipped, zeroed, scribbled: {', '.join(chosen)}"
    row = Row(name, goal, note="" if sealed else UNSEALED)
    kinds = [*chosen]
    for number in row.numbers(enough=lambda: row.tried >= trials(goal)):  # in turns: a short campaign meets all formats
        what, turn = kinds[number % len(kinds)], number // len(kinds)
        form, first = chosen[what], turn * chosen[what].together
        read_all(form, files_of(form, range(first, first + form.together)), tmp_path, row, what)
    row.finish()


@pytest.mark.campaign
@pytest.mark.parametrize("how", [rebuilt_wrong, resealed], ids=["unsealed", "sealed"])
def test_archives_rebuilt_with_what_cannot_be_there(how, formats, tmp_path):
    said = (
        "rebuilt with wrong arrays, or to unpack to gigabytes"
        if how is rebuilt_wrong
        else "the same with a right checksum"
    )
    row = Row(f"archives (.npz) {said}", 1000)
    kinds = [what for what, form in formats.items() if form.suffix == ".npz" and form.sealed]
    for number in row.numbers(len(kinds)):
        read_all(formats[kinds[number]], list(how(formats[kinds[number]].content)), tmp_path, row, kinds[number])
    row.finish()
