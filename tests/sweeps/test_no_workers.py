"""Where no worker processes can be made, a sentence says how to do without."""

import concurrent.futures.process as processes

import pytest

from cgrosim.claims.claim import Context
from cgrosim.claims.registry import select
from cgrosim.claims.runner import verify
from cgrosim.errors import UserError
from cgrosim.executors.pool import Pool


@pytest.mark.parametrize("trouble", [NotImplementedError("no named semaphores"), OSError(28, "No space left")])
def test_a_machine_without_semaphores_is_told_how_to_do_without(trouble, monkeypatch):
    def fails(*arguments, **options):
        raise trouble

    monkeypatch.setattr(processes.ProcessPoolExecutor, "__init__", fails)
    with pytest.raises(UserError, match=r"no worker processes can be made here .*: --workers 0"):
        list(Pool(2).map(abs, [1, 2]))
    with pytest.raises(UserError, match="no worker processes can be made here"):
        verify(select(["yarotsky-squares", "sampling-same-numbers"]), Context(), workers=2)
