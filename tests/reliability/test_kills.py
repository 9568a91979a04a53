"""A run or an experiment that is killed at any moment goes on from its files, and ends in the same bits."""

import os
import random
import shutil
import time

import pytest
from campaign import Row, trials
from children import Counting, Fuse, ended, ended_before, forked, kill, writing_through
from contents import content
from work import COMMANDS, OTHERS, RUNS, all_work

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")

GOAL = 25  # kills of each: 200 of engines and experiments in all, a third of them in the middle of a write
IN_A_WRITE = 3  # every so manyth
MOST_ENDS = 40  # trials a kill, some of which end before it comes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What undisturbed work leaves, by name: content, seconds, number of writes."""
    known = {}

    def of(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("whole")
            counting = Counting()
            with writing_through(counting):
                assert all_work()[name](folder) == 0  # also loads or compiles the kernels
            again, began = tmp_path_factory.mktemp("again"), time.monotonic()
            assert ended(forked(lambda: all_work()[name](again), again.with_suffix(".log"))) == 0
            known[name] = content(folder), time.monotonic() - began, counting.count
            assert content(again) == known[name][0]
        return known[name]

    return of


def killed(name, folder, draw, in_a_write, seconds, writes):
    """Begin or go on with the work in a child and kill it; its exit status."""
    work, log = all_work()[name], folder.with_suffix(".log")

    def dying():
        with writing_through(Fuse(draw.randrange(writes), draw.random())):
            return work(folder)

    if in_a_write:
        return ended(forked(dying, log))
    child = forked(lambda: work(folder), log)
    status = ended_before(child, draw.uniform(0.0, seconds))
    if status is None:
        kill(child)
        status = ended(child)
    return status


def disturb(name, kills, whole, place, row):
    """Kill until there were so many kills, and go on each time, one to three kills before every end."""
    expected, seconds, writes = whole(name)
    for number in row.numbers(MOST_ENDS * kills, enough=lambda: row.tried >= kills):
        draw, folder, hit = random.Random(f"{name} {number}"), place / f"{number}", 0
        folder.mkdir()
        for _ in range(draw.randint(1, 3)):
            status = killed(name, folder, draw, draw.randrange(IN_A_WRITE) == 0, seconds, writes)
            if status == -9:
                hit += 1
            elif status != 0:
                row.fail(f"{name}: status {status} before the kill: {folder.with_suffix('.log').read_text()[-200:]}")
        status = ended(forked(lambda folder=folder: all_work()[name](folder), folder.with_suffix(".log")))
        found = content(folder)
        if status != 0 or found != expected:
            odd = sorted(key for key in {**found, **expected} if found.get(key) != expected.get(key))
            row.fail(
                f"{name} after {hit} kills: status {status}, {odd}; {folder.with_suffix('.log').read_text()[-200:]}"
            )
        else:
            row.survived += hit
        shutil.rmtree(folder)


def test_a_kill_now_and_then_changes_no_bit(whole, tmp_path):
    name = "engine direct"
    row = Row(name, 0)
    disturb(name, 3, whole, tmp_path, row)
    row.finish()
    assert row.survived >= 3


@pytest.mark.campaign
@pytest.mark.parametrize(
    "name", [*(f"engine {name}" for name in RUNS), *(f"images {name}" for name in COMMANDS), *OTHERS]
)
def test_no_kill_changes_a_bit(name, whole, tmp_path):
    note = "a third of them in the middle of a write; every continuation bit-identical"
    row = Row(f"kill -9: {name}", GOAL, note=note)
    if row.tried < trials(GOAL):
        whole(name)
        row.restart()  # the time of undisturbed work is no trial's
        disturb(name, trials(GOAL), whole, tmp_path, row)
    row.finish()


def test_another_bit_is_noticed(whole, tmp_path):
    """The comparison itself: a record of another run in the place of the right one."""
    from work import params_of

    import cgrosim

    expected, _, _ = whole("engine direct")
    cgrosim.simulate(params_of("direct").replace(seed=1), checkpoint=tmp_path / "state.npz").save(tmp_path / "run.nc")
    assert {key for key, digest in content(tmp_path).items() if digest == expected[key]} == set()
