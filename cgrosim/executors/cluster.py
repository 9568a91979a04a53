"""The workers of a Dask scheduler, on this machine or many."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from cgrosim.errors import UserError
from cgrosim.executors.executor import Job, Lost, Tried, running
from cgrosim.files.words import shown

CONNECT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0  # how long a scheduler may be gone before the work ends
SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")
LOOK_SECONDS = 0.02  # between two looks at what has been done
MOST_TRIES = 3
ENDED = "the workers of the cluster ended over it again and again, perhaps because memory ran out"
MISSING = "this needs Dask, which is not installed; run pip install '.[sweep]' in the checkout of cgrosim."


def knock(address: str, seconds: float) -> None:
    """Refuse an address that is none, or at which nobody listens.

    Raises
    ------
    OSError, ValueError
        Saying so.
    """
    scheme, _, place = str(address).partition("://")
    host, _, port = place.rpartition(":")
    if scheme not in SCHEMES or not host or not port.isdecimal():
        raise ValueError(f"it is not of the form {SCHEMES[0]}://host:port")
    if scheme != "ucx":
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()


class Cluster:
    """Does jobs on a Dask cluster; workers may come and go, and the scheduler may be started anew.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://host:8786``.
    patience
        Seconds to wait for a scheduler that has gone.

    Raises
    ------
    UserError
        If Dask is not installed, or no scheduler answers at the address.
    """

    def __init__(self, address: str, *, patience: float = PATIENCE_SECONDS) -> None:
        self.address, self.patience = address, patience
        self.name = f"the cluster at {shown(address)}"
        self._client = self._connected(CONNECT_SECONDS)

    def _connected(self, seconds: float) -> Any:
        try:
            from distributed import Client
        except ImportError:
            raise UserError(MISSING) from None
        try:
            knock(self.address, seconds)  # a client that finds nobody takes half a minute to go
            # another client of this program stays the default one
            return Client(self.address, timeout=seconds, set_as_default=False)
        except (OSError, ValueError, TypeError, OverflowError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise UserError(
                f"no Dask scheduler answers at {shown(self.address)} ({shown(reason)}); give the address that "
                "'dask scheduler' prints, such as tcp://host:8786."
            ) from None

    def map(self, function: Callable[[Job], Any], jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Every job with its result as it is done; see `Executor.map`."""
        source, again, pending = iter(jobs), list[Tried](), dict[Any, Tried]()
        try:
            while True:
                for tried in running(source, again, self._room(), len(pending)):
                    # not pure: Dask would keep and share results by a hash of the arguments; the retries are ours
                    pending[self._client.submit(function, tried.job, pure=False)] = tried
                if not pending:
                    return
                done = [future for future in pending if future.done()]
                for future in done:
                    tried = pending.pop(future)
                    if future.status == "finished":
                        yield tried.job, self._result(future)
                    elif future.status == "error":
                        lost = self._judged(future)
                        tried.times += 1
                        if tried.times >= MOST_TRIES:
                            yield tried.job, Lost(lost)
                        else:
                            again.append(tried)
                    else:  # cancelled or lost with its scheduler: it was not at fault
                        again.append(tried)
                if self._client.status not in ("running",):
                    again += pending.values()
                    pending = {}
                    self._reconnect()
                elif not done:
                    time.sleep(LOOK_SECONDS)
        finally:
            for future in pending:
                with suppress(Exception):  # the scheduler may be gone
                    future.cancel()

    def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        with suppress(Exception):
            self._client.close(timeout=2)

    @property
    def workers(self) -> int:
        """Threads of the workers that are there now."""
        found = self._client.scheduler_info(n_workers=-1).get("workers", {})
        return sum(int(worker["nthreads"]) for worker in found.values())

    def _room(self) -> int:
        """Two jobs a thread of the workers, so that none waits for us; without workers two wait for the first."""
        return max(2, 2 * self.workers)

    def _result(self, future: Any) -> Any:
        return future.result(timeout=self.patience)

    def _judged(self, future: Any) -> str:
        """What to say of a job whose workers ended; every other error is raised."""
        from distributed import KilledWorker

        error = future.exception(timeout=self.patience)
        if isinstance(error, KilledWorker):
            return ENDED
        if isinstance(error, ImportError):
            raise UserError(
                f"a worker of {shown(self.address)} cannot import what it is to run ({shown(error)}); install the same "
                "version of cgrosim there."
            )
        raise error

    def _reconnect(self) -> None:
        """Wait for the scheduler to come back.

        Raises
        ------
        UserError
            If it does not.
        """
        self.close()
        until = time.monotonic() + self.patience
        while True:
            try:
                self._client = self._connected(max(0.5, min(CONNECT_SECONDS, until - time.monotonic())))
                return
            except UserError:
                if time.monotonic() >= until:
                    raise UserError(
                        f"the scheduler at {shown(self.address)} has been gone for {self.patience:.0f} seconds; what "
                        "was done is kept, so start it and give the same command again."
                    ) from None
                time.sleep(0.2)
