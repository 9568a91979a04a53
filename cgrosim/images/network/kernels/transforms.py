"""Winograd's transforms of tiles of an image, written as LLVM vector instructions.

A convolution of ``side + size - 1`` numbers to `side` sums is a product of polynomials, and that is known from its
values at as many points: six multiplications where the definition has ``side size`` (Winograd 1980; Lavin and Gray
2016, arXiv 1509.09308). In two dimensions 36 products replace 144 (3x3 kernel, tiles of 4x4 outputs) or 100 (5x5,
2x2). Six points: 0, +-sqrt(1/2), +-sqrt(2) and infinity; their squares are exact, and rounding does a third of the
harm that it does at 0, +-1, +-2.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from cgrosim.images.network.kernels.microkernels import add_products, emit_call
from cgrosim.images.network.kernels.pooling import SHUT
from cgrosim.images.network.kernels.shapes import BLOCK, ROWS_16, tile_shapes
from cgrosim.kernels.microkernels import Vectors, counted_loop, data_pointers, integer_constant, switch_over

POINTS = 6  # numbers of a tile's input along one direction
PRODUCTS = POINTS * POINTS
SIDES = {3: 4, 5: 2}  # outputs of a tile along one direction, by the size of the kernel
RECTIFIED, POOLED = 1, 2  # what follows the sums
_NEAR, _FAR = math.sqrt(0.5), math.sqrt(2.0)


def kernel_matrix(size: int) -> NDArray[np.float64]:
    """Row p: values of the kernel's polynomial at point p, over the product of that point's distances to the others."""
    points = [0.0, _NEAR, -_NEAR, _FAR, -_FAR]
    distances = [math.prod(point - other for other in points if other != point) for point in points]
    rows = [[point**j / distance for j in range(size)] for point, distance in zip(points, distances, strict=True)]
    return np.array([*rows, [0.0] * (size - 1) + [1.0]])


def _transform_line(vectors: Vectors, inputs: list[Any]) -> list[Any]:
    """Six numbers to the coefficients that belong to the six points."""
    builder, constant, add = vectors.builder, vectors.constant, vectors.multiply_add
    first = add(constant(-2.5), inputs[2], builder.fadd(inputs[0], inputs[4]))
    last = add(constant(-2.5), inputs[3], builder.fadd(inputs[1], inputs[5]))
    found = [first]
    for point, square in ((_NEAR, 2.0), (_FAR, 0.5)):  # of the other pair of points
        even = add(constant(-square), inputs[2], inputs[4])
        odd = add(constant(-square), inputs[1], inputs[3])
        found += [add(constant(point), odd, even), add(constant(-point), odd, even)]
    return [*found, last]


def _combine_line(vectors: Vectors, values: list[Any], side: int) -> list[Any]:
    """From six products to the sums: the transposed of an evaluation at the points."""
    builder, constant, add = vectors.builder, vectors.constant, vectors.multiply_add
    zero, near, near_minus, far, far_minus, infinity = values
    even = builder.fadd(near, near_minus), builder.fadd(far, far_minus)
    odd = builder.fsub(near, near_minus), builder.fsub(far, far_minus)
    found = [builder.fadd(builder.fadd(zero, even[0]), even[1])]
    for power in range(1, side):
        low, high = odd if power % 2 else even
        scale = constant(_NEAR**power)
        total = add(scale, low, infinity) if power == side - 1 else builder.fmul(scale, low)
        found.append(add(constant(_FAR**power), high, total))
    return found


def _emit_transform(builder: Any, arguments: list[Any]) -> None:
    source, at, row, out, out_at, step = arguments
    source, out = builder.gep(source, [at]), builder.gep(out, [out_at])
    vectors = Vectors(builder, single=True)
    rows = [builder.gep(source, [builder.mul(row, integer_constant(y))]) for y in range(POINTS)]
    for part in range(vectors.parts):
        shift = part * vectors.lanes
        columns = [
            _transform_line(vectors, [vectors.load(rows[y], x * BLOCK + shift) for y in range(POINTS)])
            for x in range(POINTS)
        ]
        for y in range(POINTS):
            for x, value in enumerate(_transform_line(vectors, [column[y] for column in columns])):
                place = builder.mul(step, integer_constant(y * POINTS + x))
                vectors.store(value, builder.gep(out, [place]), shift)


def _emit_combine(builder: Any, side: int, pooled: bool, rectified: bool, arguments: list[Any]) -> None:
    source, step, bias, out, row, choices, choice_row = arguments
    vectors = Vectors(builder, single=True)
    for part in range(vectors.parts):
        shift = part * vectors.lanes
        columns = []
        for x in range(POINTS):
            places = [builder.mul(step, integer_constant(y * POINTS + x)) for y in range(POINTS)]
            values = [vectors.load(builder.gep(source, [place]), shift) for place in places]
            columns.append(_combine_line(vectors, values, side))
        start = vectors.load(bias, shift)
        lines = [_combine_line(vectors, [column[y] for column in columns], side) for y in range(side)]
        lines = [[builder.fadd(value, start) for value in line] for line in lines]
        for y in range(0, side, 2 if pooled else 1):
            target = builder.gep(out, [builder.mul(row, integer_constant(y // 2 if pooled else y))])
            if not pooled:
                for x, value in enumerate(lines[y]):
                    value = vectors.maximum(value, vectors.zero) if rectified else value
                    vectors.store(value, target, x * BLOCK + shift)
                continue
            chosen = builder.gep(choices, [builder.mul(choice_row, integer_constant(y // 2))])
            for x in range(0, side, 2):
                cell = lines[y][x], lines[y][x + 1], lines[y + 1][x], lines[y + 1][x + 1]
                most, place = _largest(vectors, cell, rectified)
                vectors.store(most, target, x // 2 * BLOCK + shift)
                there = builder.gep(chosen, [integer_constant(x // 2 * BLOCK + shift)])
                builder.store(place, builder.bitcast(there, place.type.as_pointer()), align=1)


def _largest(vectors: Vectors, cell: tuple[Any, ...], rectified: bool) -> tuple[Any, Any]:
    """The maximum of four numbers and its place, in the rules of `pooling.pool_pair` for shut cells and NaN."""
    builder = vectors.builder
    kind = ir.VectorType(ir.IntType(8), vectors.lanes)
    most, place = cell[0], ir.Constant(kind, [0] * vectors.lanes)
    for index, value in enumerate(cell[1:], start=1):
        larger = builder.fcmp_ordered(">", value, most)
        most = builder.select(larger, value, most)
        place = builder.select(larger, ir.Constant(kind, [index] * vectors.lanes), place)
    if rectified:
        shut = builder.fcmp_ordered("<=", most, vectors.zero)
        most = builder.select(shut, vectors.zero, most)
        place = builder.select(shut, ir.Constant(kind, [SHUT] * vectors.lanes), place)
    total = builder.fadd(builder.fadd(cell[0], cell[1]), builder.fadd(cell[2], cell[3]))
    finite = builder.fcmp_ordered("==", builder.fsub(total, total), vectors.zero)
    spoilt = builder.fadd(builder.fmul(total, vectors.zero), most)
    return builder.select(finite, most, spoilt), place


def _emit_combines(builder: Any, arguments: list[Any]) -> None:
    side, kind, source, at, step, bias, bias_at, out, out_at, row, choices, choice_at, choice_row = arguments
    shared = [builder.gep(source, [at]), step, builder.gep(bias, [bias_at]), builder.gep(out, [out_at]), row]
    shared += [builder.gep(choices, [choice_at]), choice_row]
    cases = {
        width * BLOCK + pooled * POOLED + rectified: functools.partial(
            _emit_combine, builder, width, pooled, rectified, shared
        )
        for width in SIDES.values()
        for pooled in (False, True)
        for rectified in (False, True)
    }
    switch_over(builder, builder.add(builder.mul(side, integer_constant(BLOCK)), kind), cases)


def _emit_product(builder: Any, rows: int, columns: int, arguments: list[Any]) -> None:
    left, left_step, left_plane, right, right_step, right_column, planes, out, out_step, out_column = arguments
    vectors = Vectors(builder, single=True)
    places = [(r, c, p) for r in range(rows) for c in range(columns) for p in range(vectors.parts)]

    def coefficient(index: Any, _: list[Any]) -> list[Any]:
        left_here = builder.gep(left, [builder.mul(index, left_step)])
        right_here = builder.gep(right, [builder.mul(index, right_step)])

        def plane_step(plane: Any, sums: list[Any]) -> list[Any]:
            left_there = builder.gep(left_here, [builder.mul(plane, left_plane)])
            right_there = builder.gep(right_here, [builder.mul(plane, integer_constant(BLOCK * BLOCK))])

            def step(channel: Any, carried: list[Any]) -> list[Any]:
                scalars = builder.gep(left_there, [channel])
                blocks = builder.gep(right_there, [builder.mul(channel, integer_constant(BLOCK))])
                singles = [builder.gep(scalars, [integer_constant(r * BLOCK)]) for r in range(rows)]
                sources = [
                    builder.gep(blocks, [builder.mul(right_column, integer_constant(c))]) for c in range(columns)
                ]
                return add_products(vectors, singles, sources, carried)

            return counted_loop(builder, integer_constant(BLOCK), sums, step)

        totals = counted_loop(builder, planes, [vectors.zero] * len(places), plane_step)
        target = builder.gep(out, [builder.mul(index, out_step)])
        targets = [builder.gep(target, [builder.mul(out_column, integer_constant(c))]) for c in range(columns)]
        for (r, c, p), total in zip(places, totals, strict=True):
            vectors.store(total, targets[c], r * BLOCK + p * vectors.lanes)
        return []

    counted_loop(builder, integer_constant(PRODUCTS), [], coefficient)


def _emit_products(builder: Any, arguments: list[Any]) -> None:
    rows, columns, left, left_at, left_step, left_plane, right, right_at, *rest = arguments
    right_step, right_column, planes, out, out_at, out_step, out_column = rest
    shared = [builder.gep(left, [left_at]), left_step, left_plane, builder.gep(right, [right_at]), right_step]
    shared += [right_column, planes, builder.gep(out, [out_at]), out_step, out_column]
    cases = {
        height * BLOCK + width: functools.partial(_emit_product, builder, height, width, shared)
        for width, heights in tile_shapes(ROWS_16).items()
        for height in heights
    }
    switch_over(builder, builder.add(builder.mul(rows, integer_constant(BLOCK)), columns), cases)


_EMIT = {"transform": _emit_transform, "combine": _emit_combines, "product": _emit_products}


def _emit_body(name: str, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    _EMIT[name](builder, data_pointers(context, builder, signature, arguments))
    return context.get_dummy_value()


def _make_transform(emit: Any) -> Any:
    @intrinsic
    def transform(typing_context, source, at, row, out, out_at, step):  # type: ignore[no-untyped-def]
        """The 36 coefficients of a tile of 6x6 pixels, 16 channels side by side.

        source : pixel (y, x) at ``at + y row + 16 x``
        out : coefficient i at ``out_at + i step``
        """
        integer = types.int64
        signature = types.void(source, integer, integer, out, integer, integer)
        return signature, functools.partial(emit, "transform")

    return transform


def _make_combine(emit: Any) -> Any:
    @intrinsic
    def combine(  # type: ignore[no-untyped-def]
        typing_context, side, kind, source, at, step, bias, bias_at, out, out_at, row, choices, choice_at, choice_row
    ):
        """A tile of ``side`` by ``side`` outputs from its 36 products, a bias added to each; or the tile's maxima.

        source : product i at ``at + i step``
        bias : a block at `bias_at`
        out : pixel (or cell) (y, x) at ``out_at + y row + 16 x``
        kind : the sum of RECTIFIED (a ReLU follows, which keeps NaN) and POOLED (2x2 maxima follow), or of none
        choices : of cell (y, x) at ``choice_at + y choice_row + 16 x``, if pooled
        """
        integer = types.int64
        places = (source, integer, integer, bias, integer, out, integer, integer, choices, integer, integer)
        return types.void(integer, integer, *places), functools.partial(emit, "combine")

    return combine


def _make_product(emit: Any) -> Any:
    @intrinsic
    def product(  # type: ignore[no-untyped-def]
        typing_context, rows, columns, left, left_at, left_step, left_plane, right, right_at, right_step, right_column,
        planes, out, out_at, out_step, out_column,
    ):  # fmt: skip
        """``out[i, r, c] = sum_p sum_k left[i, p, r, k] right[i, c, p, k]`` for the 36 coefficients i, 16 channels k.

        rows, columns : size of the tile, one of ``tile_shapes(ROWS_16)``; the generic `tile` does the same sums, but
            spends nearly half of its time on places that are known here
        left : scalar at ``left_at + i left_step + p left_plane + 16 r + k``
        right : block of 16 at ``right_at + i right_step + c right_column + 256 p + 16 k``
        out : block at ``out_at + i out_step + c out_column + 16 r``
        """
        integer = types.int64
        factors = (left, *[integer] * 3, right, *[integer] * 3)
        signature = types.void(integer, integer, *factors, integer, out, integer, integer, integer)
        return signature, functools.partial(emit, "product")

    return product


transform, combine, product = _make_transform(emit_call), _make_combine(emit_call), _make_product(emit_call)
transform_body, combine_body = _make_transform(_emit_body), _make_combine(_emit_body)
product_body = _make_product(_emit_body)
