"""A checkpoint belongs to one run at a time, and to processors that round alike."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cgrosim import Params, resume, simulate
from cgrosim.errors import FileError
from cgrosim.run import checkpoint as checkpoints
from cgrosim.run import session
from cgrosim.run.processor import other_processor, processor

SMALL = Params.from_paper(60, samples=3, neurons=2, steps=50, test_samples=0)
needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")


HOLD = """
import sys
from cgrosim.files.lock import only_here

with only_here(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@needs_locks
def test_two_runs_on_one_checkpoint_are_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    simulate(SMALL, checkpoint=path)
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        for begin in (lambda: simulate(SMALL, checkpoint=path), lambda: resume(path)):
            with pytest.raises(FileError, match="is being written by another run; wait for it"):
                begin()
        assert path.read_bytes() == before
        other.kill()
        other.wait()
        assert resume(path).status == "finished"  # the lock ended with its owner
    assert os.listdir(tmp_path) == [path.name]


@needs_locks
def test_one_call_locks_out_another_of_the_same_program(tmp_path):
    def again(what, share):
        with pytest.raises(FileError, match="another run"):
            simulate(SMALL, checkpoint=tmp_path / "run.checkpoint")

    assert simulate(SMALL, checkpoint=tmp_path / "run.checkpoint", progress=again).status == "finished"


@pytest.mark.parametrize("engine", ["reduced", "flow"])
def test_a_checkpoint_of_another_type_of_processor_is_refused(tmp_path, monkeypatch, engine):
    path = tmp_path / "run.checkpoint"
    simulate(SMALL.replace(engine=engine), checkpoint=path)
    monkeypatch.setattr(checkpoints, "processor", lambda blas: f"another one{', model 1' if blas else ''}")
    with pytest.raises(FileError) as refused:
        resume(path)
    assert f"was begun on another type of processor ({processor(engine == 'flow')}; this one is" in str(refused.value)


def test_what_does_not_say_its_processor_is_read():
    assert other_processor(None, processor()) == other_processor(processor(), processor()) == ""
    assert processor(blas=True).startswith(processor())


def test_a_missing_checkpoint_leaves_no_lock(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        resume(tmp_path / "none" / "run.checkpoint")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="there are no devices that are files")
def test_a_place_that_takes_no_checkpoint_is_refused_before_the_first_step(monkeypatch):
    monkeypatch.setattr(session, "drive", lambda *run: pytest.fail("began to work"))
    with pytest.raises(FileError, match=r"/dev/null cannot be written \(it is not a plain file\)"):
        simulate(SMALL, checkpoint="/dev/null")


def test_a_checkpoint_that_cannot_be_written_any_more_costs_no_run(tmp_path, monkeypatch):
    def full(*what):
        raise FileError("state cannot be written (No space left on device); choose another place.")

    whole = simulate(SMALL)
    monkeypatch.setattr(session, "save_checkpoint", full)
    run = simulate(SMALL, checkpoint=tmp_path / "state", checkpoint_seconds=0.0)
    assert run.status == "finished"
    assert run.message.endswith("No checkpoint of step 50: state cannot be written (No space left on device); choose "
                                "another place.")  # fmt: skip
    assert np.array_equal(run.data["clean_loss"], whole.data["clean_loss"])
