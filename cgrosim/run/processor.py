"""What decides, beside the versions of libraries, how a computation rounds."""

from __future__ import annotations

import platform


def processor(blas: bool = False) -> str:
    """The kind of processor: its architecture, and whether products and sums are rounded once or twice.

    The kernels give the same bits on all processors of one kind. What is added by the BLAS (`blas`: the flow, by
    SciPy's integrator) depends on the very model, which chooses the kernel of the BLAS.
    """
    import llvmlite.binding as llvm  # the compiler is loaded where something is computed, not to read settings

    from cgrosim.kernels.microkernels import fuses

    rounds = "with" if fuses() else "without"
    model = f", {llvm.get_host_cpu_name()}" if blas else ""
    return f"{platform.machine()} {rounds} fused multiply-add{model}"


def other_processor(then: str | None, now: str) -> str:
    """What to say of a file that was begun on another kind of processor; empty for the same one, or an older file."""
    if then in (None, now):
        return ""
    return (
        f"was begun on another type of processor ({then}; this one is {now}), which rounds differently; start the run "
        "again, or continue it on such a processor."
    )
