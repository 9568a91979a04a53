"""Compiles the micro-kernels once and makes them known by name to all other compiled code.

Numba compiles whatever a function calls into that function, and optimises it again there. With dozens of unrolled
tiles called from a dozen places that takes minutes; behind a symbol, a tile is compiled once, in a second.
"""

from __future__ import annotations

import functools
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from cgrosim.images.network.kernels.caching import callback, entry, fingerprint
from cgrosim.images.network.kernels.microkernels import SYMBOL, inner_body, scatter_body, tile_body
from cgrosim.images.network.kernels.transforms import combine_body, product_body, transform_body
from cgrosim.kernels.microkernels import data_pointers

_floats, _integers, _count = types.CPointer(types.float32), types.CPointer(types.int32), types.int64
TASK = types.void(types.CPointer(types.int64), _count, _count)  # (context, task, thread)
_kept: list[Any] = []  # compiled functions, alive as long as the process


@functools.cache
def link() -> None:
    """Compile the micro-kernels, or load them from the cache."""
    key = fingerprint("microkernels")
    made = {"tile": _compile_tile(key), "scatter": _compile_scatter(key), "inner": _compile_inner(key)}
    made |= {"transform": _compile_transform(key), "combine": _compile_combine(key)}
    made["product"] = _compile_product(key)
    for name, kernel in made.items():
        _kept.append(kernel)
        llvm.add_symbol(SYMBOL + name, kernel.address)


def _compile_tile(key: str) -> Any:
    factors = (_count, _count, _count, _floats, *[_count] * 4, _floats, *[_count] * 8)
    signature = types.void(*factors, _floats, *[_count] * 3, _floats, *[_count] * 4, _floats, _count)

    @callback(signature)
    def tile(  # type: ignore[no-untyped-def]
        layout, rows, columns, left, left_offset, left_stride, left_outer, left_plane,
        right, right_offset, right_column, right_step, right_outer, right_plane, planes, outer, steps,
        start, start_offset, start_row, start_column, out, out_offset, out_row, out_column, epilogue, mask, mask_offset,
    ):  # fmt: skip
        _ = key
        tile_body(
            layout, rows, columns, left, left_offset, left_stride, left_outer, left_plane,
            right, right_offset, right_column, right_step, right_outer, right_plane, planes, outer, steps,
            start, start_offset, start_row, start_column, out, out_offset, out_row, out_column,
            epilogue, mask, mask_offset,
        )  # fmt: skip

    return tile


def _compile_scatter(key: str) -> Any:
    lists = (_count, _count, _integers, _floats, *[_count] * 4)

    @callback(types.void(*lists, _floats, _count, _count, _floats, _count, _count))
    def scatter(  # type: ignore[no-untyped-def]
        size, width, channels, values, first, first_count, second, second_count,
        table, table_offset, table_row, out, out_offset, out_row,
    ):  # fmt: skip
        _ = key
        scatter_body(
            size, width, channels, values, first, first_count, second, second_count,
            table, table_offset, table_row, out, out_offset, out_row,
        )  # fmt: skip

    return scatter


def _compile_inner(key: str) -> Any:
    factors = (_count, _count, _floats, *[_count] * 4, _floats, *[_count] * 3)

    @callback(types.void(*factors, _count, _count, _floats, _count, _count))
    def inner(  # type: ignore[no-untyped-def]
        rows, columns, left, left_offset, left_row, left_step, left_outer,
        right, right_offset, right_step, right_outer, outer, steps, out, out_offset, out_row,
    ):  # fmt: skip
        _ = key
        inner_body(
            rows, columns, left, left_offset, left_row, left_step, left_outer,
            right, right_offset, right_step, right_outer, outer, steps, out, out_offset, out_row,
        )  # fmt: skip

    return inner


def _compile_transform(key: str) -> Any:
    @callback(types.void(_floats, _count, _count, _floats, _count, _count))
    def transform(source, at, row, out, out_at, step):  # type: ignore[no-untyped-def]
        _ = key
        transform_body(source, at, row, out, out_at, step)

    return transform


def _compile_combine(key: str) -> Any:
    places = (_floats, _count, _count, _floats, _count, _floats, _count, _count, types.CPointer(types.uint8))

    @callback(types.void(_count, _count, *places, _count, _count))
    def combine(  # type: ignore[no-untyped-def]
        side, kind, source, at, step, bias, bias_at, out, out_at, row, choices, choice_at, choice_row
    ):
        _ = key
        combine_body(side, kind, source, at, step, bias, bias_at, out, out_at, row, choices, choice_at, choice_row)

    return combine


def _compile_product(key: str) -> Any:
    factors = (_floats, *[_count] * 3, _floats, *[_count] * 3)

    @callback(types.void(_count, _count, *factors, _count, _floats, _count, _count, _count))
    def product(  # type: ignore[no-untyped-def]
        rows, columns, left, left_at, left_step, left_plane, right, right_at, right_step, right_column,
        planes, out, out_at, out_step, out_column,
    ):  # fmt: skip
        _ = key
        product_body(
            rows, columns, left, left_at, left_step, left_plane, right, right_at, right_step, right_column,
            planes, out, out_at, out_step, out_column,
        )  # fmt: skip

    return product


@intrinsic
def call_task(typing_context, context, task, thread):  # type: ignore[no-untyped-def]
    """Call the function whose address is ``context[0]`` on (context, task, thread)."""
    signature = types.void(context, types.int64, types.int64)

    def emit(typing: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = data_pointers(typing, builder, signature, arguments)
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(builder.load(values[0]), kind.as_pointer()), values)
        return typing.get_dummy_value()

    return signature, emit


@intrinsic
def floats_at(typing_context, address):  # type: ignore[no-untyped-def]
    """The float32 numbers at an address."""
    return _floats(types.int64), _emit_pointer


@intrinsic
def integers_at(typing_context, address):  # type: ignore[no-untyped-def]
    """The int32 numbers at an address."""
    return _integers(types.int64), _emit_pointer


@intrinsic
def longs_at(typing_context, address):  # type: ignore[no-untyped-def]
    """The int64 numbers at an address."""
    return types.CPointer(types.int64)(types.int64), _emit_pointer


@intrinsic
def doubles_at(typing_context, address):  # type: ignore[no-untyped-def]
    """The float64 numbers at an address."""
    return types.CPointer(types.float64)(types.int64), _emit_pointer


@intrinsic
def bytes_at(typing_context, address):  # type: ignore[no-untyped-def]
    """The bytes at an address."""
    return types.CPointer(types.uint8)(types.int64), _emit_pointer


def _emit_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@functools.cache
def shared() -> tuple[Any, Any]:
    """``share(context, tasks)``: do the tasks 0, 1, ... of a context, each once; on this thread, and on all threads."""
    key = fingerprint("share")

    @entry()
    def share_here(context, tasks):  # type: ignore[no-untyped-def]
        _ = key
        for index in range(tasks):
            call_task(context, np.int64(index), np.int64(0))

    @entry(parallel=True)
    def share(context, tasks):  # type: ignore[no-untyped-def]
        _ = key
        for index in prange(tasks):
            call_task(context, np.int64(index), np.int64(numba.get_thread_id()))

    return share_here, share
