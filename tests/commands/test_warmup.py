"""Compiling ahead: what the image networks need in another process, or here where there is to be no other."""

import os

import pytest
from children import leave_a_mark

from cgrosim.commands import warmup
from cgrosim.executors.pool import Pool


@pytest.mark.parametrize("function", [leave_a_mark, os._exit])
def test_another_process_works_meanwhile_and_may_be_lost(tmp_path, function):
    with Pool(1).meanwhile(function, str(tmp_path) if function is leave_a_mark else 3):
        (tmp_path / "here").touch()
    names = {path.name for path in tmp_path.iterdir()}
    assert "here" in names
    assert len(names) == (2 if function is leave_a_mark else 1)
    assert str(os.getpid()) not in names


@pytest.mark.parametrize(("workers", "expected"), [(1, ["here channels"]), (2, ["beside channels"])])
def test_image_kernels_are_compiled_beside_where_there_may_be_two(monkeypatch, workers, expected):
    done = []
    monkeypatch.setattr("cgrosim.run.session.simulate", lambda params: None)
    monkeypatch.setattr(warmup, "compile_image_kernels", lambda layouts: done.append(f"here {layouts[0]}"))
    monkeypatch.setattr(Pool, "meanwhile", lambda self, function, layouts: Noting(done, layouts))
    warmup.compile_kernels(("channels",), workers=workers)
    warmup.compile_kernels((), workers=workers)
    assert done == expected


class Noting:
    def __init__(self, done, layouts):
        self.done, self.layouts = done, layouts

    def __enter__(self):
        self.done.append(f"beside {self.layouts[0]}")

    def __exit__(self, *_):
        return None
