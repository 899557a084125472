"""A small valid file, taken apart and put together again by code that shares nothing with the package."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparserec.artefact import TableData, write
from sparserec.vocabulary import Vocabulary

TYPES = {"U8": "u1", "I8": "i1", "U16": "<u2", "U32": "<u4", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


@dataclass
class Parts:
    """A file in parts that can be changed.

    Attributes:
        tensors: by name, in the order of the file.
        card: the model card; None leaves it out.
        header: entries to put over those that follow from the tensors.
        seal: whether the card's digest is made to fit.
    """

    tensors: dict[str, np.ndarray]
    card: dict | None
    header: dict = field(default_factory=dict)
    seal: bool = True

    def head(self) -> dict:
        entries, first = {}, 0
        for name, tensor in self.tensors.items():
            last = first + tensor.nbytes
            entries[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [first, last]}
            first = last
        if self.card is not None:
            card = self.card | {"sha256": self.digest()} if self.seal else self.card
            entries["__metadata__"] = {"sparserec": json.dumps(card)}
        return {name: entries.get(name, {}) | self.header.get(name, {}) for name in [*self.header, *entries]}

    def body(self) -> bytes:
        return b"".join(tensor.tobytes() for tensor in self.tensors.values())

    def digest(self) -> str:
        hashed = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            shape = ",".join(map(str, tensor.shape))
            hashed.update(f"{name}\0{NAMES[tensor.dtype]}\0{shape}\0".encode() + tensor.tobytes())
        return hashed.hexdigest()

    def pack(self) -> bytes:
        return framed(json.dumps(self.head()).encode(), self.body())


def framed(header: bytes, body: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + body


def valid_file(path: Path, *, values_dtype="int8", dense=False, age_decay=None) -> bytes:
    """Three items, two users, eight columns, factors; `age_decay` where the order of a history counts.

    A gap of a sparse table has one low bit. Gaps of the items are 0, 2, 3, 2, 6 and 4, those of the users 0, 0 and 8.

    With `values_dtype="coded"`, magnitudes of the items are 3, 7, 11, 1, 7 and 3 with one low bit, those of the users
    5, 5 and 5 with two. Codes of the history factors are 7, 0 and 14 with two low bits.
    """
    columns = np.array([0, 3, 7, 2, 1, 6], dtype=np.int64)
    values = np.array([1, -2, 3, 0.5, 2, -1], dtype=np.float32)
    items = TableData(np.array([0, 3, 4, 6]), columns, values, 8)
    users = TableData(np.array([0, 2, 3]), np.array([0, 1, 2]), np.ones(3, dtype=np.float32), 8)
    write(
        path,
        items=np.arange(24, dtype=np.float32).reshape(3, 8) if dense else items,
        users=np.ones((2, 8), dtype=np.float32) if dense else users,
        item_ids=Vocabulary.of(["a", "bé", "ccc"]),
        user_ids=Vocabulary.of(["u", "v"]),
        item_factors=np.array([1, 0.5, 2]),
        history_factors=np.array([1, 2, 0.5]),
        recipe={"method": "static"},
        values_dtype=values_dtype,
        age_decay=age_decay,
    )
    return path.read_bytes()


def file_without_signs(path: Path) -> bytes:
    """The same with positive values; what magnitudes are above the least, with no low bits, is coded here.

    Those of the items are 3, 7, 11, 1, 7 and 3 with a least of 1, those of the users 5, 5 and 5 with a least of 5.
    """
    parts = taken_apart(valid_file(path, values_dtype="coded"))
    for side, least, above in (("items", 1, [2, 6, 10, 0, 6, 2]), ("users", 5, [0, 0, 0])):
        for kind in ("signs", "magnitudes_low", "magnitudes_high"):
            del parts.tensors[f"{side}.{kind}"]
        low, high = unary(above)
        parts.tensors |= {f"{side}.excess_low": low, f"{side}.excess_high": high}
        parts.tensors[f"{side}.least"] = np.array([least], dtype="<u4")
    parts.card["format_version"] = 3
    path.write_bytes(parts.pack())
    return path.read_bytes()


def taken_apart(data: bytes) -> Parts:
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    card = json.loads(header.pop("__metadata__")["sparserec"])
    tensors = {}
    for name, entry in sorted(header.items(), key=lambda pair: pair[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        flat = np.frombuffer(data[start + first : start + last], dtype=TYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).copy()
    return Parts(tensors, copy.deepcopy(card))


def file_of_encoder(path: Path, *, values_dtype="int8", dense=False) -> bytes:
    """Three items in four columns, and a transformer with one block that looks at the newest 5 items."""
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4) / 6 - 1
    sparse = TableData(np.array([0, 2, 3, 5]), np.array([0, 3, 1, 0, 2]), np.array([1, -2, 3, 0.5, 2], np.float32), 4)
    matrices = np.sin(np.arange(100, dtype=np.float32)).reshape(25, 4)
    vectors = np.cos(np.arange(32, dtype=np.float32)).reshape(8, 4)
    write(
        path,
        items=matrix if dense else sparse,
        item_ids=Vocabulary.of(["a", "bé", "ccc"]),
        recipe={"method": "static"},
        values_dtype=values_dtype,
        encoder=(matrices, vectors),
    )
    return path.read_bytes()


NUMBERS = list(range(0, 300, 3))
TEXTS = [f"item {i:03d}" for i in range(99)] + ["é"]
"""Ids of a file whose ids are coded."""


def file_of_coded_ids(path: Path) -> bytes:
    """200 items, the first half of which have numbers as ids, and three users; eight columns."""
    n = len(NUMBERS) + len(TEXTS)
    write(
        path,
        items=TableData(np.arange(n + 1), np.arange(n) % 8, np.ones(n, dtype=np.float32), 8),
        users=TableData(np.arange(4), np.arange(3), np.ones(3, dtype=np.float32), 8),
        item_ids=Vocabulary.of([*map(str, NUMBERS), *TEXTS]),
        user_ids=Vocabulary.of("uvw"),
        item_factors=np.linspace(1, 2, n),
    )
    return path.read_bytes()


def unary(numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The Rice code of numbers whose shift is stored and 0: low parts and high parts."""
    bits = [bit for number in numbers for bit in [0] * number + [1]]
    return np.zeros(1, dtype="u1"), np.packbits(np.array(bits, dtype="u1"), bitorder="little")


def numbers_as(numbers: list[int]) -> dict[str, np.ndarray]:
    """Tensors of items whose ids are these numbers, or the first of them."""
    low, high = unary([b - a - 1 for a, b in itertools.pairwise(numbers)])
    first = np.frombuffer(numbers[0].to_bytes(7, "little"), dtype="u1")
    return {"items.id_gaps_low": np.concatenate((low, first)), "items.id_gaps_high": high}


def texts_as(texts: list[str | bytes], shared: dict[int, int] | None = None) -> dict[str, np.ndarray]:
    """Tensors of items whose ids are these texts, all in full but for those that share bytes with the one before."""
    encoded = [text.encode() if isinstance(text, str) else text for text in texts]
    lengths = [(shared or {}).get(row, 0) for row in range(len(texts))]
    rests = [text[length:] for text, length in zip(encoded, lengths, strict=True)]
    names = ("items.id_shared_low", "items.id_shared_high", "items.id_rest_low", "items.id_rest_high")
    tensors = dict(zip(names, (*unary(lengths), *unary([*map(len, rests)])), strict=True))
    return tensors | {"items.id_texts": np.frombuffer(b"".join(rests), dtype="u1")}
