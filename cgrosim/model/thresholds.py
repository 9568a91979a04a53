"""The thresholds behind every recorded hitting time.

The theory, which imports nothing of the simulator, keeps the same numbers in `cgrosim.theory.thresholds`; a test holds
the two equal.
"""

SIGNAL_GROWN = 1.0
"""alpha^q U at which the clean loss starts to see the signal."""

MEMORISED = 0.7
"""V_i at which a sample counts as memorised: its loss falls below that of an untrained network, log 2."""

ESCAPED = 0.7
"""(gap alpha)^q U at which the attacked signal alone lowers the loss as much."""
