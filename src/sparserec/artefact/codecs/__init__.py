"""The table of what a file is made of. A way to store values is a `ValuesCodec` and a line in `CODECS`.

Reader, writer, sizes, patches, inspection and the ONNX export go through this table and know of no kind by name.
docs/artefact-format.md has the bits, and `web/src/codecs.js` is the same table for browsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sparserec.artefact.codecs.base import GAPS, ITEM_GAPS, Budget, Decoded, Graph, Part, Side, ValuesCodec
from sparserec.artefact.codecs.encoder import SIDE as ENCODER_SIDE
from sparserec.artefact.codecs.encoder import Encoder, EncoderShape, EncoderTensors
from sparserec.artefact.codecs.ids import CODED_IDS, PLAIN_IDS, decode_ids, encode_ids, id_version
from sparserec.artefact.codecs.parts import AgeDecay, Factors, HistoryFactors, ItemStructure, Structure
from sparserec.artefact.codecs.plain import Float16, Int8
from sparserec.artefact.codecs.sequence import Entries, NumberSequence, RiceCoded
from sparserec.artefact.codecs.stepped import Coded, Positive
from sparserec.errors import SparserecError

CODECS: dict[str, ValuesCodec] = {codec.name: codec for codec in (Int8(), Float16(), Coded(), Positive())}
"""How values can be stored, by name."""

STRUCTURE, FACTORS, HISTORY_FACTORS, AGE_DECAY = Structure(), Factors(), HistoryFactors(), AgeDecay()
PARTS: tuple[Part, ...] = (STRUCTURE, ItemStructure(), FACTORS, HISTORY_FACTORS, AGE_DECAY, PLAIN_IDS, CODED_IDS)
"""What a side has beside its values."""

ENCODER = EncoderTensors()
"""What a file may have beside its sides."""

__all__ = [
    "AGE_DECAY",
    "CODECS",
    "ENCODER",
    "ENCODER_SIDE",
    "FACTORS",
    "GAPS",
    "HISTORY_FACTORS",
    "ITEM_GAPS",
    "PARTS",
    "STRUCTURE",
    "Budget",
    "Decoded",
    "Encoder",
    "EncoderShape",
    "Entries",
    "Graph",
    "NumberSequence",
    "Part",
    "RiceCoded",
    "Side",
    "ValuesCodec",
    "alternatives",
    "asked_codec",
    "codec_of",
    "decode_ids",
    "encode_ids",
    "id_version",
    "items_only",
    "named_codec",
    "raw_ids",
    "sequences",
    "tensor_types",
    "types_of",
    "value_types",
    "versions",
]


def value_types() -> list[str]:
    """Names of the ways to store values that can be asked for; `values` of a configuration is one of them."""
    return [name for name, codec in CODECS.items() if codec.by_name]


def named_codec(name: str) -> ValuesCodec:
    """The codec of a name. Raises SparserecError with the names that can be asked for."""
    if name not in CODECS:
        raise _unknown(name)
    return CODECS[name]


def asked_codec(name: str) -> ValuesCodec:
    """The codec of a name by which one can be asked for. Raises SparserecError with those names."""
    if name not in value_types():
        raise _unknown(name)
    return CODECS[name]


def codec_of(side: Side) -> ValuesCodec:
    """The codec whose tensors a side has: it is told by one of a name or type that no earlier codec of the table has.

    Later codecs are asked first, so a tensor of theirs tells even where there are those of an earlier one.

    Raises:
        SparserecError: when the side has no tensor of values.
    """
    listed = list(CODECS.values())
    for number, codec in reversed(list(enumerate(listed))):
        shared = {pair for earlier in listed[:number] for pair in earlier.tensors.items()}
        if any((kind, side.type_of(kind)) not in shared for kind in codec.tensors if codec.has(side, kind)):
            return codec
    raise SparserecError(f"tensor '{side.name}.values' is missing")


def items_only(kind: str) -> bool:
    """Whether a tensor, by its name after that of the side, is one that users can't have."""
    return any(part.items_only for part in _all() if kind in part.tensors)


def raw_ids(kind: str) -> bool:
    """Whether a tensor, by its name after that of the side, counts as raw ids."""
    return any(part.raw_ids for part in _all() if kind in part.tensors)


def types_of(side: str, kind: str, version: int) -> tuple[str, ...]:
    """The types that a tensor may have in a file of this version, by its side and its name after that; none is none."""
    if side == ENCODER_SIDE:
        return (ENCODER.tensors[kind],) if version >= ENCODER.version and kind in ENCODER.tensors else ()
    if side not in ("items", "users") or (side == "users" and items_only(kind)):
        return ()
    return tensor_types(version).get(kind, ())


def tensor_types(version: int) -> Mapping[str, tuple[str, ...]]:
    """The types that each tensor may have in a file of this version, by its name after that of the side."""
    types: dict[str, tuple[str, ...]] = {}
    for part in _all():
        if part.version <= version:
            for kind, dtype in part.tensors.items():
                types[kind] = tuple(dict.fromkeys((*types.get(kind, ()), dtype)))
    return types


def sequences() -> Mapping[str, NumberSequence]:
    """The sequences that are not just the entries of a tensor, by their names after that of the side."""
    return {name: sequence for part in _all() for name, sequence in part.sequences.items()}


def versions() -> list[int]:
    """The format versions that are read, ascending."""
    return sorted({ENCODER.version, *(part.version for part in _all())})


def alternatives(listed: Iterable[str]) -> str:
    """Names as a sentence has them: `a, b or c`."""
    *others, last = listed
    return f"{', '.join(others)} or {last}" if others else last


def _unknown(name: str) -> SparserecError:
    return SparserecError(f"values can be written as {alternatives(value_types())}, not {name!r}")


def _all() -> Iterator[Part]:
    yield from CODECS.values()
    yield from PARTS
