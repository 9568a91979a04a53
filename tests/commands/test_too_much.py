"""Requests that no machine fulfils are refused in one sentence before time or memory goes into them."""

import resource

import pytest

from cgrosim.commands.main import main
from cgrosim.files import memory
from cgrosim.images.training.averaging import Averaging

ALL_OF_IT = str(10**9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["images", "capacity", "--widths", "1", "--seeds", ALL_OF_IT], "one experiment holds at most 20000; take"),
        (["images", "capacity", "--widths", "1,2,3,4", "--seeds", "5000"], "that makes 4e+04 trainings"),
        (["images", "cures", "--seeds", ALL_OF_IT], "take fewer seeds or kinds"),
        (["images", "train", "--epochs", ALL_OF_IT], "epochs is 1000000000, but must lie between 1 and 100000"),
        (["images", "train", "--attack-steps", ALL_OF_IT], "must be a whole number of at least 1, 1e6 at most"),
        (["images", "train", "--restarts", ALL_OF_IT], "must be a whole number of at least 1, 1e6 at most"),
        (["images", "landscape", "--points", ALL_OF_IT], "points is 1000000000, but must be from 1 to 100000"),
        (["images", "landscape", "--ascent-steps", ALL_OF_IT], "must be from 1 to 1e6"),
        (["images", "stages", "--records", ALL_OF_IT], "records is 1000000000, but must lie between 1 and 10000"),
        (["images", "stages", "--filters", ALL_OF_IT], "needs more memory than there is; ask for less of them"),
        (["verify", "--seeds", f"0:{ALL_OF_IT}"], "asks for 1e+09 verifications, but at most 10000 are made at once"),
        (["verify", "--seeds", "0:" + 5000 * "9"], "must be two whole numbers such as 0:40"),
        (["sweep", "--vary", "gap=1e-3:0.3:100000", "--seeds", "100000", "--yes"], "GiB; thin it."),
    ],
)
def test_they_are_refused_in_one_sentence(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err.replace("\n", " ")
    assert words in told.replace("  ", " ")
    assert "results" not in [path.name for path in tmp_path.iterdir()] or not any(tmp_path.glob("results/*/*.npz"))


@pytest.mark.parametrize(("text", "limit"), [("2147483648\n", 2**31), ("max\n", None)])
def test_the_memory_of_a_container_counts_and_not_that_of_its_machine(text, limit, tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(memory, "GROUPS", (tmp_path / "memory.max", tmp_path / "none"))
    monkeypatch.setattr(memory, "_of_process", list)
    memory._of_groups.cache_clear()
    try:
        assert memory.memory_bytes() == (memory._physical() if limit is None else min(limit, memory._physical()))
    finally:
        memory._of_groups.cache_clear()


def test_the_limit_of_a_shell_counts(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (10**9 if which == resource.RLIMIT_AS else -1, -1))
    assert memory.memory_bytes() == 10**9


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 0.75, 0.999])
def test_averaged_epochs_are_counted_without_looking_at_each(share):
    averaging = Averaging(name="swa", value=share)
    for epochs in (1, 3, 10, 40):
        for done in range(epochs + 1):
            each = sum(averaging.after_epoch(epoch / epochs) for epoch in range(1, done + 1))
            assert averaging.count(done, epochs, 5) == each
    assert Averaging().count(7, 10, 5) == 0
