"""A sweep on a real Dask cluster: workers end and come, the scheduler is started anew, and the bits are the same."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from sweep_cases import OVER, SETTINGS, SMALL

from cgrosim import UserError, sweep
from cgrosim.executors.cluster import Cluster
from cgrosim.run.processor import processor

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

SLOW = SMALL.replace(steps=50_000)  # some tenths of a second a cell, so that there is a middle
QUIET = "ignore::DeprecationWarning"  # of Dask's own dependencies


def local_cluster(processes):
    """One worker with one thread: in this process, which takes no time to begin, or in one that can be killed."""
    from distributed import LocalCluster

    shape = {"n_workers": 1, "threads_per_worker": 1, "processes": processes}
    return LocalCluster(**shape, protocol="tcp://", dashboard_address=None, silence_logs=50)


@pytest.fixture(scope="module")
def cluster():
    with local_cluster(processes=False) as found:
        yield found


@pytest.fixture(scope="module")
def killable():
    with local_cluster(processes=True) as found:
        yield found


@pytest.fixture(scope="module")
def expected():
    return sweep(SLOW, OVER, **SETTINGS)


@pytest.mark.filterwarnings(QUIET)
def test_a_cluster_gives_the_same_bits(cluster, tmp_path):
    table = sweep(SMALL, OVER, scheduler=cluster.scheduler_address, out=tmp_path, **SETTINGS)
    assert table.data.identical(sweep(SMALL, OVER, **SETTINGS).data)


def once(act, cells=2):
    """A watcher that does something when so many cells are done."""
    acted = []

    def watch(state):
        if state.cells >= cells and not acted and state.status == "running":
            acted.append(state.cells)
            act()

    watch.acted = acted
    return watch


@pytest.mark.slow  # three workers are started
@pytest.mark.filterwarnings(QUIET)
def test_a_worker_is_killed_and_another_added(killable, expected, tmp_path):
    def kill():
        os.kill(next(iter(killable.workers.values())).pid, signal.SIGKILL)  # its nanny starts another
        killable.scale(2)

    watch = once(kill)
    table = sweep(SLOW, OVER, scheduler=killable.scheduler_address, watch=watch, out=tmp_path, **SETTINGS)
    assert watch.acted[0] < 12
    assert table.data.identical(expected.data)
    assert len(killable.scheduler_info["workers"]) >= 1


@pytest.mark.filterwarnings(QUIET)
def test_a_worker_with_other_versions_is_refused(cluster, tmp_path, monkeypatch):
    other = {"numpy": "0.1", "processor": processor()}
    monkeypatch.setattr("cgrosim.sweeps.sweep.identity_of", lambda base, engines: other)
    with pytest.raises(
        UserError, match=r"the worker on .* has numpy .* where this program has 0\.1; make them the same"
    ):
        sweep(SMALL, OVER, scheduler=cluster.scheduler_address, out=tmp_path, **SETTINGS)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow  # two schedulers and two workers are started
@pytest.mark.filterwarnings(QUIET)
def test_the_scheduler_is_started_anew(expected, tmp_path):
    port = free_port()
    address, children = f"tcp://127.0.0.1:{port}", []

    def start():
        module = "import sys; from distributed.cli.dask_{0} import main; sys.exit(main())"
        arguments = {
            "scheduler": ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
            "worker": [address, "--no-nanny", "--nthreads", "1", "--no-dashboard"],
        }
        for name, given in arguments.items():
            command = [sys.executable, "-c", module.format(name), *given]
            children.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def anew():
        for child in children[-2:]:
            child.kill()
            child.wait()
        start()

    try:
        start()
        wait_for(port)
        watch = once(anew)
        table = sweep(SLOW, OVER, scheduler=address, watch=watch, out=tmp_path, **SETTINGS)
        assert watch.acted[0] < 12
        assert table.data.identical(expected.data)
        children[-2].kill()
        with pytest.raises(
            UserError, match=r"no Dask scheduler answers at tcp://127.0.0.1:\d+ \(.*\); give the address"
        ):
            Cluster(address)
    finally:
        for child in children:
            child.kill()
            child.wait()


def wait_for(port):
    """Until somebody listens there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("no scheduler came")


@pytest.mark.parametrize(
    "address", ["nowhere:1:2", "tcp://", "http://127.0.0.1:1", "tcp://127.0.0.1:1", "tcp://[::1]:99999"]
)
@pytest.mark.filterwarnings(QUIET)
def test_an_address_of_no_scheduler_is_one_sentence(address):
    with pytest.raises(UserError, match=r"^no Dask scheduler answers at .*; give the address"):
        Cluster(address)
