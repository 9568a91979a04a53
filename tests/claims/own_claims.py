"""A file of claims that costs nothing: about a number, right, wrong, and one that no module lists."""

from cgrosim.claims import Claim, Evidence, World, checks, times


def number(context, world):
    found = world.number("number", 2.0) + 0.01 * context.seed
    return Evidence((checks.inside("a number", "two", found, (1.9, 2.1), "given"),))


def another(context, world):
    return Evidence((checks.inside("a number", "three", world.number("number", 2.0), (2.9, 3.1), "mistaken"),))


WORLDS = (World("10 % more", number=times(1.1)),)
CLAIMS = (
    Claim("two", "a number is two", "x = 2", "nowhere", "exact identity", number, WORLDS),
    Claim("three", "a number is three", "x = 3", "nowhere", "exact identity", another, WORLDS),
)
