"""Register-blocked float64 micro-kernels, written as LLVM vector instructions.

Numba compiles scalar loops; whether they end up in vector registers is the optimiser's choice, and for a matrix
product it never keeps a whole tile of accumulators there. The kernels below therefore emit the vector instructions
themselves, through `numba.extending.intrinsic`. There are three: a tile of a matrix product, the activation summed
over neurons, and the derivative of the activation times a coefficient. All work on *blocked* arrays of shape
(blocks, neurons, 8): element (row k, neuron r) is stored at ``[k // 8, r, k % 8]``, so that eight rows of one neuron
are one vector and every offset inside a tile is a constant.

Three instruction sets: 8 lanes (AVX-512), 4 lanes (AVX2 with FMA), 2 lanes for every other processor (plain multiply
and add, except on AArch64, whose vector unit always fuses them). The environment variable ``CGROSIM_LANES`` (8, 4 or
2), read at first use, overrides the choice; 8 and 4 lanes give the same bits, 2 lanes differ from them by rounding.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Callable, Mapping
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cgrosim.errors import UserError

BLOCK = 8
LANES_VARIABLE = "CGROSIM_LANES"

_double = ir.DoubleType()
_index = ir.IntType(64)
# Accumulators that fit the registers (32 of 8 lanes, else 16): neurons and blocks of columns in a tile, by lanes. Every
# height costs compile time, so there are few: 9 neurons run as a tile of 10, at most a fifth more work.
_HEIGHTS = (1, 2, 3, 4, 5, 6, 8, 10, 12)
_TALLEST = {8: 12, 4: 6, 2: 3}
_TILE_COLUMNS = {8: 2, 4: 1, 2: 1}


@functools.cache
def lanes() -> int:
    """Doubles in a vector register: 8, 4 or 2.

    Raises
    ------
    UserError
        If ``CGROSIM_LANES`` is set to something this processor cannot run.
    """
    features = llvm.get_host_cpu_features()
    widest = 8 if features.get("avx512f") else 4 if features.get("avx2") and features.get("fma") else 2
    wanted = os.environ.get(LANES_VARIABLE, "")
    if not wanted:
        return widest
    allowed = [str(count) for count in (8, 4, 2) if count <= widest]
    if wanted not in allowed:
        raise UserError(f"{LANES_VARIABLE} is {wanted!r}; on this processor it can be {' or '.join(allowed)}")
    return int(wanted)


def fuses() -> bool:
    """Whether the product tiles use fused multiply-add (one rounding) rather than multiply, then add (two)."""
    return lanes() > 2 or platform.machine().lower() in ("aarch64", "arm64")


def tile_heights() -> tuple[int, ...]:
    """Numbers of neurons a product tile can have."""
    return tuple(height for height in _HEIGHTS if height <= _TALLEST[lanes()])


def tile_columns() -> int:
    """Number of 8-column blocks in a product tile."""
    return _TILE_COLUMNS[lanes()]


def integer_constant(value: int) -> ir.Constant:
    return ir.Constant(_index, value)


def broadcast(builder: Any, scalar: Any, count: int) -> Any:
    """A vector of `count` times the same number."""
    word, undefined = ir.IntType(32), ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    single = builder.insert_element(undefined, scalar, ir.Constant(word, 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(word, count), [0] * count))


class Vectors:
    """Vector instructions at the current position of a builder: float64, or float32 with twice the lanes."""

    def __init__(self, builder: Any, single: bool = False) -> None:
        self.builder = builder
        self.lanes = 2 * lanes() if single else lanes()
        self.parts = (2 * BLOCK if single else BLOCK) // self.lanes  # vectors in a block
        self.type = ir.VectorType(ir.FloatType() if single else _double, self.lanes)
        self.suffix, self.alignment = ("f32", 4) if single else ("f64", 8)
        self.fused = fuses()

    @property
    def zero(self) -> ir.Constant:
        return self.constant(0.0)

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.type, [value] * self.lanes)

    def broadcast(self, scalar: Any) -> Any:
        return broadcast(self.builder, scalar, self.lanes)

    def _address(self, pointer: Any, offset: int) -> Any:
        return self.builder.bitcast(self.builder.gep(pointer, [integer_constant(offset)]), self.type.as_pointer())

    def load(self, pointer: Any, offset: int = 0) -> Any:
        return self.builder.load(self._address(pointer, offset), align=self.alignment)

    def store(self, value: Any, pointer: Any, offset: int = 0) -> None:
        self.builder.store(value, self._address(pointer, offset), align=self.alignment)

    def call(self, name: str, *arguments: Any) -> Any:
        full_name = f"llvm.{name}.v{self.lanes}{self.suffix}"
        function = self.builder.module.globals.get(full_name)
        if function is None:
            function = ir.Function(
                self.builder.module, ir.FunctionType(self.type, [self.type] * len(arguments)), full_name
            )
        return self.builder.call(function, arguments)

    def shuffle(self, value: Any, chosen: list[int]) -> Any:
        """A shorter vector of the chosen lanes."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen)
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def multiply_add(self, first: Any, second: Any, total: Any) -> Any:
        if self.fused:
            return self.call("fma", first, second, total)
        return self.builder.fadd(self.builder.fmul(first, second), total)

    def maximum(self, value: Any, bound: Any) -> Any:
        """max(value, bound) that keeps a NaN value, so that a diverged state stays visible."""
        return self.builder.select(self.builder.fcmp_ordered("<=", value, bound), bound, value)

    def minimum(self, value: Any, bound: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">=", value, bound), bound, value)


def counted_loop(
    builder: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """Emit ``for i in range(count): carried = body(i, carried)`` and return the final values; count may be 0."""
    before = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("loop.head", "loop.body", "loop.end"))
    builder.branch(head)
    builder.position_at_end(head)
    counter = builder.phi(_index)
    counter.add_incoming(integer_constant(0), before)
    values = [builder.phi(value.type) for value in carried]
    for phi, value in zip(values, carried, strict=True):
        phi.add_incoming(value, before)
    builder.cbranch(builder.icmp_signed("<", counter, count), inside, after)
    builder.position_at_end(inside)
    updated = body(counter, values)
    counter.add_incoming(builder.add(counter, integer_constant(1)), builder.block)
    for phi, value in zip(values, updated, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return values


def data_pointers(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Arguments with every array replaced by the pointer to its first element."""
    return [
        context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def switch_over(builder: Any, selector: Any, cases: Mapping[int, Callable[[], None]]) -> None:
    """Emit one case per key; a selector that is no key does nothing."""
    done = builder.append_basic_block("switch.done")
    blocks = {key: builder.append_basic_block(f"case.{key}") for key in cases}
    switch = builder.switch(selector, done)
    for key, block in blocks.items():
        switch.add_case(integer_constant(key), block)
        builder.position_at_end(block)
        cases[key]()
        builder.branch(done)
    builder.position_at_end(done)


def _emit_tile(builder: Any, rows: int, columns: int, arguments: list[Any]) -> None:
    """One tile: rows x columns*8 accumulators over all steps, kept in registers."""
    left, left_stride, steps, panels, panel_stride, out, out_stride, accumulate = arguments
    vectors = Vectors(builder)
    parts = vectors.parts
    panel_columns = [
        builder.gep(panels, [builder.mul(panel_stride, integer_constant(column))]) for column in range(columns)
    ]
    out_columns = [builder.gep(out, [builder.mul(out_stride, integer_constant(column))]) for column in range(columns)]
    places = [(row, column, part) for row in range(rows) for column in range(columns) for part in range(parts)]
    entry = builder.block
    with builder.if_then(builder.icmp_signed("!=", accumulate, integer_constant(0))):
        old = [vectors.load(out_columns[c], r * BLOCK + p * vectors.lanes) for r, c, p in places]
        loaded = builder.block
    start = []
    for value in old:
        phi = builder.phi(vectors.type)
        phi.add_incoming(vectors.constant(0.0), entry)
        phi.add_incoming(value, loaded)
        start.append(phi)

    def step(block: Any, totals: list[Any]) -> list[Any]:
        totals = list(totals)
        here = builder.gep(left, [builder.mul(block, left_stride)])
        first = builder.mul(block, integer_constant(BLOCK * BLOCK))
        sources = [builder.gep(pointer, [first]) for pointer in panel_columns]
        for k in range(BLOCK):
            right = {
                (c, p): vectors.load(sources[c], k * BLOCK + p * vectors.lanes)
                for c in range(columns)
                for p in range(parts)
            }
            for row in range(rows):
                scalar = vectors.broadcast(builder.load(builder.gep(here, [integer_constant(row * BLOCK + k)])))
                for place, (r, c, p) in enumerate(places):
                    if r == row:
                        totals[place] = vectors.multiply_add(scalar, right[c, p], totals[place])
        return totals

    totals = counted_loop(builder, steps, start, step)
    for (r, c, p), total in zip(places, totals, strict=True):
        vectors.store(total, out_columns[c], r * BLOCK + p * vectors.lanes)


@intrinsic
def product_tile(  # type: ignore[no-untyped-def]
    typing_context,
    height,
    left,
    left_offset,
    left_stride,
    steps,
    panels,
    panel_offset,
    panel_stride,
    out,
    out_offset,
    out_stride,
    accumulate,
):
    """``out[r, j] (+)= sum_k left[r, k] * panels[k, j]`` for `height` neurons and `tile_columns()` blocks of columns.

    left : blocked; element (r, k) at ``left_offset + (k // 8) * left_stride + 8 r + k % 8``.
    steps : number of blocks of 8 values of k.
    panels : element (k, j) at ``panel_offset + (j // 8) * panel_stride + 8 k + j % 8``.
    out : blocked; element (r, j) at ``out_offset + (j // 8) * out_stride + 8 r + j % 8``; added to if `accumulate` is
        nonzero, else overwritten.

    The sum over k runs in order in every tile shape, so the bits do not depend on how the work is tiled or shared out.
    """
    integer = types.int64
    signature = types.void(
        integer, left, integer, integer, integer, panels, integer, integer, out, integer, integer, integer
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        height, left, left_offset, left_stride, steps, panels, panel_offset, panel_stride, *rest = data_pointers(
            context, builder, signature, arguments
        )
        out, out_offset, out_stride, accumulate = rest
        left, panels, out = (
            builder.gep(array, [offset])
            for array, offset in ((left, left_offset), (panels, panel_offset), (out, out_offset))
        )
        shared = [left, left_stride, steps, panels, panel_stride, out, out_stride, accumulate]
        cases = {rows: functools.partial(_emit_tile, builder, rows, tile_columns(), shared) for rows in tile_heights()}
        switch_over(builder, height, cases)
        return context.get_dummy_value()

    return signature, generate


def _emit_power(vectors: Vectors, base: Any, exponent: int, real_exponent: Any) -> Any:
    """base**exponent for base >= 0 by multiplication; exponent 0 stands for the real exponent, by pow."""
    if exponent == 0:
        return vectors.call("pow", base, real_exponent)
    result = base
    for _ in range(exponent - 1):
        result = vectors.builder.fmul(result, base)
    return result


@intrinsic
def activation_sums(  # type: ignore[no-untyped-def]
    typing_context, case, shape, projections, offset, second_layer, neurons, out, out_offset
):
    """``out[k] = sum_r a_r phi(c[k, r])`` for the 8 rows of one block; the sum over r runs in order.

    case : the exponent if it is 1, 2, 3, 4 or 5; 0 for any other.
    shape : array (lower, upper, exponent, scale, slope) of `cgrosim.kernels.activation.activation_shape`.
    """
    integer = types.int64
    signature = types.void(integer, shape, projections, integer, second_layer, integer, out, integer)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        case, shape, values, offset, weights, neurons, out, out_offset = data_pointers(
            context, builder, signature, arguments
        )
        vectors = Vectors(builder)
        lower, upper, real_exponent, scale = (
            vectors.broadcast(builder.load(builder.gep(shape, [integer_constant(i)]))) for i in range(4)
        )
        values, out = builder.gep(values, [offset]), builder.gep(out, [out_offset])

        def emit(exponent: int) -> None:
            def body(neuron: Any, totals: list[Any]) -> list[Any]:
                weight = vectors.broadcast(builder.load(builder.gep(weights, [neuron])))
                row = builder.gep(values, [builder.mul(neuron, integer_constant(BLOCK))])
                updated = []
                for part, total in enumerate(totals):
                    above = vectors.maximum(vectors.load(row, part * vectors.lanes), lower)
                    inside = vectors.minimum(above, upper)
                    powered = _emit_power(vectors, vectors.call("fabs", inside), exponent, real_exponent)
                    powered = builder.fmul(scale, vectors.call("copysign", powered, inside))
                    value = builder.fadd(powered, builder.fsub(above, inside))
                    updated.append(builder.fadd(total, builder.fmul(weight, value)))
                return updated

            totals = counted_loop(builder, neurons, [vectors.constant(0.0)] * vectors.parts, body)
            for part, total in enumerate(totals):
                vectors.store(total, out, part * vectors.lanes)

        switch_over(builder, case, {exponent: functools.partial(emit, exponent) for exponent in range(6)})
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def derivative_products(  # type: ignore[no-untyped-def]
    typing_context, case, shape, projections, offset, second_layer, neurons, coefficients, coefficient_offset, out
):
    """``out[k, r] = coefficient[k] a_r phi'(c[k, r])`` for the 8 rows of one block; arguments as `activation_sums`."""
    integer = types.int64
    signature = types.void(integer, shape, projections, integer, second_layer, integer, coefficients, integer, out)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        case, shape, values, offset, weights, neurons, factors, factor_offset, out = data_pointers(
            context, builder, signature, arguments
        )
        vectors = Vectors(builder)
        lower, upper, real_exponent, _, slope = (
            vectors.broadcast(builder.load(builder.gep(shape, [integer_constant(i)]))) for i in range(5)
        )
        lowered = builder.fsub(real_exponent, vectors.constant(1.0))
        values, out = builder.gep(values, [offset]), builder.gep(out, [offset])
        factors = builder.gep(factors, [factor_offset])

        def emit(exponent: int) -> None:
            loaded = [builder.fmul(slope, vectors.load(factors, part * vectors.lanes)) for part in range(vectors.parts)]

            def body(neuron: Any, _: list[Any]) -> list[Any]:
                weight = vectors.broadcast(builder.load(builder.gep(weights, [neuron])))
                place = builder.mul(neuron, integer_constant(BLOCK))
                source, target = builder.gep(values, [place]), builder.gep(out, [place])
                for part, factor in enumerate(loaded):
                    value = vectors.load(source, part * vectors.lanes)
                    inside = vectors.minimum(vectors.maximum(value, lower), upper)
                    magnitude = vectors.call("fabs", inside)
                    if exponent == 1:  # the step of ReLU; nothing to mask for the linear activation (lower = -inf)
                        one, zero = vectors.constant(1.0), vectors.constant(0.0)
                        powered = builder.select(builder.fcmp_unordered(">", value, lower), one, zero)
                    else:
                        powered = _emit_power(vectors, magnitude, max(exponent - 1, 0), lowered)
                    vectors.store(builder.fmul(builder.fmul(factor, weight), powered), target, part * vectors.lanes)
                return []

            counted_loop(builder, neurons, [], body)

        switch_over(builder, case, {exponent: functools.partial(emit, exponent) for exponent in range(6)})
        return context.get_dummy_value()

    return signature, generate
