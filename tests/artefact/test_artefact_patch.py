"""Patches give the new file to the byte, and all others are refused."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib

import numpy as np
import pytest

from sparserec import SparserecError
from sparserec.artefact import TableData, rice, write
from sparserec.artefact.codecs import sequences
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import FIELDS, MAGIC, Patch, apply, most_new
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

DIM, PER_ROW = 16, 4


def model(path, n: int = 400, changed: int = 0, more: int = 0, **options) -> bytes:
    """A table in which the rows from 100 on, `changed` of them, were learnt anew, with `more` items at the end."""
    random = np.random.default_rng(0)
    columns = np.sort(random.random((n, DIM)).argsort(axis=1)[:, :PER_ROW], axis=1)
    values = random.normal(size=(n, PER_ROW)).astype(np.float32)
    other = np.random.default_rng(1)
    for row in range(100, 100 + changed):
        columns[row] = np.sort(other.permutation(DIM)[:PER_ROW])
        values[row] = other.normal(size=PER_ROW)
    columns = np.concatenate((columns, np.tile(np.arange(PER_ROW), (more, 1))))
    values = np.concatenate((values, np.ones((more, PER_ROW), dtype=np.float32)))
    table = TableData(np.arange(0, values.size + 1, PER_ROW), columns.reshape(-1), values.reshape(-1), DIM)
    options = {"values_dtype": "coded", "history_factors": np.ones(n + more)} | options
    write(path, items=table, item_ids=Vocabulary.of(map(str, range(n + more))), **options)
    return path.read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("patch")
    return model(folder / "old"), model(folder / "new", changed=3, more=2)


def test_few_changed_rows_make_a_small_patch(files):
    old, new = files
    patch = delta(old, new)
    assert apply(old, patch) == new
    assert len(patch) < len(new) / 5
    assert delta(old, new) == patch
    assert len(delta(new, new)) < 200


@pytest.mark.parametrize("values_dtype", ["int8", "float16", "coded"])
def test_any_file_can_be_made_of_any_other(tmp_path, files, values_dtype):
    more = {"history_factors": None} if values_dtype == "int8" else {}
    other = model(tmp_path / "other", n=50, values_dtype=values_dtype, **more)
    for old in files:
        assert apply(old, delta(old, other)) == other
        assert apply(other, delta(other, old)) == old


def test_a_file_with_another_shift_than_this_package_would_take(tmp_path, monkeypatch, files):
    """The format allows any; what can't be made of numbers is told as bytes."""
    sizes = rice.sizes
    monkeypatch.setattr(rice, "sizes", lambda *given: sizes(*given)._replace(shift=5))
    other = model(tmp_path / "other", changed=1)
    monkeypatch.undo()
    assert apply(files[0], delta(files[0], other)) == other


def test_the_fields(files):
    old, new = files
    patch = delta(old, new)
    assert patch[:8] == MAGIC == b"SRPATCH\x01"
    assert patch[8:40] == hashlib.sha256(old).digest()
    assert patch[40:72] == hashlib.sha256(new).digest()
    sizes = [int.from_bytes(patch[at : at + 8], "little") for at in (72, 80, 88)]
    assert sizes == [len(old), len(new), len(zlib.decompress(patch[96:]))]


def test_no_flipped_bit_changes_what_is_made(files):
    """Each is refused, but for the few that fill up a byte at the end of the packed edits and mean nothing."""
    old, new = files
    patch, unread = delta(old, new), 0
    for place in range(len(patch)):
        damaged = bytearray(patch)
        damaged[place] ^= 1 << place % 8
        try:
            made = apply(old, bytes(damaged))
        except SparserecError:
            continue
        assert made == new
        unread += 1
    assert unread <= 2


def test_a_patch_that_is_cut_off(files):
    patch = delta(*files)
    for length in [*range(0, 100, 7), len(patch) - 1]:
        with pytest.raises(SparserecError, match="patch"):
            apply(files[0], patch[:length])


def refused(files, message: str, **fields) -> None:
    parsed = Patch.parse(delta(*files))
    with pytest.raises(SparserecError, match=message):
        apply(files[0], Patch(**(vars(parsed) | fields)).to_bytes())


def test_refusals(files):
    old, new = files
    with pytest.raises(SparserecError, match="for another file"):
        apply(new, delta(old, new))
    with pytest.raises(SparserecError, match="not a patch"):
        apply(old, old)
    with pytest.raises(SparserecError, match="version 2 is not supported"):
        apply(old, MAGIC[:7] + b"\x02" + delta(old, new)[8:])
    refused(files, "has not the SHA-256", new_digest=bytes(32))
    refused(files, "out of range", new_size=most_new(len(old)) + 1)
    refused(files, "out of range", unpacked_size=2**60)
    refused(files, "does not have the size", unpacked_size=5)
    refused(files, "can't be unpacked", packed=b"\x00" * 50)
    refused(files, "does not have the size", packed=Patch.parse(delta(old, new)).packed + b"\x00")


def test_a_bomb_takes_no_more_memory_than_it_claims(files):
    """64 MB of zeros in 64 kB, under a claim that is in range."""
    old, new = files
    bomb = zlib.compress(bytes(64 << 20), 9)
    data = FIELDS.pack(*FIELDS.unpack_from(delta(old, new))[:5], 5000) + bomb
    tracemalloc.start()
    try:
        with pytest.raises(SparserecError, match="does not have the size"):
            apply(old, data)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_much_larger_file_is_not_worth_a_patch(tmp_path, files, monkeypatch):
    monkeypatch.setattr("sparserec.artefact.delta.most_new", lambda size: size)
    with pytest.raises(SparserecError, match="send the file"):
        delta(*files)


def test_a_recommender_becomes_the_next_one(tmp_path, files):
    old, new = files
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    (tmp_path / "patch").write_bytes(delta(old, new))
    before, after = Recommender.open(tmp_path / "old"), Recommender.open(tmp_path / "new")
    answer = before.recommend(["1", "2"])
    in_memory = before.apply(tmp_path / "patch")
    assert in_memory.recommend(["1", "101"]) == after.recommend(["1", "101"])
    written = before.apply(tmp_path / "patch", tmp_path / "next")
    assert (tmp_path / "next").read_bytes() == new
    assert written.card == after.card
    assert before.recommend(["1", "2"]) == answer
    with pytest.raises(SparserecError, match="not opened from a file"):
        in_memory.apply(tmp_path / "patch")
    # In place; then it is another file, to which the patch no longer applies.
    before.apply(tmp_path / "patch", tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == new
    with pytest.raises(SparserecError, match=r"patch: the patch is for another file"):
        before.apply(tmp_path / "patch", tmp_path / "old")


def test_a_refused_patch_writes_nothing(tmp_path, files):
    (tmp_path / "old").write_bytes(files[0])
    (tmp_path / "patch").write_bytes(delta(*files)[:-3])
    with pytest.raises(SparserecError, match="cut off or damaged"):
        Recommender.open(tmp_path / "old").apply(tmp_path / "patch", tmp_path / "new")
    with pytest.raises(SparserecError, match="no such file"):
        Recommender.open(tmp_path / "old").apply(tmp_path / "none", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "patch"]


def with_ids(path, names: list[str], **options) -> bytes:
    n = len(names)
    table = TableData(np.arange(n + 1), np.arange(n) % DIM, np.ones(n, dtype=np.float32), DIM)
    write(path, items=table, item_ids=Vocabulary.of(names), **options)
    return path.read_bytes()


NUMBERS = [str(number) for number in range(0, 3000, 3)]
TEXTS = [f"item {number:04d}" for number in range(0, 3000, 3)]
CHANGES = {
    "a number in the middle": (NUMBERS, [*NUMBERS[:500], "1499", *NUMBERS[500:]]),
    "a number before all": (NUMBERS[1:], NUMBERS),
    "a number behind all": (NUMBERS, [*NUMBERS, "9000"]),
    "a number gone": (NUMBERS, NUMBERS[:500] + NUMBERS[501:]),
    "a text in the middle": (TEXTS, [*TEXTS[:500], "item 1499 and more", *TEXTS[500:]]),
    "a text before all": (TEXTS, ["a first one", *TEXTS]),
    "a text gone": (TEXTS, TEXTS[:7] + TEXTS[8:]),
    "a number and a text": (NUMBERS + TEXTS, [*NUMBERS[:9], "26", *NUMBERS[9:], *TEXTS[:9], "item 0025", *TEXTS[9:]]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_an_item_more_or_less_is_a_small_patch_of_coded_ids(tmp_path, case):
    old, new = (with_ids(tmp_path / "model", names) for names in CHANGES[case])
    patch = delta(old, new)
    assert apply(old, patch) == new
    assert len(patch) < 900  # the digest, the header and the structure are in it too
    (tmp_path / "new").write_bytes(apply(old, patch))
    assert Recommender.open(tmp_path / "new").item_ids == CHANGES[case][1]


def test_every_way_of_ids_can_be_made_of_every_other(tmp_path):
    files = [with_ids(tmp_path / "model", names) for names in (NUMBERS, TEXTS, NUMBERS + TEXTS, TEXTS[::-1])]
    files.append(with_ids(tmp_path / "model", TEXTS, ids=False))
    for old in files:
        for new in files:
            assert apply(old, delta(old, new)) == new


def test_texts_that_are_not_coded_as_here_are_told_as_bytes(tmp_path, monkeypatch, files):
    """Another writer may share less than two texts have in common."""
    old = with_ids(tmp_path / "old", TEXTS)
    monkeypatch.setattr("sparserec.artefact.idcode.shared_length", lambda a, b: min(4, len(a)) if a else 0)
    other = with_ids(tmp_path / "other", TEXTS)
    monkeypatch.undo()
    assert other != old
    assert apply(old, delta(old, other)) == other


BAD_TEXTS = {
    "no numbers": [],
    "half a text": [0],
    "shared before the first": [1, 1, 97],
    "more shared than there is": [0, 1, 97, 2, 1, 98],
    "a length below 0": [0, -1],
    "a length beyond the numbers": [0, 3, 97],
    "no byte": [0, 1, 256],
    "a negative byte": [0, 1, -1],
    "more bytes than fit": [0, 3, 97, 98, 99],
    "fewer bytes than fit": [0, 1, 97],
}


@pytest.mark.parametrize("case", BAD_TEXTS)
def test_numbers_that_make_no_texts(case):
    sequence = sequences()["texts"]
    shapes = {kind: ("U8", (2,)) for kind in sequence.kinds}
    with pytest.raises(SparserecError, match="not those of texts"):
        sequence.tensors("items.texts", np.array(BAD_TEXTS[case], dtype=np.int64), shapes, 8)


@pytest.mark.parametrize("numbers", [[], [3], [25, 0, 1], [-1, 0, 1], [1, -1, 1], [1, 2**53, 1], [0, 5], [0, 5, 10**6]])
def test_numbers_that_make_no_numbers(numbers):
    sequence = sequences()["id_numbers"]
    with pytest.raises(SparserecError, match=r"'items\.id_numbers'"):
        sequence.tensors("items.id_numbers", np.array(numbers, dtype=np.int64), {"id_gaps_high": ("U8", (2,))}, 8)


def test_a_long_text_shared_by_all_is_not_made_more_often_than_it_may_be():
    """A million texts of a million bytes, of which each shares all with the one before."""
    sequence = sequences()["texts"]
    shapes = {kind: ("U8", (40_000,)) for kind in sequence.kinds}
    numbers = np.concatenate(([0, 30_000], np.full(30_000, 97), np.tile([30_000, 0], 100_000)))
    tracemalloc.start()
    try:
        with pytest.raises(SparserecError, match="not those of texts"):
            sequence.tensors("items.texts", numbers.astype(np.int64), shapes, 8)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
