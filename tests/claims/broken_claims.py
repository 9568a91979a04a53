"""A file of claims one of which cannot be measured."""

from own_claims import CLAIMS as OWN

from cgrosim.claims import Claim


def broken(context, world):
    return 1 / context.seed


CLAIMS = (OWN[0], Claim("broken", "a number is none", "x = 1 / 0", "nowhere", "exact identity", broken, cost=0.1))
