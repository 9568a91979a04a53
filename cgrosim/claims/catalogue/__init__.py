"""One module a family of claims; each lists its claims in CLAIMS and is found by `cgrosim.claims.registry`."""
