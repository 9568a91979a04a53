"""The registry of random streams: distinct keys, old numbers, and nobody who makes a stream elsewhere."""

import ast
import zlib
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from cgrosim.claims.claim import Context
from cgrosim.model.streams import DRAWS, OWNERS, RunStream, named_generator, named_seeds, replicate_seeds, stream

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("cgrosim", "sims") for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def calls():
    """Every call of a named function in the package and the scripts: (file, name of the function, arguments)."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                found.append((path.relative_to(ROOT).as_posix(), name, node.args))
    return found


def claim_names():
    """Every name that a claim or a script gives to `Context.seeds` or `Context.generator`, where it is written out."""
    return {
        args[0].value
        for _, name, args in calls()
        if name in ("seeds", "generator")
        and args
        and isinstance(args[0], ast.Constant)
        and isinstance(args[0].value, str)
    }


def first_draws(generator):
    return tuple(generator.integers(0, 2**63, 4))


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_streams_of_one_seed_are_distinct(owner, seed):
    keys = [(), *((purpose,) for purpose in owner), *((purpose, place) for purpose in owner for place in (0, 1, 2))]
    assert len({first_draws(stream(seed, *key)) for key in keys}) == len(keys)


def test_names_are_distinct_among_themselves_and_from_every_purpose():
    names = sorted(claim_names())
    assert len(names) > 30
    keys = [zlib.crc32(name.encode()) for name in names]
    assert len(set(keys)) == len(keys)
    assert min(keys) > max(max(owner) for owner in OWNERS)


def test_what_a_claim_draws_is_none_of_its_replicates():
    """The generator once had the key of the second replicate: its first number was that replicate's seed."""
    for seed, name in ((0, "noise-law"), (3, "success-rate")):
        states = [
            np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), k)).generate_state(8, np.uint64)
            for k in range(100)
        ]
        found = Context(seed=seed).generator(name).bit_generator.seed_seq
        assert found.spawn_key[-1] == DRAWS
        assert all(not np.array_equal(found.generate_state(8, np.uint64), state) for state in states)
        seeds = Context(seed=seed).seeds(name, 100)
        assert seeds == [int(state[0] >> 1) for state in states]
        assert len({*seeds, int(found.generate_state(1, np.uint64)[0] >> 1)}) == 101


def test_numbers_of_the_first_release_stay():
    assert (
        stream(5, RunStream.TEST, 3).standard_normal()
        == np.random.default_rng(np.random.SeedSequence(5, spawn_key=(2, 3))).standard_normal()
    )
    assert stream(5).standard_normal() == np.random.default_rng(5).standard_normal()
    assert len("a-priori") == RunStream.A_PRIORI
    assert named_seeds(0, "closure", 2) == named_seeds(0, "closure", 5)[:2]
    assert replicate_seeds(0, 3) == [
        int(child.generate_state(1, np.uint32)[0]) for child in np.random.SeedSequence(0).spawn(3)
    ]


def test_every_stream_is_asked_for_by_a_registered_purpose():
    owners = {owner.__name__ for owner in OWNERS}
    asked = [(path, args) for path, name, args in calls() if name == "stream" and path != "cgrosim/model/streams.py"]
    assert len(asked) > 30
    for path, args in asked:
        if len(args) > 1:
            purpose = args[1]
            assert isinstance(purpose, ast.Attribute), (path, ast.dump(purpose))
            assert purpose.value.id in owners, path


def test_nobody_else_makes_a_stream():
    makers = ("SeedSequence", "default_rng", "PCG64", "Philox", "RandomState")
    spared = {"cgrosim/model/streams.py", "cgrosim/commands/warmup.py"}  # a warm-up throws its numbers away
    assert {path for path, name, _ in calls() if name in makers} <= spared


def test_a_name_draws_the_same_whatever_else_is_drawn():
    assert first_draws(named_generator(1, "one")) == first_draws(named_generator(1, "one"))
    pairs = combinations([named_generator(1, "one"), named_generator(1, "two"), named_generator(2, "one")], 2)
    assert all(first_draws(a) != first_draws(b) for a, b in pairs)
