"""Register-blocked float32 micro-kernels, written as LLVM vector instructions: everything fast in this package.

All arrays are one-dimensional and hold *blocks* of 16 numbers that lie side by side: 16 channels of one pixel of one
sample, or 16 samples of one number. A block is one vector (AVX-512), two (AVX2) or four (any other processor). Three
products, each a loop nest with all its sums in registers, and a filter:

`tile`
    a piece of a matrix product whose left factor is read as scalars and whose right factor is read as blocks. A
    convolution is such a product without copying: along one kernel row, the inputs of neighbouring outputs overlap.
`scatter`
    adds multiples of table rows, picked by a list, to a row of blocks: the gradient behind max pooling and ReLU,
    where at most one number in four is nonzero.
`inner`
    a piece of a product of two factors that are both read as blocks, summed over the 16 lanes as well.
`append_chosen`
    the numbers of a block that carry a mark, one after another: the lists that `scatter` reads (AVX-512 only).

The order of every sum is fixed by the sizes, never by the shape of the tiles: 16 and 8 lanes give the same bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cgrosim.images.network.kernels.shapes import (
    BLOCK,
    MAX_SCATTER,
    ROWS_1,
    ROWS_16,
    ROWS_ANY,
    inner_sides,
    scatter_widths,
    tile_shapes,
)
from cgrosim.kernels.microkernels import Vectors, broadcast, counted_loop, data_pointers, integer_constant, switch_over

SYMBOL = "cgrosim_vision_"  # what the compiled micro-kernels are called by

Emitter = Callable[[str, Any, Any, Any, Any], Any]

# What happens to the sums before they are stored.
PLAIN, RELU, MASK = 0, 1, 2


def _multiples(builder: Any, stride: Any, count: int) -> list[Any]:
    return [builder.mul(stride, integer_constant(index)) for index in range(count)]


def _row_offsets(builder: Any, layout: int, stride: Any, rows: int) -> list[Any]:
    if layout == ROWS_ANY:
        return _multiples(builder, stride, rows)
    return [integer_constant(row * (BLOCK if layout == ROWS_16 else 1)) for row in range(rows)]


def add_products(vectors: Vectors, scalars: list[Any], blocks: list[Any], sums: list[Any]) -> list[Any]:
    """Sums of the places (row, column, part), and every scalar times every block: registers hold the shorter side."""
    rows, columns, added = range(len(scalars)), range(len(blocks)), list(sums)

    def scalar(row: int) -> Any:
        return vectors.broadcast(vectors.builder.load(scalars[row]))

    def block(column: int) -> list[Any]:
        return [vectors.load(blocks[column], part * vectors.lanes) for part in range(vectors.parts)]

    def add(row: int, column: int, single: Any, parts: list[Any]) -> None:
        for place, part in enumerate(parts, start=(row * len(columns) + column) * vectors.parts):
            added[place] = vectors.multiply_add(single, part, added[place])

    if len(rows) < len(columns):
        singles = [scalar(row) for row in rows]
        for column in columns:
            loaded = block(column)
            for row in rows:
                add(row, column, singles[row], loaded)
        return added
    held = [block(column) for column in columns]
    for row in rows:
        single = scalar(row)
        for column in columns:
            add(row, column, single, held[column])
    return added


def _emit_tile(builder: Any, layout: int, rows: int, columns: int, arguments: list[Any]) -> None:
    left, left_stride, left_outer, left_plane, right, right_column, right_step, right_outer, right_plane = arguments[:9]
    planes, outer, steps, start, start_row, start_column, out, out_row, out_column, epilogue, mask = arguments[9:]
    vectors = Vectors(builder, single=True)
    parts = range(vectors.parts)
    places = [(row, column, part) for row in range(rows) for column in range(columns) for part in parts]
    left_rows = _row_offsets(builder, layout, left_stride, rows)
    left_step = left_stride if layout == ROWS_1 else integer_constant(1)
    right_columns = _multiples(builder, right_column, columns)

    def offsets(row_stride: Any, column_stride: Any) -> dict[tuple[int, int], Any]:
        row_starts, column_starts = _multiples(builder, row_stride, rows), _multiples(builder, column_stride, columns)
        return {(r, c): builder.add(row_starts[r], column_starts[c]) for r in range(rows) for c in range(columns)}

    begin = offsets(start_row, start_column)
    totals = [vectors.load(builder.gep(start, [begin[r, c]]), p * vectors.lanes) for r, c, p in places]

    def outer_step(index: Any, carried: list[Any], left_there: Any, right_there: Any) -> list[Any]:
        left_here = builder.gep(left_there, [builder.mul(index, left_outer)])
        right_here = builder.gep(right_there, [builder.mul(index, right_outer)])

        def step(count: Any, sums: list[Any]) -> list[Any]:
            scalars = builder.gep(left_here, [builder.mul(count, left_step)])
            blocks = builder.gep(right_here, [builder.mul(count, right_step)])
            singles = [builder.gep(scalars, [offset]) for offset in left_rows]
            sources = [builder.gep(blocks, [offset]) for offset in right_columns]
            return add_products(vectors, singles, sources, sums)

        return counted_loop(builder, steps, carried, step)

    def plane_step(index: Any, carried: list[Any]) -> list[Any]:
        left_there = builder.gep(left, [builder.mul(index, left_plane)])
        right_there = builder.gep(right, [builder.mul(index, right_plane)])
        inside = functools.partial(outer_step, left_there=left_there, right_there=right_there)
        return counted_loop(builder, outer, carried, inside)

    totals = counted_loop(builder, planes, totals, plane_step)
    end = offsets(out_row, out_column)

    def store(kind: int) -> None:
        for (r, c, p), total in zip(places, totals, strict=True):
            value = total
            if kind == RELU:
                value = vectors.maximum(value, vectors.zero)
            elif kind == MASK:
                shown = vectors.load(builder.gep(mask, [end[r, c]]), p * vectors.lanes)
                value = builder.select(builder.fcmp_ordered(">", shown, vectors.zero), value, vectors.zero)
            vectors.store(value, builder.gep(out, [end[r, c]]), p * vectors.lanes)

    switch_over(builder, epilogue, {kind: functools.partial(store, kind) for kind in (PLAIN, RELU, MASK)})


def _make_tile(emit: Emitter) -> Any:
    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing_context, layout, rows, columns, left, left_offset, left_stride, left_outer, left_plane,
        right, right_offset, right_column, right_step, right_outer, right_plane, planes, outer, steps,
        start, start_offset, start_row, start_column, out, out_offset, out_row, out_column, epilogue, mask,
        mask_offset,
    ):  # fmt: skip
        """One tile of ``out[r, c] = start[r, c] + sum_p sum_o sum_k left[p, o, k, r] * right[p, o, k, c]``.

        layout : ROWS_16, ROWS_1 or ROWS_ANY
        rows, columns : size of the tile, one of `tile_shapes(layout)`; r counts scalars of the left factor, c blocks
        left : scalar (p, o, k, r) at ``left_offset + p left_plane + o left_outer + k step + r row``, where (step, row)
            is (1, 16), (left_stride, 1) or (1, left_stride) for the layouts ROWS_16, ROWS_1 and ROWS_ANY
        right : block (p, o, k, c) at ``right_offset + p right_plane + o right_outer + k right_step + c right_column``
        start : block (r, c) at ``start_offset + r start_row + c start_column``: a bias, zeros, or `out` itself to add
        out : block (r, c) at ``out_offset + r out_row + c out_column``
        epilogue : PLAIN, RELU (NaN is kept), or MASK: zero where `mask`, laid out like `out`, is not positive
        """
        integer = types.int64
        factors = (integer, integer, integer, left, *[integer] * 4, right, *[integer] * 5, integer, integer, integer)
        results = (start, *[integer] * 3, out, *[integer] * 3, integer, mask, integer)
        signature = types.void(*factors, *results)

        return signature, functools.partial(emit, "tile")

    return tile


def _emit_tiles(builder: Any, arguments: list[Any]) -> None:
    layout, rows, columns, left, left_at, left_stride, left_outer, left_plane, right, right_at, *rest = arguments
    right_column, right_step, right_outer, right_plane, planes, outer, steps, start, start_at, *rest = rest
    start_row, start_column, out, out_at, out_row, out_column, epilogue, mask, mask_at = rest
    arrays = ((left, left_at), (right, right_at), (start, start_at), (out, out_at), (mask, mask_at))
    left, right, start, out, mask = (builder.gep(array, [offset]) for array, offset in arrays)
    shared = [left, left_stride, left_outer, left_plane, right, right_column, right_step, right_outer, right_plane]
    shared += [planes, outer, steps, start, start_row, start_column, out, out_row, out_column, epilogue, mask]
    cases = {
        (kind * BLOCK + height) * BLOCK + width: functools.partial(_emit_tile, builder, kind, height, width, shared)
        for kind in (ROWS_16, ROWS_1, ROWS_ANY)
        for width, heights in tile_shapes(kind).items()
        for height in heights
    }
    shape = builder.add(builder.mul(layout, integer_constant(BLOCK)), rows)
    switch_over(builder, builder.add(builder.mul(shape, integer_constant(BLOCK)), columns), cases)


def _emit_scatter(builder: Any, size: int, width: int, arguments: list[Any]) -> None:
    channels, values, first, first_count, second, second_count, table, table_row, out, out_row = arguments
    vectors = Vectors(builder, single=True)
    parts = range(vectors.parts)
    places = [(b, j, p) for b in range(width) for j in range(size + 1) for p in parts]
    targets = [builder.gep(out, [offset]) for offset in _multiples(builder, out_row, width)]
    totals = [vectors.load(targets[b], j * BLOCK + p * vectors.lanes) for b, j, p in places]
    for shift, (begin, count) in enumerate(((first, first_count), (second, second_count))):

        def step(index: Any, sums: list[Any], shift: int = shift, begin: Any = begin) -> list[Any]:
            sums = list(sums)
            place = builder.add(begin, index)
            channel = builder.sext(builder.load(builder.gep(channels, [place])), table_row.type)
            value = vectors.broadcast(builder.load(builder.gep(values, [place])))
            row = builder.gep(table, [builder.mul(channel, table_row)])
            for at, (b, j, p) in enumerate(places):
                if 0 <= j - shift < size:
                    entry = vectors.load(row, (b * size + j - shift) * BLOCK + p * vectors.lanes)
                    sums[at] = vectors.multiply_add(value, entry, sums[at])
            return sums

        totals = counted_loop(builder, count, totals, step)
    for (b, j, p), total in zip(places, totals, strict=True):
        vectors.store(total, targets[b], j * BLOCK + p * vectors.lanes)


def _make_scatter(emit: Emitter) -> Any:
    @intrinsic
    def scatter(  # type: ignore[no-untyped-def]
        typing_context, size, width, channels, values, first, first_count, second, second_count, table,
        table_offset, table_row, out, out_offset, out_row,
    ):  # fmt: skip
        """Add multiples of table rows to `width` rows of ``size + 1`` blocks; `size` at most MAX_SCATTER.

        channels, values : lists (int32 and float32); entry i adds ``values[i]`` times the table row ``channels[i]``
        first, first_count : the part of the lists that goes to blocks 0 .. size-1 of every row
        second, second_count : the part that goes to blocks 1 .. size
        table : row c at ``table_offset + c table_row``: `width` times `size` blocks
        out : row b at ``out_offset + b out_row``: ``size + 1`` blocks
        """
        integer = types.int64
        lists = (channels, values, *[integer] * 4)
        signature = types.void(integer, integer, *lists, table, integer, integer, out, integer, integer)

        return signature, functools.partial(emit, "scatter")

    return scatter


def _emit_scatters(builder: Any, arguments: list[Any]) -> None:
    size, width, *lists, table, table_at, table_row, out, out_at, out_row = arguments
    table, out = builder.gep(table, [table_at]), builder.gep(out, [out_at])
    cases = {
        blocks * BLOCK + count: functools.partial(
            _emit_scatter, builder, blocks, count, [*lists, table, table_row, out, out_row]
        )
        for count in scatter_widths()
        for blocks in range(1, MAX_SCATTER + 1)
    }
    switch_over(builder, builder.add(builder.mul(size, integer_constant(BLOCK)), width), cases)


@intrinsic
def append_chosen(  # type: ignore[no-untyped-def]
    typing_context, choices, choice_offset, place, numbers, offset, first, channels, values, end
):
    """Append the numbers of a block whose choice is `place` to a list; return where it ends then (AVX-512 only).

    choices, numbers : 16 bytes from `choice_offset`, 16 numbers from `offset`
    channels, values : the list (int32 and float32): an entry is ``first + lane`` and its number. Up to 16 entries
        beyond the end are overwritten: to store a part of a vector takes a hundred cycles on some processors.
    """
    integer = types.int64
    signature = integer(choices, integer, integer, numbers, *[integer] * 2, channels, values, integer)
    return signature, _emit_append


def _emit_append(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    choices, at, place, numbers, offset, first, *lists, end = data_pointers(context, builder, signature, arguments)
    byte, word = ir.IntType(8), ir.IntType(32)
    marks = builder.bitcast(builder.gep(choices, [at]), ir.VectorType(byte, BLOCK).as_pointer())
    wanted = broadcast(builder, builder.trunc(place, byte), BLOCK)
    chosen = builder.icmp_unsigned("==", builder.load(marks, align=1), wanted)
    lane = ir.Constant(ir.VectorType(word, BLOCK), list(range(BLOCK)))
    entries = builder.add(broadcast(builder, builder.trunc(first, word), BLOCK), lane)
    block = Vectors(builder, single=True).load(builder.gep(numbers, [offset]))
    for vector, suffix, target in zip((entries, block), ("i32", "f32"), lists, strict=True):
        kind = ir.FunctionType(vector.type, [vector.type, vector.type, chosen.type])
        name = f"llvm.x86.avx512.mask.compress.v{BLOCK}{suffix}"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        squeezed = builder.call(function, [vector, ir.Constant(vector.type, ir.Undefined), chosen])
        builder.store(squeezed, builder.bitcast(builder.gep(target, [end]), vector.type.as_pointer()), align=4)
    count = builder.ctpop(builder.bitcast(chosen, ir.IntType(BLOCK)))
    return builder.add(end, builder.zext(count, end.type))


def _sum_lanes(vectors: Vectors, pieces: list[Any]) -> Any:
    """Sum of the 16 lanes by halving, in the same order for every width of the vectors."""
    builder = vectors.builder
    while len(pieces) > 1:
        half = len(pieces) // 2
        pieces = [builder.fadd(low, high) for low, high in zip(pieces[:half], pieces[half:], strict=True)]
    (value,) = pieces
    for half in (8, 4, 2, 1):
        if half < vectors.lanes:
            low = vectors.shuffle(value, list(range(half)))
            value = builder.fadd(low, vectors.shuffle(value, list(range(half, 2 * half))))
    return builder.extract_element(value, integer_constant(0))


def _emit_inner(builder: Any, rows: int, columns: int, arguments: list[Any]) -> None:
    left, left_row, left_step, left_outer, right, right_step, right_outer, outer, steps, out, out_row = arguments
    vectors = Vectors(builder, single=True)
    parts = range(vectors.parts)
    places = [(row, column, part) for row in range(rows) for column in range(columns) for part in parts]
    left_rows = _multiples(builder, left_row, rows)

    def outer_step(index: Any, carried: list[Any]) -> list[Any]:
        left_here = builder.gep(left, [builder.mul(index, left_outer)])
        right_here = builder.gep(right, [builder.mul(index, right_outer)])

        def step(count: Any, sums: list[Any]) -> list[Any]:
            a = builder.gep(left_here, [builder.mul(count, left_step)])
            b = builder.gep(right_here, [builder.mul(count, right_step)])
            firsts = {
                (r, p): vectors.load(builder.gep(a, [left_rows[r]]), p * vectors.lanes)
                for r in range(rows)
                for p in parts
            }
            seconds = {(c, p): vectors.load(b, c * BLOCK + p * vectors.lanes) for c in range(columns) for p in parts}
            return [
                vectors.multiply_add(firsts[r, p], seconds[c, p], total)
                for (r, c, p), total in zip(places, sums, strict=True)
            ]

        return counted_loop(builder, steps, carried, step)

    totals = counted_loop(builder, outer, [vectors.zero] * len(places), outer_step)
    sums = dict(zip(places, totals, strict=True))
    for row, offset in enumerate(_multiples(builder, out_row, rows)):
        for column in range(columns):
            target = builder.gep(out, [builder.add(offset, integer_constant(column))])
            added = _sum_lanes(vectors, [sums[row, column, part] for part in parts])
            builder.store(builder.fadd(builder.load(target), added), target)


def _make_inner(emit: Emitter) -> Any:
    @intrinsic
    def inner(  # type: ignore[no-untyped-def]
        typing_context, rows, columns, left, left_offset, left_row, left_step, left_outer, right,
        right_offset, right_step, right_outer, outer, steps, out, out_offset, out_row,
    ):  # fmt: skip
        """``out[r, c] += sum_o sum_k <left[o, k, r], right[o, k, c]>``, the scalar product of two blocks of 16 numbers.

        left : block (o, k, r) at ``left_offset + o left_outer + k left_step + r left_row``
        right : block (o, k, c) at ``right_offset + o right_outer + k right_step + 16 c``
        out : scalar (r, c) at ``out_offset + r out_row + c``
        """
        integer = types.int64
        factors = (left, *[integer] * 4, right, *[integer] * 3)
        signature = types.void(integer, integer, *factors, integer, integer, out, integer, integer)

        return signature, functools.partial(emit, "inner")

    return inner


def _emit_inners(builder: Any, arguments: list[Any]) -> None:
    rows, columns, left, left_at, left_row, left_step, left_outer, right, right_at, *rest = arguments
    right_step, right_outer, outer, steps, out, out_at, out_row = rest
    left, right = builder.gep(left, [left_at]), builder.gep(right, [right_at])
    shared = [left, left_row, left_step, left_outer, right, right_step, right_outer, outer, steps]
    shared += [builder.gep(out, [out_at]), out_row]
    cases = {
        height * BLOCK + width: functools.partial(_emit_inner, builder, height, width, shared)
        for height in inner_sides()
        for width in inner_sides()
    }
    switch_over(builder, builder.add(builder.mul(rows, integer_constant(BLOCK)), columns), cases)


_EMIT = {"tile": _emit_tiles, "scatter": _emit_scatters, "inner": _emit_inners}


def _emit_body(name: str, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """The code itself."""
    _EMIT[name](builder, data_pointers(context, builder, signature, arguments))
    return context.get_dummy_value()


def emit_call(name: str, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """A call of code that has been compiled apart (see `cgrosim.images.network.kernels.linking`)."""
    values = data_pointers(context, builder, signature, arguments)
    function = builder.module.globals.get(SYMBOL + name)
    if function is None:
        kinds = [value.type for value in values]
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), kinds), SYMBOL + name)
    builder.call(function, values)
    return context.get_dummy_value()


tile, scatter, inner = _make_tile(emit_call), _make_scatter(emit_call), _make_inner(emit_call)
tile_body, scatter_body, inner_body = _make_tile(_emit_body), _make_scatter(_emit_body), _make_inner(_emit_body)
