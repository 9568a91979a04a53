"""How much memory there is."""

from __future__ import annotations

import functools
import os
from pathlib import Path

GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container or a job of a cluster may use, where the system limits it: version 2 and 1 of control groups."""


def memory_bytes() -> int:
    """Memory that this process may use: that of the machine, or less where a container, a job or a shell is limited.

    8 GiB where the system does not tell.
    """
    return min([_physical(), *_of_groups(), *_of_process()])


@functools.cache
def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


@functools.cache
def _of_groups() -> list[int]:
    """Limits of the groups that this process is in: seen from inside a container, the topmost one is its own."""
    found = []
    for path in [*GROUPS, *_own_groups()]:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return [limit for limit in found if limit > 0]


def _own_groups() -> list[Path]:
    """Files with the limits of the group itself, where its tree is seen from outside, and of those above it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return []
    places = []
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        limit = GROUPS[1] if controllers else GROUPS[0]
        group = limit.parent / path.lstrip("/")
        places += [each / limit.name for each in (group, *group.parents) if limit.parent in each.parents]
    return places


def _of_process() -> list[int]:
    """The limit of addresses that a shell sets by ``ulimit -v``."""
    try:
        import resource

        limits = [resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_DATA)[0]]
        return [limit for limit in limits if limit != resource.RLIM_INFINITY]
    except (ImportError, ValueError, OSError):
        return []
