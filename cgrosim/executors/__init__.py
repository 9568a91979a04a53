"""Where jobs are done: in this process (`here`), in a pool of processes (`pool`), or on a Dask cluster (`cluster`).

All of them are an `Executor`: what a job finds does not depend on which one did it, in what order, or how often.
"""
