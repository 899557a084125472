"""A split written to a folder comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, Interactions, load, split, synthetic, write, write_split
from sparserec.vocabulary import Vocabulary


def made(user_ids: list[str], item_ids: list[str], *, timed: bool, n: int = 60) -> Dataset:
    rng = np.random.default_rng(1)
    users, items = rng.integers(len(user_ids), size=n), rng.integers(len(item_ids), size=n)
    times = rng.integers(-50, 50, size=n) if timed else None
    data = Interactions.of(users, items, Vocabulary.of(user_ids), Vocabulary.of(item_ids), times)
    return Dataset(data, None, "made", timed)


def test_integer_ids_become_lightgcn_text(tmp_path):
    users, items = Vocabulary.of(["3", "20", "100"]), Vocabulary.of(["0", "7", "9"])
    train = Interactions.of(np.array([0, 0, 2]), np.array([0, 2, 1]), users, items)
    valid = Interactions.of(np.array([0]), np.array([1]), users, items)
    test = Interactions.of(np.array([2, 2]), np.array([2, 0]), users, items)
    paths = write_split(split_of(train, valid, test), tmp_path / "deep" / "out")
    assert [path.name for path in paths] == ["train.txt", "valid.txt", "test.txt"]
    assert paths[0].read_text() == "3 0 9\n20\n100 7\n"  # a user without an interaction stands alone
    assert paths[1].read_text() == "3 7\n"
    assert paths[2].read_text() == "100 0 9\n"
    back = load(tmp_path / "deep" / "out")
    assert back.interactions.users.to_list() == ["3", "20", "100"]
    assert back.interactions.indices.tolist() == [0, 1, 2, 1]
    assert back.test is not None
    assert back.test.fingerprint() == test.fingerprint()


def named(cut):
    """The pairs of each part by their ids: items that only the test part has are in the catalogue no more."""
    return [
        {(part.users[user], part.items[item]) for user, item in zip(part.rows(), part.indices, strict=True)}
        for part in (cut.train, cut.valid, cut.test)
    ]


def split_of(train, valid, test):
    from sparserec.interactions import Split

    return Split(train, valid, test, "given", 0)


def test_a_latest_split_is_cut_the_same_again_from_its_files(tmp_path):
    rows = "".join(f"{u},{(u * i * i + 3 * i) % 40},{u * i % 17}\n" for u in range(30) for i in range(9))
    (tmp_path / "a.csv").write_text("user,item,time\n" + rows)
    cut = split(load(tmp_path / "a.csv"), seed=5, valid_users=0.5)
    assert cut.kind == "latest"
    write_split(cut, tmp_path / "out", format="tsv")
    assert named(split(load(tmp_path / "out"), seed=5, valid_users=0.5)) == named(cut)


@pytest.mark.parametrize("chunk", [7, 1_000_000])
@pytest.mark.parametrize("format", ["lightgcn", "tsv"])
def test_load_and_split_give_the_same_split_again(tmp_path, monkeypatch, chunk, format):
    monkeypatch.setattr(write, "CHUNK", chunk)
    (tmp_path / "a.csv").write_text(
        "user,item,time\n"
        + "".join(f"{u},{(u * i * i + 3 * i) % 40},{u * i % 17}\n" for u in range(30) for i in range(9))
    )
    cut = split(load(tmp_path / "a.csv"), kind="random", seed=5, valid_users=0.5)
    assert min(cut.train.nnz, cut.valid.nnz, cut.test.nnz) > 20
    write_split(cut, tmp_path / "out", format=format)
    again = split(load(tmp_path / "out"), seed=5, valid_users=0.5, validation="random")
    assert again.kind == "given"
    assert named(again) == named(cut)
    kept = again.train.timestamps
    assert (kept is None) == (format == "lightgcn")
    if kept is not None:
        assert kept.tolist() == cut.train.timestamps.tolist()  # type: ignore[union-attr]


def test_text_ids_and_timestamps_survive(tmp_path):
    data, _ = synthetic(n_users=60, n_items=50, interactions_per_user=8, n_clusters=4)
    cut = split(data, kind="leave-last")
    paths = write_split(cut, tmp_path)
    assert [path.name for path in paths] == ["train.tsv", "valid.tsv", "test.tsv"]
    assert paths[0].read_text().splitlines()[0] == '"user_id"\t"item_id"\t"timestamp"'
    back = load(tmp_path)
    assert back.interactions.fingerprint() == cut.history("test").fingerprint()
    assert back.interactions.timestamps.tolist() == cut.history("test").timestamps.tolist()  # type: ignore[union-attr]
    assert back.test is not None
    assert back.test.fingerprint() == cut.test.fingerprint()


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, min_size=2, max_size=6, unique=True), st.lists(names, min_size=2, max_size=6, unique=True))
def test_any_text_is_an_id(tmp_path_factory, users, items):
    folder = tmp_path_factory.mktemp("ids")
    data = Interactions.of(
        np.repeat(np.arange(len(users)), len(items)),
        np.tile(np.arange(len(items)), len(users)),
        Vocabulary.of(users),
        Vocabulary.of(items),
    )
    write_split(split_of(data, data.where(np.zeros(data.nnz, dtype=bool)), data), folder, format="tsv")
    back = load(folder, missing="text")  # "NaN" and blanks too
    assert sorted(back.interactions.users.to_list()) == sorted(users)
    assert sorted(back.interactions.items.to_list()) == sorted(items)
    assert back.interactions.nnz == data.nnz
    assert back.test is not None
    assert back.test.nnz == data.nnz


def test_a_part_without_interactions_has_no_file(tmp_path):
    data = made(["0", "1"], ["0", "1", "2"], timed=False, n=4)
    (tmp_path / "valid.txt").write_text("0 999\n")  # left by an earlier split
    write_split(split(data, kind="random", valid_users=0), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.txt", "train.txt"]


def test_leading_zeros_are_text(tmp_path):
    data = made(["007", "7"], ["1", "2"], timed=False)
    paths = write_split(split(data, kind="random"), tmp_path)
    assert paths[0].suffix == ".tsv"
    assert load(tmp_path).interactions.users.to_list() == ["007", "7"]


def test_refusals(tmp_path):
    cut = split(made(["a", "b"], ["1", "2"], timed=True), kind="random")
    with pytest.raises(SparserecError, match="unknown format 'csv'; it must be auto, lightgcn or tsv"):
        write_split(cut, tmp_path, format="csv")
    with pytest.raises(SparserecError, match="needs ids that are non-negative integers; use format='tsv'"):
        write_split(cut, tmp_path, format="lightgcn")
    (tmp_path / "file").write_text("")
    with pytest.raises(SparserecError, match=r"cannot make the folder .*file"):
        write_split(cut, tmp_path / "file")
    (tmp_path / "train.txt").write_text("0 1\n")
    with pytest.raises(SparserecError, match=r"train\.txt: the folder holds a split in another format"):
        write_split(cut, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "train.txt"]


def test_nothing_half_written_when_the_disk_is_full(tmp_path, monkeypatch):
    cut = split(made(["a", "b"], ["1", "2", "3"], timed=True), kind="random")
    write_split(cut, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    lines, calls = write._tsv, []

    def failing(part, ids, *, everybody):
        calls.append(part)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        yield b"other"
        yield from lines(part, ids, everybody=everybody)

    monkeypatch.setattr(write, "_tsv", failing)
    with pytest.raises(SparserecError, match="No space left on device"):
        write_split(cut, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
