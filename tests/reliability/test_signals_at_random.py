"""Signals at random moments to every command: it ends within seconds, with a sentence, and what is there is whole."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from campaign import Row, trials
from children import ENDING, ODD, ended, ended_before, forked, kill
from contents import content
from work import COMMANDS, OTHERS, experiment, other, run

import cgrosim
from cgrosim.commands.main import entry_point

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")

GOAL = 30  # of each command
SECONDS = 60.0
"""Allowed from a signal to the end: an idle machine takes one or two."""

SIMULATE = ["simulate", "--dimension", "150", "--samples", "6", "--neurons", "6", "--steps", "100000",
            "--engine", "direct", "--no-paired"]  # fmt: skip
STATUS = {number: 128 + number for number in ENDING}


def commands():
    """Every command with small work, by name; each is given a folder."""
    found = {"simulate": lambda folder: [*SIMULATE, "--out", str(folder), "--checkpoint", str(folder / "state.npz")]}
    for name in COMMANDS:
        found[f"images {name}"] = lambda folder, name=name: ["images", name, *COMMANDS[name], "--out", str(folder)]
    for name in OTHERS:
        found[name] = lambda folder, name=name: other(name, folder)
    found["info"] = lambda folder: ["info", "--dimension", "1000"]
    return found


def command(arguments):
    """As a terminal begins it."""
    sys.argv = ["cgrosim", *arguments]
    entry_point()


def judge(status, number, log, folder, row, what):
    """Ended in words: finished before the signal came, or with its status; nothing half written, all readable."""
    said = log.read_text(errors="replace") if log.exists() else ""
    odd = [word for word in ODD if word in said]
    if status is None or status not in (0, STATUS[number]) or odd:
        row.fail(f"{what}, signal {number}: status {status}, {odd}: {said[-200:]}")
        return
    try:
        found = content(folder)
        if (folder / "run.nc").exists():
            cgrosim.load(folder / "run.nc")
    except Exception as error:
        row.fail(f"{what}, signal {number}: unreadable: {error}")
        return
    if "unfinished" in found.values():
        row.fail(f"{what}, signal {number}: left {found}")
    elif status:
        row.refused += 1
    else:
        row.survived += 1


def signalled(what, count, place, row):
    """Send so many signals, one a process, at moments spread over the time of a whole command."""
    make, log = commands()[what], place / f"{what}-undisturbed.log"
    folder, began = _made(place / f"{what}-undisturbed"), time.monotonic()
    status = ended(forked(lambda: command(make(folder)), log))
    if status != 0:
        row.fail(f"{what} undisturbed: status {status}: {log.read_text()[-300:]}")
        return
    seconds = time.monotonic() - began
    for number in row.numbers(3 * count, enough=lambda: row.tried >= count):
        draw, folder = random.Random(f"{what} {number}"), _made(place / f"{what}-{number}")
        log, sent = folder.with_suffix(".log"), draw.choice(ENDING)
        child = forked(lambda folder=folder: command(make(folder)), log)
        status = ended_before(child, draw.uniform(0.0, seconds))
        if status is not None:
            judge(status, sent, log, folder, row, what)
            continue
        for _ in range(draw.choice([1, 1, 1, 2])):
            kill(child, sent)
            time.sleep(0.01)
        status = ended(child, SECONDS)
        said = log.read_text(errors="replace") if log.exists() else ""
        if status == -sent and not said and not any(folder.iterdir()):
            continue  # it came before the command had begun: no trial of it
        judge(status, sent, log, folder, row, what)


def _made(folder):
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def own_kernels(monkeypatch, tmp_path, request):
    """Kernels are loaded in this process, so that the children have them."""
    warm(tmp_path / "warm", images=request.node.get_closest_marker("campaign") is not None)
    monkeypatch.chdir(tmp_path)


def warm(folder, images):
    """Load what the commands need, the kernels of the images only where they are to be disturbed."""
    folder.mkdir(parents=True)
    run("direct", folder)
    if images:
        experiment("stages", folder / "stages")


@pytest.mark.slow
def test_a_signal_now_and_then(tmp_path):
    row = Row("signals", 0)
    signalled("simulate", 1, tmp_path, row)
    row.finish()


@pytest.mark.campaign
@pytest.mark.parametrize("what", commands())
def test_signals_at_random_moments_of_every_command(what, tmp_path):
    note = "ended within seconds; nothing half written, what is there is whole"
    row = Row(f"SIGINT, SIGTERM or SIGHUP, once or twice, at a random moment: {what}", GOAL, note=note)
    if row.tried < trials(GOAL):
        signalled(what, trials(GOAL), tmp_path, row)
    row.finish()


BEGINNING = """
import signal, sys
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from cgrosim.commands.main import entry_point
if __name__ == "__main__":
    print("begun", flush=True)
    entry_point()
"""
STARTING = ["simulate", "verify, two workers", "images stages", "sweep, two workers", "classroom", "images train"]
BEFORE = 15.0
"""Seconds within which the signal comes: imports take one, kernels to be compiled ten and more."""
LEFT = 5.0
"""Seconds that workers may outlive a program that was interrupted."""


def starting(what, folder):
    """The arguments of a program of its own."""
    if what == "verify, two workers":
        claims = ["yarotsky-squares", "sampling-same-numbers"]
        return ["verify", *claims, "--workers", "2", "--out", str(folder / "report")]
    return commands()[what](folder)


def begun(arguments, log, environment):
    """A new program with a session of its own, that has come to its first line."""
    with log.open("w") as stream:
        child = subprocess.Popen(
            [sys.executable, "-c", BEGINNING, *arguments],
            stdout=stream,
            stderr=stream,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    while "begun" not in log.read_text() and child.poll() is None:
        time.sleep(0.02)
    return child


def outlived(session):
    """Whether anything of a session is left after a while; it is ended then."""
    until = time.monotonic() + LEFT
    try:
        while time.monotonic() < until:
            os.killpg(session, 0)
            time.sleep(0.05)
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.campaign
@pytest.mark.parametrize("fresh", [False, True], ids=["kernels on disk", "no kernels on disk"])
def test_signals_to_commands_that_begin(fresh, tmp_path):
    """Programs of their own, with their imports, and compilation where no kernels are on disk."""
    goal = 30
    where = "no kernels on disk yet" if fresh else "kernels on disk"
    note = "SIGINT, SIGTERM or SIGHUP, once or twice: ended within seconds, no worker outlives it, nothing half written"
    row = Row(f"the same to starting programs, {where}: {'; '.join(STARTING)}", goal, note=note)
    for number in row.numbers(trials(goal)):
        draw, what = random.Random(f"{fresh} {number}"), STARTING[number % len(STARTING)]
        folder, failed = _made(tmp_path / f"{number}"), len(row.failures)
        log = folder.with_suffix(".log")
        child = begun(
            starting(what, folder), log, {"NUMBA_CACHE_DIR": str(tmp_path / f"cache {number}")} if fresh else {}
        )
        time.sleep(draw.uniform(0.0, BEFORE))
        sent = draw.choice(ENDING)
        for _ in range(draw.choice([1, 1, 1, 2])):
            child.send_signal(sent)
            time.sleep(0.01)
        try:
            status = child.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            status = child.wait() and None
        judge(status, sent, log, folder, row, f"{number} {what}")
        if outlived(child.pid) and len(row.failures) == failed:
            row.fail(f"{number} {what}: left processes behind")
        row.keep()
    row.finish()
