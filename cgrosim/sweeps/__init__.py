"""Sweeps: grids of runs, from what is varied to a labelled table.

`sweep` is the front door (`cgrosim.sweep`). `axes` and `grid` say what is run, `cells` runs it (the narrow waist: a
list of parameters in, a list of small results out), `batches` hands cells to the executors, `store` keeps what was
found so that nothing is lost or run twice, and `table` is what a reader gets. The plan of a store (`plan`) names its
cells once and for all: a grid that grows adds a section.
"""
