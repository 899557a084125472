"""The encoder of a file: a small transformer that makes a vector of an ordered history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sparserec.artefact.quantise import check_finite, to_float16
from sparserec.artefact.schema import DTYPES
from sparserec.errors import SparserecError

SIDE = "encoder"
"""What names of its tensors begin with."""
MOST_LENGTH = 1024
"""Newest items of a history that an encoder may look at: what is needed for attention stays small."""
MOST_BLOCKS = 16
ROWS_OF_BLOCK = 5
"""Rows of the matrices of a block, in columns of the item table: queries, keys, values, and a network of two layers."""
VECTORS_OF_BLOCK = 6
"""A gain and a shift before attention, the same before the network, and the shifts of its two layers."""
LARGEST_CODE = 127


@dataclass(frozen=True)
class Encoder:
    """A transformer: blocks of causal attention with one head and a network of two layers.

    Attributes:
        matrices: (length + 5 * blocks * dim, dim) float64, one below the other: positions, the newest last; then of
            each block the weights of queries, keys and values, of the first layer and of the second, (dim, dim) each,
            a row for each output.
        vectors: (6 * blocks + 2, dim) float64: of each block gain and shift of the norm before attention, gain and
            shift of the norm before the network, shifts of its first and its second layer; then gain and shift of the
            last norm.
    """

    matrices: np.ndarray
    vectors: np.ndarray

    @property
    def dim(self) -> int:
        """Columns, those of the item table."""
        return self.matrices.shape[1]

    @property
    def blocks(self) -> int:
        """At least one."""
        return (len(self.vectors) - 2) // VECTORS_OF_BLOCK

    @property
    def length(self) -> int:
        """Newest items of a history that are looked at."""
        return len(self.matrices) - ROWS_OF_BLOCK * self.blocks * self.dim

    @property
    def positions(self) -> np.ndarray:
        """(length, dim), that of the newest item last."""
        return self.matrices[: self.length]

    def block(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The matrices (5, dim, dim) and the vectors (6, dim) of a block, from 0 on."""
        first = self.length + ROWS_OF_BLOCK * self.dim * number
        matrices = self.matrices[first : first + ROWS_OF_BLOCK * self.dim]
        vectors = self.vectors[VECTORS_OF_BLOCK * number : VECTORS_OF_BLOCK * (number + 1)]
        return matrices.reshape(ROWS_OF_BLOCK, self.dim, self.dim), vectors


@dataclass(frozen=True)
class EncoderShape:
    """How large an encoder is, before there is one.

    Attributes:
        length: newest items of a history that it looks at, 1 to `MOST_LENGTH`.
        blocks: 1 to `MOST_BLOCKS`.
    """

    length: int
    blocks: int

    def outlines(self, dim: int) -> dict[str, np.ndarray]:
        """Arrays of the types and shapes of the tensors in a file of so many columns, without content or memory."""
        rows = self.length + ROWS_OF_BLOCK * self.blocks * dim
        shapes = ((rows, dim), (rows,), (VECTORS_OF_BLOCK * self.blocks + 2, dim))
        kinds = EncoderTensors.tensors.items()
        return {kind: np.broadcast_to(np.zeros((), DTYPES[of]), s) for (kind, of), s in zip(kinds, shapes, strict=True)}

    def bytes_of(self, dim: int) -> int:
        """Bytes of the tensors."""
        return sum(outline.nbytes for outline in self.outlines(dim).values())


class EncoderTensors:
    """The tensors of an encoder: the matrices in a byte a number with a scale a row, the vectors in half precision.

    Attributes:
        tensors: their names after "encoder.", and the type of each in the container.
        version: the format version that knows them first.
    """

    tensors: ClassVar[Mapping[str, str]] = {"matrices": "I8", "scales": "F32", "vectors": "F16"}
    version = 3

    def encode(self, matrices: np.ndarray, vectors: np.ndarray, dim: int) -> dict[str, np.ndarray]:
        """The tensors by kind, of matrices and vectors as of `Encoder`, float32.

        Raises:
            SparserecError: when their sizes are not those of an encoder for so many columns, or a number is not finite.
        """
        _check_sizes(matrices.shape, vectors.shape, dim)
        check_finite(matrices)
        scales = (np.abs(matrices).max(axis=1) / np.float32(LARGEST_CODE)).astype(np.float32)
        codes = np.divide(matrices, scales[:, None], out=np.zeros_like(matrices), where=scales[:, None] > 0)
        codes = np.clip(np.rint(codes), -LARGEST_CODE, LARGEST_CODE).astype(np.int8)
        return {"matrices": codes, "scales": scales, "vectors": to_float16(vectors)}

    def decode(self, tensors: Mapping[str, np.ndarray], dim: int) -> Encoder | None:
        """The encoder of a file with these tensors by kind, None where there are none.

        Raises:
            SparserecError: when some are missing, or they are not those of an encoder for so many columns.
        """
        if not tensors:
            return None
        if not all(kind in tensors for kind in self.tensors):
            raise SparserecError(f"'{SIDE}': {', '.join(map(repr, self.tensors))} belong together")
        codes, scales, vectors = (tensors[kind] for kind in self.tensors)
        _check_sizes(codes.shape, vectors.shape, dim)
        if scales.shape != (len(codes),) or not (np.isfinite(scales) & (scales >= 0)).all():
            raise SparserecError(f"'{SIDE}.scales' must be {len(codes)} finite numbers that are not negative")
        if not np.isfinite(vectors).all():
            raise SparserecError(f"'{SIDE}.vectors' must be finite numbers")
        matrices = codes.astype(np.float64)
        matrices *= scales[:, None]
        return Encoder(matrices, vectors.astype(np.float64))


def _check_sizes(matrices: tuple[int, ...], vectors: tuple[int, ...], dim: int) -> None:
    """Raises SparserecError when these are not the shapes of an encoder's matrices and vectors."""
    if len(matrices) != 2 or len(vectors) != 2 or matrices[1] != dim or vectors[1] != dim:
        raise SparserecError(f"'{SIDE}': matrices and vectors must have two dimensions, and {dim} columns")
    blocks, rest = divmod(vectors[0] - 2, VECTORS_OF_BLOCK)
    if rest or not 1 <= blocks <= MOST_BLOCKS:
        raise SparserecError(
            f"'{SIDE}.vectors' has {vectors[0]} rows; there must be {VECTORS_OF_BLOCK} for each of 1 to {MOST_BLOCKS} "
            "blocks, and 2 more"
        )
    length = matrices[0] - ROWS_OF_BLOCK * blocks * dim
    if not 1 <= length <= MOST_LENGTH:
        raise SparserecError(
            f"'{SIDE}.matrices' has {matrices[0]} rows; with {blocks} blocks of {ROWS_OF_BLOCK * dim} rows there must "
            f"be from 1 to {MOST_LENGTH} more"
        )
