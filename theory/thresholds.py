"""The margins at which an event of training counts as having happened; every time of the theory refers to them."""

SIGNAL_GROWN = 1.0
"""alpha^q U at which the signal has grown: T_I."""

MEMORISED = 0.7
"""V_i at which a sample is memorised: its loss has fallen below that of an untrained network, log 2. T_i."""

ESCAPED = 0.7
"""(gap alpha)^q U at which the attacked signal alone carries the margin: T_esc."""
