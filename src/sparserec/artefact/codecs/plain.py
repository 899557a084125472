"""Values of one number each: int8 with a scale for each column, or half precision. For sparse tables and dense ones."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sparserec.artefact.codecs.base import GAPS, Decoded, Side, ValuesCodec
from sparserec.artefact.csr import Table, column_count, flat_columns, flat_values
from sparserec.artefact.quantise import to_float16, to_int8
from sparserec.errors import SparserecError


class Plain(ValuesCodec):
    """Values in a tensor of their own shape, with scales just where they are int8."""

    dense = True

    def check(self, side: Side) -> None:
        """As for `ValuesCodec`."""
        values, scales = side.tensors.get("values"), side.tensors.get("scales")
        if values is None:
            raise SparserecError(f"tensor '{side.name}.values' is missing")
        if (scales is not None) != (values.dtype == np.int8):
            raise SparserecError(f"'{side.name}.scales' must be there with int8 values, and only with them")
        if scales is not None and (scales.shape != (side.dim,) or not np.isfinite(scales).all() or (scales < 0).any()):
            raise SparserecError(f"'{side.name}.scales' must be {side.dim} finite numbers, none below 0")
        if values.dtype == np.float16 and not np.isfinite(values).all():
            raise SparserecError(f"'{side.name}.values' holds values that are not finite numbers")

    def count(self, side: Side) -> int:
        """How many values a checked side has; here is checked that their shape is that of a sparse or a dense table."""
        values = side.tensors["values"]
        if not side.sparse and values.shape != (side.n, side.dim):
            raise SparserecError(
                f"'{side.name}.values' of a dense table must be of shape {(side.n, side.dim)}, not {values.shape}"
            )
        gaps = [side.tensors.get(kind) for kind in GAPS]
        if side.sparse and any(tensor is None or tensor.ndim != 1 for tensor in (values, *gaps)):
            raise SparserecError(
                f"'{side.name}': a sparse table needs values, 'gaps_low' and 'gaps_high', each in one dimension"
            )
        return values.size

    def decode(self, side: Side, nnz: int) -> Decoded:
        """As for `ValuesCodec`; codes and scales are those of the file."""
        return Decoded(side.tensors["values"], side.tensors.get("scales"))


class Int8(Plain):
    """A byte a value, and a scale for each column."""

    name = "int8"
    tensors: ClassVar = {"values": "I8", "scales": "F32"}
    value_bits = 8
    column_bytes = 4

    def encode(self, table: Table, setting: Any) -> dict[str, np.ndarray]:
        """As for `ValuesCodec`."""
        codes, scales = to_int8(flat_values(table), flat_columns(table), column_count(table))
        return {"values": codes.reshape(_shape(table)), "scales": scales}


class Float16(Plain):
    """Half precision."""

    name = "float16"
    tensors: ClassVar = {"values": "F16"}
    value_bits = 16

    def encode(self, table: Table, setting: Any) -> dict[str, np.ndarray]:
        """As for `ValuesCodec`."""
        return {"values": to_float16(flat_values(table)).reshape(_shape(table))}


def _shape(table: Table) -> tuple[int, ...]:
    """Shape of the stored values."""
    return table.shape if isinstance(table, np.ndarray) else (len(table.values),)
