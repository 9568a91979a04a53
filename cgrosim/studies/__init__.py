"""Tables of runs that claims, sims and commands share."""
