"""Atomic writing: links, modes, leftovers of a killed writer, two writers at once, and disks that are full."""

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from cgrosim.errors import FileError
from cgrosim.files import atomic
from cgrosim.files.atomic import write_atomically, write_bytes, write_text

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs to become another user")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_content_and_folder_are_made_and_nothing_else_stays(tmp_path):
    path = write_bytes(tmp_path / "deep" / "a", b"one")
    assert path.read_bytes() == b"one"
    assert write_text(str(path), "zwei ä").read_text("utf-8") == "zwei ä"
    assert os.listdir(path.parent) == ["a"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_gets_what_the_umask_leaves(mask, tmp_path):
    before = os.umask(mask)
    try:
        path = write_bytes(tmp_path / "a", b"")
    finally:
        assert os.umask(before) == mask
    assert mode(path) == 0o666 & ~mask


@pytest.mark.parametrize("given", [0o600, 0o640, 0o755])
def test_an_old_file_keeps_its_mode(given, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(given)
    write_bytes(path, b"new")
    assert mode(path) == given
    assert path.read_bytes() == b"new"


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real").write_bytes(b"old")
    link, onward, nowhere = (tmp_path / name for name in ("link", "onward", "nowhere"))
    link.symlink_to(tmp_path / "there" / "real")
    onward.symlink_to("link")
    nowhere.symlink_to(tmp_path / "there" / "fresh")
    assert write_bytes(onward, b"new") == onward
    write_bytes(nowhere, b"made")
    assert all(path.is_symlink() for path in (link, onward, nowhere))
    assert (tmp_path / "there" / "real").read_bytes() == b"new"
    assert (tmp_path / "there" / "fresh").read_bytes() == b"made"
    assert sorted(os.listdir(tmp_path / "there")) == ["fresh", "real"]


def test_what_cannot_be_replaced_is_one_sentence(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "file/below", "circle", "pipe", "a" * 300, "zero\0byte"):
        with pytest.raises(FileError, match=r"cannot be written \(.*\); choose another place\.") as caught:
            write_bytes(tmp_path / name, b"new")
        assert str(caught.value).isprintable()
    assert sorted(os.listdir(tmp_path)) == ["circle", "file", "folder", "pipe"]


def test_a_long_name_is_written(tmp_path):
    assert write_bytes(tmp_path / ("a" * 255), b"x").read_bytes() == b"x"


@pytest.mark.parametrize("trouble", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failing_writer_leaves_the_old_file_and_no_other(trouble, tmp_path):
    path = write_bytes(tmp_path / "a", b"old")

    def fail(file):
        file.write(b"half")
        raise trouble("no")

    with pytest.raises(FileError if trouble is OSError else trouble):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_size_limit_is_one_sentence_and_leaves_the_old_file(tmp_path):
    path = write_bytes(tmp_path / "a", b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        for size in (10_001, 1_000_000):
            with pytest.raises(FileError, match="cannot be written"):
                write_bytes(path, bytes(size))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    """What is written goes to a device that is always full."""
    path = write_bytes(tmp_path / "a", b"old")
    opened = os.open

    def full(name, flags, *mode, **more):
        handle = opened(name, flags, *mode, **more)
        if str(name).endswith(".partial"):
            device = opened("/dev/full", os.O_WRONLY)
            os.dup2(device, handle)
            os.close(device)
        return handle

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        patch.setattr(atomic, "_is_open_at", lambda handle, partial: True)
        for size in (3, 1_000_000):
            with pytest.raises(FileError, match="No space left"):
                write_bytes(path, bytes(size))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@as_root
@pytest.mark.parametrize("where", ["folder", "file"])
def test_no_permission_is_one_sentence(where, tmp_path):
    """Another user's folder, and a file of one's own that is write-protected."""
    code = (
        "import os, sys; from cgrosim.files.atomic import write_bytes; from cgrosim.errors import FileError\n"
        f"os.setuid({NOBODY})\n"
        "try: write_bytes(sys.argv[1], b'new')\n"
        "except FileError as error: print(error)\n"
    )
    place = tmp_path / "place"
    place.mkdir()
    (place / "a").write_bytes(b"old")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != folder.parent and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o055)
    if where == "file":
        os.chown(place, NOBODY, NOBODY)
        os.chown(place / "a", NOBODY, NOBODY)
        (place / "a").chmod(0o444)
    done = subprocess.run([sys.executable, "-c", code, str(place / "a")], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert (place / "a").read_bytes() == b"old"
    assert os.listdir(place) == ["a"]


KILLED = """
import sys, time
from cgrosim.files.atomic import write_atomically
def write(file):
    file.write(b"half"); file.flush(); print("writing", flush=True); time.sleep(600)
write_atomically(sys.argv[1], write)
"""


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    path = write_bytes(tmp_path / "a", b"old")
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert sorted(os.listdir(tmp_path)) == [".a.partial", "a"]
    assert path.read_bytes() == b"old"
    write_bytes(path, b"new")
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_bytes() == b"new"


def test_a_living_writer_is_waited_for_and_not_robbed(tmp_path, monkeypatch):
    path, going = tmp_path / "a", threading.Event()

    def slowly(file):
        file.write(b"first")
        going.set()
        time.sleep(0.3)
        file.write(b" whole")

    writer = threading.Thread(target=write_atomically, args=(path, slowly))
    writer.start()
    going.wait()
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "PATIENCE_SECONDS", 0.0)
        with pytest.raises(FileError, match="another program is writing it"):
            write_bytes(path, b"second")
    write_bytes(path, b"second")
    writer.join()
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["a"]


def test_many_threads_on_one_file_leave_one_of_theirs_whole(tmp_path):
    path, troubles = tmp_path / "a", []

    def work(letter):
        try:
            for _ in range(20):
                write_bytes(path, letter * 5000)
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert path.read_bytes() in [letter * 5000 for letter in (b"a", b"b", b"c", b"d")]
    assert os.listdir(tmp_path) == ["a"]
    assert mode(path) == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture
def interruptible():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("moment", ["_locked", "_is_open_at"])
def test_a_signal_between_making_and_removing_leaves_nothing_unfinished(moment, tmp_path, monkeypatch, interruptible):
    """Just after the unfinished file was made, or while it is being removed because writing failed."""
    usual = getattr(atomic, moment)

    def interrupted(*arguments):
        found = usual(*arguments)
        signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(atomic, moment, interrupted)

    def fail(file):
        raise OSError(28, "full")

    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a", "new")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "b", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
