"""The folder of a sweep loses nothing and runs nothing twice, however it ends, and refuses what is not its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sweep_cases import OVER, SETTINGS, SMALL, Counting, Killing

from cgrosim import UserError, load_table, sweep
from cgrosim.executors.executor import Lost
from cgrosim.sweeps.store import SweepStore

CELLS = 12


def marked(folder):
    """Rows whose mark stands."""
    spans = [path.stem.split("-") for path in (Path(folder) / "marks").glob("*.json")]
    return sorted(row for first, last in spans for row in range(int(first), int(last)))


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path):
    whole = sweep(SMALL, OVER, **SETTINGS)
    first = Counting(stop_after=3)
    table = sweep(SMALL, OVER, out=tmp_path, executor=first, **SETTINGS)
    assert table.status == "interrupted"
    assert table.counts == {"finished": len(first.rows), "missing": CELLS - len(first.rows)}
    assert (table.data.message.values[table.data.status.values == "missing"] == "").all()
    second = Counting()
    table = sweep(SMALL, OVER, out=tmp_path, executor=second, **SETTINGS)
    assert sorted(first.rows + second.rows) == list(range(CELLS))
    assert table.data.identical(whole.data)
    third = Counting()
    assert sweep(SMALL, OVER, out=tmp_path, executor=third, **SETTINGS).data.identical(whole.data)
    assert third.rows == []
    assert load_table(tmp_path).data.identical(whole.data)


def test_a_grid_that_grows_runs_what_is_new(tmp_path):
    sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    wider = {"gap": [0.01, 0.03, 0.1, 0.3], "samples": [2, 3, 4, 6]}
    more = {**SETTINGS, "seeds": 3}
    counting = Counting()
    table = sweep(SMALL, wider, out=tmp_path, executor=counting, **more)
    assert counting.rows == list(range(CELLS, 4 * 4 * 3))
    assert table.data.identical(sweep(SMALL, wider, **more).data)
    smaller = Counting()
    again = sweep(SMALL, OVER, out=tmp_path, executor=smaller, **SETTINGS)
    assert smaller.rows == []
    # a sample is missing where there were fewer, now that there is room for six
    np.testing.assert_array_equal(again.data.robust_test_error, sweep(SMALL, OVER, **SETTINGS).data.robust_test_error)


def test_what_a_killed_sweep_left_half_written_goes(tmp_path):
    """Batches may be cut otherwise the next time, and Zarr's unfinished files have names of their own."""
    sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    left = [tmp_path / "marks" / ".0000000003-0000000007.json.partial", tmp_path / "cells.zarr" / "c" / "0.abc.partial"]
    left[1].parent.mkdir()
    for path in left:
        path.write_bytes(b"half")
    sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    assert not [path for path in left if path.exists()]


SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner in the background may ignore it
sys.path.insert(0, {cases!r})
from sweep_cases import OVER, SETTINGS, SMALL
from cgrosim import sweep

def wait(state):
    time.sleep(60 if state.cells and state.status == "running" else 0)  # the first cells done and others at work

if __name__ == "__main__":
    sweep(SMALL, OVER, out={out!r}, workers={workers}, watch=wait, **SETTINGS)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.slow  # the ordinary suite interrupts one in tests/commands
@pytest.mark.parametrize(("number", "workers"), [(signal.SIGKILL, None), (signal.SIGKILL, 2), (signal.SIGINT, 2)])
def test_what_was_done_before_a_signal_stays(number, workers, tmp_path):
    out = tmp_path / "sweep"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(cases=str(Path(__file__).parent), out=str(out), workers=workers))
    child = subprocess.Popen([sys.executable, script], start_new_session=True)
    until = time.monotonic() + 120
    while not marked(out) and child.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    (os.kill if number == signal.SIGKILL else os.killpg)(child.pid, number)
    child.wait(timeout=60)
    wait_for_an_empty_group(child.pid)
    before = marked(out)
    assert 1 <= len(before) < CELLS
    counting = Counting()
    table = sweep(SMALL, OVER, out=out, executor=counting, **SETTINGS)
    assert sorted(before + counting.rows) == list(range(CELLS))
    assert table.data.identical(sweep(SMALL, OVER, **SETTINGS).data)


def wait_for_an_empty_group(group):
    """Workers end with their parent, within moments."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a worker outlived the program")


def test_data_without_a_mark_or_changed_behind_it_are_run_again(tmp_path):
    whole = sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    store = SweepStore.reading(tmp_path)
    marks = sorted((tmp_path / "marks").glob("*.json"))
    unmarked = [int(part) for part in marks[0].stem.split("-")]
    marks[0].unlink()
    import zarr

    array = zarr.open_group(str(tmp_path / "cells.zarr"), mode="r+")["robust_test_error"]
    array[CELLS - 1] = 0.123
    counting = Counting()
    table = sweep(SMALL, OVER, out=tmp_path, executor=counting, **SETTINGS)
    changed = [int(part) for part in marks[-1].stem.split("-")]
    assert sorted(counting.rows) == sorted([*range(*unmarked), *range(*changed)])
    assert table.data.identical(whole.data)
    assert store.plan.rows == CELLS


def test_cells_in_a_chunk_that_cannot_be_read_are_run_again(tmp_path):
    whole = sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    chunks = [path for path in (tmp_path / "cells.zarr" / "memorization" / "c").rglob("*") if path.is_file()]
    content = chunks[0].read_bytes()
    chunks[0].write_bytes(content[: len(content) // 2] + b"nonsense")
    assert load_table(tmp_path).counts == {"missing": CELLS}  # read without a word, and without an end by itself
    again = sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    assert again.data.drop_attrs().identical(whole.data.drop_attrs())
    assert load_table(tmp_path).counts == {"finished": CELLS}


def test_a_full_disk_loses_only_what_was_at_work(tmp_path, monkeypatch):
    real, calls = SweepStore._array, []

    def full(self, name):
        calls.append(name)
        if len(calls) == 20:
            raise OSError(28, "No space left on device")
        return real(self, name)

    monkeypatch.setattr(SweepStore, "_array", full)
    with pytest.raises(UserError, match=r"No space left on device.*give the same command again"):
        sweep(SMALL, OVER, out=tmp_path, executor=Counting(), **SETTINGS)
    monkeypatch.undo()
    before, counting = marked(tmp_path), Counting()
    assert before
    table = sweep(SMALL, OVER, out=tmp_path, executor=counting, **SETTINGS)
    assert sorted(before + counting.rows) == list(range(CELLS))
    assert table.data.identical(sweep(SMALL, OVER, **SETTINGS).data)


def test_a_second_program_on_a_store_is_refused(tmp_path):
    class Nested(Counting):
        def map(self, function, jobs):
            with pytest.raises(UserError, match=r"is being written by another run"):
                sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
            yield from super().map(function, jobs)

    assert sweep(SMALL, OVER, out=tmp_path, executor=Nested(), **SETTINGS).status == "finished"


@pytest.mark.parametrize(
    ("params", "over", "settings", "sentence"),
    [
        (SMALL.replace(steps=41), OVER, SETTINGS, "holds another sweep: its steps is 40, not 41"),
        (SMALL, {"gap": [0.1]}, SETTINGS, "holds another sweep, over gap, samples, not over gap"),
        # another engine, whose bits another kind of processor decides: that is not what is wrong
        (SMALL.replace(engine="flow"), OVER, SETTINGS, "holds another sweep: its engine is reduced, not flow"),
        (SMALL, OVER, {**SETTINGS, "keep": ()}, "holds another sweep: its keep is"),
        (SMALL, OVER, {**SETTINGS, "points": 5}, "holds another sweep: its record_at is None"),
    ],
)
def test_the_store_of_another_sweep_is_refused(params, over, settings, sentence, tmp_path):
    sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    with pytest.raises(UserError, match=sentence):
        sweep(params, over, out=tmp_path, **settings)


def test_a_rule_that_says_otherwise_is_another_sweep(tmp_path):
    sweep(SMALL, {"gap": [0.1], "steps": lambda p: 10}, out=tmp_path, **SETTINGS)
    with pytest.raises(UserError, match="its steps was 10 where it is to be 11 now"):
        sweep(SMALL, {"gap": [0.1, 0.2], "steps": lambda p: 11}, out=tmp_path, **SETTINGS)
    table = sweep(SMALL, {"gap": [0.1, 0.2], "steps": lambda p: 10 if p.gap < 0.15 else 12}, out=tmp_path, **SETTINGS)
    assert table.data.steps_taken.isel(seed=0).values.tolist() == [10, 12]


def test_other_versions_are_refused(tmp_path, monkeypatch):
    sweep(SMALL, OVER, out=tmp_path, **SETTINGS)
    monkeypatch.setattr("cgrosim.sweeps.batches.versions", lambda: {"python": "2.7", "cgrosim": "0"})
    with pytest.raises(UserError, match=r"holds a sweep computed with python .*, but this is 2.7"):
        sweep(SMALL, OVER, out=tmp_path, **SETTINGS)


@pytest.mark.slow  # a worker is started again and again
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_cell_that_ends_its_worker_again_and_again_fails_alone(monkeypatch):
    monkeypatch.setattr("cgrosim.sweeps.sweep.run_batch", Killing(1, None))
    table = sweep(SMALL, OVER, workers=1, **SETTINGS)
    failed = table.data.status.values.reshape(-1) == "failed"
    assert np.flatnonzero(failed).tolist() == [1]
    assert "the worker process was ended from outside" in table.failures[0].lower()


def test_of_a_batch_that_is_lost_the_cells_are_tried_one_by_one(tmp_path):
    class Losing(Counting):
        def map(self, function, jobs):
            for job in jobs:
                if job.first <= 9 < job.last:
                    yield job, Lost("its worker ended")
                else:
                    yield from super().map(function, [job])

    table = sweep(SMALL, OVER, executor=Losing(), out=tmp_path, **SETTINGS)
    failed = table.data.status.values.reshape(-1) == "failed"
    assert np.flatnonzero(failed).tolist() == [9]
    assert table.failures == ["Its worker ended."]
    assert marked(tmp_path) == list(range(CELLS))
