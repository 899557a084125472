"""Raw ids of the rows: as they are, coded, or not there at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sparserec.artefact import idcode, rice
from sparserec.artefact.codecs.base import Part, Side
from sparserec.artefact.codecs.sequence import Entries, NumberSequence, Shapes, joined, most_bits, rice_code
from sparserec.artefact.idlists import MOST_NUMBER, RESTART, RowNumbers, SharedTexts
from sparserec.errors import SparserecError
from sparserec.vocabulary import Ids, Vocabulary


class PlainIds(Part):
    """The texts as they are, in any order."""

    name = "ids"
    tensors: ClassVar = {"ids": "U8", "id_offsets": "U32"}
    raw_ids = True
    sequences: ClassVar = {"id_offsets": Entries("id_offsets", running=True)}

    def encode(self, side: str, ids: Vocabulary) -> dict[str, np.ndarray]:
        """The tensors of a side, by kind."""
        if len(ids.blob) >= 2**32:
            raise SparserecError(f"the raw ids of {side} take {len(ids.blob):,} bytes; at most 4 GiB fit a file")
        return {"ids": ids.blob, "id_offsets": ids.offsets.astype(np.uint32)}

    def decode(self, side: Side) -> Vocabulary:
        """The ids of a side; those of the file, not a copy."""
        blob, offsets = side.tensors.get("ids"), side.tensors.get("id_offsets")
        if blob is None or offsets is None or blob.ndim != 1 or offsets.shape != (side.n + 1,):
            raise SparserecError(f"'{side.name}.ids' and {side.n + 1} '{side.name}.id_offsets' must be there")
        if offsets[0] != 0 or offsets[-1] != len(blob) or (offsets[1:] < offsets[:-1]).any():
            raise SparserecError(f"'{side.name}.id_offsets' must ascend from 0 to the length of '{side.name}.ids'")
        ids = Vocabulary(blob, offsets)
        try:
            twice = ids.has_duplicates()
        except UnicodeDecodeError:
            raise SparserecError(f"'{side.name}.ids' holds an id that is not UTF-8") from None
        if twice:
            raise SparserecError(f"'{side.name}.ids' holds an id twice")
        return ids


class NumberGaps(NumberSequence):
    """The stored shift, the first number, then the gaps between numbers."""

    kinds = idcode.NUMBERS

    def most(self, shapes: Shapes) -> int:
        """One for each bit of the high parts, the shift and the first number."""
        return 2 + most_bits(shapes[self.kinds[1]])

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        low, high = (tensors[kind] for kind in self.kinds)
        shift = int(low[0])
        gaps = joined(rice.decode(low[1 + idcode.FIRST :], high, shift))
        return np.concatenate(([shift, idcode.first_of(low)], gaps))

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        begins = len(numbers) > 1 and 0 <= int(numbers[0]) <= idcode.MOST_SHIFT and 0 <= int(numbers[1]) <= MOST_NUMBER
        if not begins:
            raise SparserecError(f"the numbers of {name!r} begin with no shift and first number")
        shift, first = numbers[:2].tolist()
        low, high = rice_code(name, numbers[2:], shift, most_bits(shapes[self.kinds[1]]))
        low = np.concatenate((np.array([shift], dtype=np.uint8), low))
        return {self.kinds[0]: idcode.with_first(low, first), self.kinds[1]: high}


class TextsOneByOne(NumberSequence):
    """For each text how many bytes it shares with the one before it, how many follow, and these.

    None is stored in full again, so that one more text moves nothing else.
    """

    kinds = idcode.TEXTS

    def most(self, shapes: Shapes) -> int:
        """Two for each bit of unary parts, and the bytes."""
        unary = min(most_bits(shapes[kind]) for kind in self.kinds[1:4:2])
        return 2 * unary + most_bits(shapes[self.kinds[4]]) // 8

    def numbers(self, tensors: Mapping[str, np.ndarray], cells: int) -> np.ndarray:
        """As for `NumberSequence`."""
        shared_low, shared_high, rest_low, rest_high, data = (tensors[kind] for kind in self.kinds)
        count = rice.one_bits(shared_high)
        lengths = [
            rice.unpack(low, high, count, idcode.REST_NAMES).astype(np.uint32)
            for low, high in ((shared_low, shared_high), (rest_low, rest_high))
        ]
        texts = SharedTexts(data.tobytes(), *lengths)
        shared, rests, before = np.zeros(count, dtype=np.int64), [], b""
        for block in range(texts.n_blocks):
            for row, text in enumerate(texts.blocks(block, block + 1), start=block * RESTART):
                shared[row] = idcode.shared_length(before, text)
                rests.append(text[shared[row] :])
                before = text
        rest = np.array([*map(len, rests)], dtype=np.int64)
        places = np.cumsum(rest + 2) - rest - 2
        numbers = np.empty(2 * count + int(rest.sum()), dtype=np.int64)
        others = np.ones(len(numbers), dtype=bool)
        numbers[places], numbers[places + 1] = shared, rest
        others[places] = others[places + 1] = False
        numbers[others] = np.frombuffer(b"".join(rests), dtype=np.uint8)
        return numbers

    def tensors(self, name: str, numbers: np.ndarray, shapes: Shapes, cells: int) -> dict[str, np.ndarray]:
        """As for `NumberSequence`."""
        wrong = SparserecError(
            f"the numbers of {name!r} are not those of texts, or do not fit the shape of its tensors"
        )
        room = most_bits(shapes[self.kinds[4]]) // 8
        data, each, at, text = (numbers & 0xFF).astype(np.uint8).tobytes(), numbers.data, 0, b""
        shared_of, rests = [], []
        # What is stored adds up as texts are made, so that one which many share is made no more often than it may be.
        while at < len(each):
            shared, rest = each[at], each[at + 1] if at + 1 < len(each) else -1
            if not (0 <= shared <= len(text) and 0 <= rest <= len(each) - at - 2):
                raise wrong
            text = text[:shared] + data[at + 2 : at + 2 + rest]
            if len(rests) % RESTART == 0:
                shared = 0
            shared_of.append(shared)
            rests.append(text[shared:])
            room -= len(rests[-1])
            at += 2 + rest
            if room < 0 or len(text) > rice.MOST:
                raise wrong
        if room or not rests or not _bytes_only(numbers, shared_of, rests, each):
            raise wrong
        return idcode.pack_texts(shared_of, rests)


def _bytes_only(numbers: np.ndarray, shared: list[int], rests: list[bytes], each: memoryview) -> bool:
    """Whether all numbers but the lengths are bytes."""
    others, at = np.ones(len(numbers), dtype=bool), 0
    for _ in rests:
        others[at : at + 2] = False
        at += 2 + each[at + 1]
    return not ((numbers[others] < 0) | (numbers[others] > 255)).any()


class CodedIds(Part):
    """Ids in natural order: the first of them as gaps between numbers, all others without what they share."""

    name = "coded ids"
    tensors: ClassVar = dict.fromkeys((*idcode.NUMBERS, *idcode.TEXTS), "U8")
    version = 2
    raw_ids = True
    sequences: ClassVar = {"id_numbers": NumberGaps(), "texts": TextsOneByOne()}


PLAIN_IDS, CODED_IDS = PlainIds(), CodedIds()


def encode_ids(side: str, ids: Vocabulary) -> dict[str, np.ndarray]:
    """The tensors of the ids of a side, by kind, in the way that takes the fewest bytes; `id_version` tells which."""
    plain, coded = PLAIN_IDS.encode(side, ids), idcode.encode(ids)
    return plain if coded is None or idcode.size_of(plain) <= idcode.size_of(coded) else coded


def id_version(kinds: set[str]) -> int:
    """The format version that ids of these tensors need; none at all need that of coded ones."""
    return PLAIN_IDS.version if kinds and kinds <= set(PLAIN_IDS.tensors) else CODED_IDS.version


def decode_ids(side: Side, version: int) -> Ids:
    """The ids of a side of a file of this version; the rows where it has none.

    Raises:
        SparserecError: when the tensors are not those of ids, each once.
    """
    coded = {kind: side.tensors[kind] for kind in CODED_IDS.tensors if kind in side.tensors}
    plain = any(kind in side.tensors for kind in PLAIN_IDS.tensors)
    if plain and coded:
        raise SparserecError(f"'{side.name}' has ids as they are and coded ones; there must be one kind")
    if plain or version < CODED_IDS.version:
        return PLAIN_IDS.decode(side)
    return idcode.decode_ids(side.name, coded, side.n) if coded else RowNumbers(side.n)
