"""What the loop is compiled from: its parts, and records at addresses in memory.

numba counts references to arrays wherever one is passed on, which costs more than all that is done with them here;
records it does not count. So arrays stay outside, and the loop has their addresses: ``pointer(dtype)(address, n)`` is
record n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types
from numba.extending import intrinsic

Part = TypeVar("Part", bound=Callable[..., Any])


def part(function: Part) -> Part:
    """Make a function a part of the loop."""
    compiled: Any = njit(error_model="numpy", forceinline=True)
    return cast(Part, compiled(function))


def record(*inner: tuple[str, Any], **fields: str) -> Any:
    """A dtype of the fields whose names are given by their type, ``record(f8="time", i4="item")``, then of ``inner``
    records, each a name and a dtype.
    """
    own = [(name, kind) for kind, names in fields.items() for name in names.split()]
    return np.dtype([*own, *inner], align=True)


def pointer(dtype: Any) -> Any:
    """A function of an address and a number: the record of that number in the array at that address."""
    kind = from_dtype(dtype)

    @intrinsic
    def at(_context: Any, address: Any, number: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            start, place = (
                context.cast(builder, value, given, types.int64)
                for value, given in zip(arguments, signature.args, strict=True)
            )
            offset = builder.mul(place, ir.Constant(ir.IntType(64), dtype.itemsize))
            return builder.inttoptr(builder.add(start, offset), context.get_value_type(kind))

        return kind(address, number), generated

    return at


def _prefetch(_context: Any, one: Any) -> Any:

    def generated(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        address = builder.bitcast(arguments[0], ir.IntType(8).as_pointer())
        small = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, small, small, small])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(function, [address, small(0), small(3), small(1)])

    return types.void(one), generated


#: Asks the processor for a record that is soon needed, so that it need not be waited for then.
prefetch: Any = intrinsic(_prefetch)


#: Single numbers.
WHOLE, SMALL, REAL = record(i8="value"), record(i4="value"), record(f8="value")
whole, small, real = pointer(WHOLE), pointer(SMALL), pointer(REAL)
