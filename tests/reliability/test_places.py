"""Full disks, limits, permissions, and two programs on one folder: one sentence, and nothing old is lost."""

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial

import pytest
from campaign import Row, trials
from children import ODD, ended, forked
from contents import content
from test_signals_at_random import command, commands, warm

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")

GOAL = 60
NOBODY = 65534
FAST = {name: make for name, make in commands().items() if name != "info"}


@pytest.fixture(autouse=True)
def own_kernels(monkeypatch, tmp_path, request):
    warm(tmp_path / "warm", images=request.node.get_closest_marker("campaign") is not None)
    monkeypatch.chdir(tmp_path)


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def judge(status, log, row, what, allowed=(0, 1, 2)):
    """Ended with a status of ours and words of ours."""
    said = log.read_text(errors="replace") if log.exists() else ""
    odd = [word for word in ODD if word in said]
    if status not in allowed or odd:
        row.fail(f"{what}: status {status}, {odd}: {said[-250:]}")
        return False
    if status == 0:
        row.survived += 1
    else:
        row.refused += 1
    return True


def limited(count, place, row, names):
    """A largest size of files, drawn between nothing and more than enough; old results stand in the folder."""
    for number in row.numbers(count):
        what, size = names[number % len(names)], int(2 ** random.Random(f"limited {number}").uniform(0.0, 20.0))
        folder = _made(place / f"limited {number}")
        (folder / "old.txt").write_text("old")

        def work(folder=folder, what=what, size=size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            command(FAST[what](folder))

        log = place / f"limited {number}.log"
        log.touch()
        status = ended(forked(partial(_with_pipe, work, log), place / "ignored.log"))
        if judge(status, log, row, f"{what}, files of at most {size} bytes") and _broken(folder):
            row.fail(f"{what}, files of at most {size} bytes: left {_broken(folder)}")


def _with_pipe(work, log):
    """The child's words go through a pipe: its own log would meet the limit too."""
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log.open("w"))
    os.dup2(reader.stdin.fileno(), 1)
    os.dup2(reader.stdin.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
    try:
        work()
    except SystemExit as stop:
        return stop.code
    return 0


def _broken(folder):
    """Files that cannot be read, or are unfinished."""
    try:
        return [name for name, digest in content(folder).items() if digest == "unfinished"]
    except Exception as error:
        return [str(error)]


@contextmanager
def small_disk(folder, size):
    """A file system of so many bytes; skips where none can be mounted."""
    _made(folder)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def full(count, place, row, names):
    """Disks of 16 KiB to 9 MiB, of which the commands ask for 8 beforehand."""
    for number in row.numbers(count):
        what, size = names[number % len(names)], int(2 ** random.Random(f"full {number}").uniform(14.0, 23.3))
        with small_disk(place / f"disk {number}", size) as disk:
            (disk / "old.txt").write_text("old")
            log = place / f"disk {number}.log"
            status = ended(forked(lambda what=what, disk=disk: command(FAST[what](disk / "out")), log))
            fine = judge(status, log, row, f"{what} on a disk of {size} bytes")
            left = _broken(disk)
            if fine and (left or (disk / "old.txt").read_text() != "old"):
                row.fail(f"{what} on a disk of {size} bytes: left {left}")


def forbidden(count, place, row, names):
    """As nobody, in folders that are not his: not to be written, not to be entered, with files that are not his."""
    if os.geteuid() != 0:
        pytest.skip("needs to become another user")
    whole = _made(place / "whole")
    assert ended(forked(lambda: command(FAST[names[0]](whole)), place / "whole.log")) == 0
    for parent in (place, *place.parents):
        with suppress(OSError):
            parent.chmod(parent.stat().st_mode | 0o755)
    for number in row.numbers(count):
        what, how = names[number % len(names)], number // len(names) % 4
        folder = place / f"forbidden {number}"
        shutil.copytree(whole, folder)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        for path in folder.iterdir():
            path.chmod(0o600 if how == 2 else 0o644)
        folder.chmod((0o555, 0o000, 0o755, 0o777)[how])

        def work(folder=folder, what=what, how=how):
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            out = folder / "below" / "it" if how == 0 else folder
            arguments = FAST[what](out)
            command(arguments)

        log = place / f"forbidden {number}.log"
        log.touch()
        log.chmod(0o666)
        status = ended(forked(work, log))
        folder.chmod(0o755)
        after = {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before}
        # what has names of its own may stand beside files that are not his, in a folder that is everybody's
        allowed = (0, 2) if how == 3 else (2,)
        if judge(status, log, row, f"{what}, forbidden in way {how}", allowed) and after != before:
            row.fail(f"{what}, forbidden in way {how}: old files changed")


def together(count, place, row, names):
    """Two programs at once on one folder, the second a moment later: one does its work, the other says why not."""
    row.note = "one does its work as if alone, the other says why not, or finds it done"
    for number in row.numbers(count):
        what, draw = names[number % len(names)], random.Random(f"two {number}")
        folder = _made(place / f"together {number}")
        logs = [place / f"together {number} {which}.log" for which in "ab"]
        children = []
        for log in logs:
            children.append(forked(lambda what=what, folder=folder: command(FAST[what](folder)), log))
            time.sleep(draw.choice([0.0, 0.0, 0.05, 0.3]))
        statuses = sorted(str(ended(child)) for child in children)
        said = " ".join(log.read_text(errors="replace") for log in logs)
        alone = _made(place / "alone" / what)
        if not content(alone):
            shutil.rmtree(alone)
            assert (
                ended(forked(lambda what=what, alone=alone: command(FAST[what](_made(alone))), place / "alone.log"))
                == 0
            )
        wanted = content(alone)
        # an experiment that was done meanwhile is only looked at again
        if statuses not in (["0", "2"], ["0", "0"]) or "Traceback" in said:
            row.fail(f"two of {what}: statuses {statuses}: {said[-200:]}")
        elif _without_place(content(folder)) != _without_place(wanted):
            row.fail(f"two of {what}: the results are not those of one")
        else:
            row.survived += 1


def _without_place(found):
    return {name: digest for name, digest in found.items() if not name.startswith(".")}


KINDS = {
    "a largest size of files (1 byte to 1 MiB)": limited,
    "disks of 16 KiB to 9 MiB": full,
    "folders and files of another user": forbidden,
    "two programs at once on one folder": together,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_few(kind, tmp_path):
    row = Row(kind, 0)
    KINDS[kind](2, tmp_path, row, ["classroom", "sweep"])
    row.finish()


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
def test_many(kind, tmp_path):
    row = Row(f"{kind}: {', '.join(FAST)}", GOAL)
    KINDS[kind](trials(GOAL), tmp_path, row, list(FAST))
    row.finish()
