"""Compiling ahead: what the image networks need in another process, or here where there is to be no other."""

import os
import time
from multiprocessing import active_children

import pytest
from children import LONGEST, leave_a_mark

from cgrosim.commands import warmup
from cgrosim.executors.pool import Pool


def test_another_process_works_meanwhile(tmp_path):
    with Pool(1).meanwhile(leave_a_mark, str(tmp_path)):
        until = time.monotonic() + LONGEST
        while not any(tmp_path.iterdir()):
            assert time.monotonic() < until
            time.sleep(0.01)
    (mark,) = tmp_path.iterdir()
    assert mark.name != str(os.getpid())


@pytest.mark.parametrize(("function", "argument"), [(os._exit, 3), (time.sleep, 10.0 * LONGEST)])
def test_one_that_is_lost_or_takes_longer_is_nobody_s_trouble(function, argument):
    before, began = set(active_children()), time.monotonic()
    with Pool(1).meanwhile(function, argument):
        time.sleep(0.5)
    assert set(active_children()) == before
    assert time.monotonic() - began < LONGEST


@pytest.mark.parametrize(("workers", "expected"), [(1, "here"), (2, "beside")])
def test_image_kernels_are_compiled_beside_where_there_may_be_two(monkeypatch, workers, expected):
    done = []
    monkeypatch.setattr(warmup, "compile_image_kernels", lambda layouts: done.append(f"here {layouts[0]}"))
    monkeypatch.setattr(Pool, "meanwhile", lambda self, function, layouts: Noting(done, layouts))
    for layouts in (("channels",), ()):
        with warmup.compiling_image_kernels(layouts, workers=workers):
            assert done == [f"{expected} channels"]


class Noting:
    def __init__(self, done, layouts):
        self.done, self.layouts = done, layouts

    def __enter__(self):
        self.done.append(f"beside {self.layouts[0]}")

    def __exit__(self, *_):
        return None
