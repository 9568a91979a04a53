"""The bridge from an experiment to the theory: what is predicted for it.

`predict` is the front door (`cgrosim.predict`); `quantities` is the table of what it predicts, `predicted` what it
returns, `setting`, `starts`, `clock` and `laws` the steps from an experiment to the theory, `regime` the slack of the
hypotheses.
"""
