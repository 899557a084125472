"""What is fuzzed: opening and using an artefact, and applying a patch.

Anything but success or a SparserecError is a find.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from pathlib import Path
from random import Random

import numpy as np

import mutations
from sparserec import SparserecError
from sparserec.artefact import TableData, patch, write
from sparserec.artefact.delta import delta
from sparserec.artefact.reader import read_bytes
from sparserec.device import Recommender, shortlist
from sparserec.vocabulary import Vocabulary

# So that the way of large tables is taken with small ones.
shortlist.SMALL, shortlist.LEAST, shortlist.MOST = 0, 0, 1e9


def open_and_recommend(data: bytes, verify_digest: bool = True) -> bool:
    """Whether the file opens; it then must answer."""
    try:
        model = Recommender(read_bytes(data, verify_digest=verify_digest))
    except SparserecError:
        return False
    with np.errstate(all="ignore"):
        ids = model.item_ids
        why = model.explains
        recommendations = model.recommend(history=ids[:2], k=2, explain=True) if why else model.recommend(ids[:2], k=2)
        # Scales may be so large that scores are no numbers; such items are left out.
        if np.isfinite(model.score(ids, history=ids[:2])).all():
            assert len(recommendations) == min(2, len(ids) - len(ids[:2]))
        model.recommend(history=ids[:1], k=1, candidates=ids[-3:], exclude=ids[:1])
        if why or len(ids) > 1:  # what is disliked alone gives a transformer no history
            asked = {"dislikes": ids[-1:], "k": 3, "exclude_history": False}
            again = model.recommend([*ids[:3], ids[0]], explain=why, **asked)
            assert not {one.item if why else one[0] for one in again} & set(ids[-1:])
        model.popular(2)
        model.similar(ids[0], 2)
        if model.has_users:
            model.recommend(user=model.user_ids[0], k=3)
    return True


def apply_patch(old: bytes, data: bytes) -> bool:
    """Whether the patch can be applied; the file that it makes then has the digest that it claims."""
    try:
        new = patch.apply(old, data)
    except SparserecError:
        return False
    assert hashlib.sha256(new).digest() == patch.Patch.parse(data).new_digest
    return True


def made_bytes(data: bytes) -> int:
    """Bytes of the file that a patch makes."""
    return patch.Patch.parse(data).new_size


def ids_of(data: bytes, verify_digest: bool) -> list[str] | None:
    """The ids of the items of a file, and of its users; None where it is refused."""
    try:
        model = Recommender(read_bytes(data, verify_digest=verify_digest))
    except SparserecError:
        return None
    return model.item_ids + model.user_ids


class Bases:
    """Valid files that are changed: every kind of values, with users and without, and patches between them.

    `ordered` are those in which the order of a history counts by ages, and one of positive values, which version 3 has
    too; `encoders` those with a transformer.
    """

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "base"
            kinds = [("int8", False), ("float16", False), ("coded", False), ("int8", True), ("float16", True)]
            self.artefacts = [mutations.valid_file(path, values_dtype=kind, dense=dense) for kind, dense in kinds]
            self.artefacts.append(mutations.file_of_coded_ids(path))
            self.artefacts.append(_with_ids(path, None, ids=False))
            texts = [_with_ids(path, [f"item {row:03d}" for row in range(200) if row != left]) for left in (50, 120)]
            larger = [_larger(path, seed, n) for seed, n in ((0, 300), (1, 310))]
            self.artefacts.append(larger[0])
        small, coded = self.artefacts[0], self.artefacts[2]
        pairs = [(small, coded), (coded, small), (coded, coded), (larger[0], larger[1])]
        pairs.append((texts[0], texts[1]))
        self.patches = [(old, delta(old, new)) for old, new in pairs]
        self.ordered = [_ordered(kind, decay) for kind in ("int8", "coded") for decay in ((0.5,), (0.5, 0.25))]
        self.encoders = [_encoded(kind, dense) for kind, dense in (("int8", False), ("coded", False), ("int8", True))]
        pairs = [(small, self.encoders[0]), *itertools.pairwise(self.encoders), (self.encoders[2], coded)]
        self.encoder_patches = [(old, delta(old, new)) for old, new in pairs]
        with tempfile.TemporaryDirectory() as folder:
            self.ordered.append(mutations.file_without_signs(Path(folder) / "base"))
        self.ordered_patches = [
            (old, delta(old, new)) for old, new in itertools.pairwise([small, *self.ordered, coded])
        ]


def case(bases: Bases, number: int) -> tuple[str, bytes, bytes]:
    """Input `number`: its kind, the base of a patch, and the bytes."""
    random = Random(number)
    ordered, encoder = number % 8 == 7, number % 8 == 3
    if random.random() < 0.3:
        patches = bases.encoder_patches if encoder else bases.ordered_patches if ordered else bases.patches
        old, data = random.choice(patches)
        return "patch", old, mutations.patch(data, random)
    # The larger file takes longer, so it comes less often.
    special = bases.encoders if encoder else bases.ordered if ordered else []
    data = random.choice(special) if special else random.choices(bases.artefacts, [4, 4, 6, 3, 3, 4, 1, 1])[0]
    change = mutations.header_of if random.random() < 0.05 else mutations.artefact
    return ("artefact" if random.random() < 0.9 else "artefact, digest not asked for"), b"", change(data, random)


def tried(kind: str, old: bytes, data: bytes) -> bool:
    """Whether an input was accepted."""
    if kind == "patch":
        return apply_patch(old, data)
    return open_and_recommend(data, verify_digest=kind == "artefact")


def _ordered(kind: str, decay: tuple[float, ...]) -> bytes:
    """A model of the same sizes whatever the kind, so that parts of one fit the others."""
    with tempfile.TemporaryDirectory() as folder:
        return mutations.valid_file(Path(folder) / "base", values_dtype=kind, age_decay=decay)


def _encoded(kind: str, dense: bool) -> bytes:
    """A model with a transformer."""
    with tempfile.TemporaryDirectory() as folder:
        return mutations.file_of_encoder(Path(folder) / "base", values_dtype=kind, dense=dense)


def _with_ids(path: Path, names: list[str] | None, **options) -> bytes:
    """A model whose items have these ids, or any."""
    ids = names or [f"item {row}" for row in range(20)]
    n = len(ids)
    table = TableData(np.arange(n + 1), np.arange(n) % 8, np.ones(n, dtype=np.float32), 8)
    write(path, items=table, item_ids=Vocabulary.of(ids), **options)
    return path.read_bytes()


def _larger(path: Path, seed: int, n: int) -> bytes:
    """A coded model whose first items are those of the other seed."""
    random, dim, per_row = np.random.default_rng(5), 24, 3
    columns = np.sort(random.random((n, dim)).argsort(axis=1)[:, :per_row], axis=1).reshape(-1)
    values = random.normal(size=n * per_row).astype(np.float32)
    values[: 30 * seed] *= 1.1
    table = TableData(np.arange(0, n * per_row + 1, per_row), columns, values, dim)
    write(
        path, items=table, item_ids=Vocabulary.of(map(str, range(n))), history_factors=np.ones(n), values_dtype="coded"
    )
    return path.read_bytes()
