"""Splits: each kind by hand, and what holds for all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, Interactions, Split, load, split
from sparserec.recommenders.sequences import Sequences
from sparserec.vocabulary import Vocabulary

# user a: items in the order of time 2 0 1; user b: one; user c: two; user d: five, in the order 4 3 2 1 0
TIMED = [
    *(("a", 2, 1), ("a", 0, 4), ("a", 1, 11)),
    ("b", 0, 12),
    *(("c", 1, 2), ("c", 3, 10)),
    *(("d", 4, 3), ("d", 3, 5), ("d", 2, 6), ("d", 1, 7), ("d", 0, 8)),
]


def dataset(rows=TIMED, test: Interactions | None = None) -> Dataset:
    users = Vocabulary.of(sorted({user for user, _, _ in rows}))
    items = Vocabulary.of(map(str, range(7)))
    columns = [users.index(row[0]) for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    user, item, time = map(np.array, columns)
    return Dataset(Interactions.of(user, item, users, items, time), test, "made here", True)


def pairs(part: Interactions) -> set[tuple[str, int]]:
    names = part.users.to_list()
    return {(names[user], int(item)) for user, item in zip(part.rows(), part.indices, strict=True)}


def whole(cut: Split) -> list[tuple[str, int]]:
    return [pair for part in (cut.train, cut.valid, cut.test) for pair in pairs(part)]


def test_leave_last_by_hand():
    cut = split(dataset(), kind="leave-last")
    assert pairs(cut.test) == {("a", 1), ("c", 3), ("d", 0)}
    assert pairs(cut.valid) == {("a", 0), ("d", 1)}  # c has only two
    assert pairs(cut.train) == {("a", 2), ("b", 0), ("c", 1), ("d", 4), ("d", 3), ("d", 2)}
    assert cut.kind == "leave-last"


def test_global_time_by_hand():
    # 11 interactions, round(0.27 * 11) = 3: from time 10 on. b has no earlier one and drops out of test.
    cut = split(dataset(), kind="global-time", test_fraction=0.27, valid_fraction=0.4)
    assert pairs(cut.test) == {("a", 1), ("c", 3)}
    assert pairs(cut.valid) == {("d", 0), ("d", 1)}  # the newest two of the only user with five
    assert pairs(cut.train) == {("a", 2), ("a", 0), ("c", 1), ("d", 4), ("d", 3), ("d", 2)}
    assert cut.train.users.to_list() == ["a", "b", "c", "d"]  # b stays in the vocabulary


def test_global_time_never_cuts_through_one_moment():
    rows = [("a", 0, 1), ("a", 1, 2), ("a", 2, 5), ("a", 3, 5), ("a", 4, 5)]
    cut = split(dataset(rows), kind="global-time", test_fraction=0.2, valid_users=0)
    assert pairs(cut.test) == {("a", 2), ("a", 3), ("a", 4)}
    assert pairs(cut.train) == {("a", 0), ("a", 1)}


def test_random_takes_the_share_of_each_user():
    rows = [(user, item, 0) for user, n in (("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)) for item in range(n)]
    for fraction, taken in ((0.2, [0, 1, 1, 1, 1]), (0.5, [0, 1, 2, 2, 3]), (0.99, [0, 1, 2, 3, 4])):
        cut = split(dataset(rows), kind="random", test_fraction=fraction, valid_users=0)
        assert cut.test.user_degrees().tolist() == taken
        assert cut.valid.nnz == 0
        assert sorted(whole(cut)) == sorted((user, item) for user, item, _ in rows)


def test_random_draws_every_interaction_alike():
    rows = [("a", item, 0) for item in range(5)]
    drawn = [split(dataset(rows), kind="random", seed=seed, valid_users=0).test.indices[0] for seed in range(400)]
    assert (np.bincount(drawn, minlength=5) > 50).all()  # 80 expected of each


def test_leave_last_breaks_ties_by_the_seed_not_by_the_item():
    rows = [("a", item, 7) for item in range(5)]
    drawn = [split(dataset(rows), kind="leave-last", seed=seed).test.indices[0] for seed in range(400)]
    assert (np.bincount(drawn, minlength=5) > 50).all()


def test_given_keeps_the_test_file_and_cuts_validation_from_train():
    base = dataset().interactions
    asked = Interactions.of(np.array([0, 1]), np.array([0, 4]), base.users, base.items)
    cut = split(dataclasses.replace(dataset(), test=asked), valid_fraction=0.4)
    assert cut.kind == "given"
    assert cut.test is asked
    assert cut.valid.user_degrees().tolist() == [0, 0, 0, 2]  # d alone has five
    assert pairs(cut.train) | pairs(cut.valid) == pairs(base)


def test_latest_by_hand():
    # round(0.4 * n) of a's three, c's two and d's seven: the newest 1, 1 and 3; b has only one
    rows = [*TIMED, ("d", 6, 0), ("d", 5, 9)]
    cut = split(dataset(rows), kind="latest", test_fraction=0.4, valid_fraction=0.4)
    assert pairs(cut.test) == {("a", 1), ("c", 3), ("d", 5), ("d", 0), ("d", 1)}
    assert cut.valid.nnz == 0  # nobody has five left
    cut = split(dataset(rows), kind="latest", test_fraction=0.2, valid_fraction=0.4)
    assert pairs(cut.test) == {("a", 1), ("c", 3), ("d", 5)}
    assert pairs(cut.valid) == {("d", 0), ("d", 1)}
    assert pairs(cut.train) == {("a", 2), ("a", 0), ("b", 0), ("c", 1), *(("d", item) for item in (6, 4, 3, 2))}
    assert cut.notes == ("validation: the newest 40 % of the histories of 1 user",)


def test_latest_cuts_off_what_sequences_have_last():
    data = many([1, 2, 5, 9, 12, 12])  # a dozen moments, so that there are ties
    for seed in range(5):
        cut = split(data, kind="latest", seed=seed, test_fraction=0.3, valid_fraction=0.3)
        ordered = Sequences(dataclasses.replace(data.interactions, seed=seed))
        for user in range(6):
            parts = [cut.test, cut.valid, cut.train]
            newest = ordered.last(np.array([user]), 12)[0][::-1]
            expected = newest[newest >= 0].tolist()
            for part in parts:
                mine = part.indices[part.indptr[user] : part.indptr[user + 1]]
                assert set(mine.tolist()) == set(expected[: len(mine)])
                expected = expected[len(mine) :]
            assert not expected


def test_auto_is_the_newest_where_there_are_times_and_random_without():
    assert split(dataset()).kind == "latest"
    assert split(dataset()).fingerprint() == split(dataset(), kind="latest").fingerprint()
    assert split(dataset(), test_fraction=0).kind == "none"
    untimed = dataclasses.replace(dataset(), timestamped=False, interactions=bare(dataset()))
    assert split(untimed).kind == "random"
    assert split(untimed).fingerprint() == split(dataset(), kind="random").fingerprint()


def bare(data: Dataset) -> Interactions:
    return dataclasses.replace(data.interactions, timestamps=None)


def timed(times, sizes=(12,) * 40) -> Dataset:
    """Users of these many interactions, whose times are those of a function of user, place and a generator."""
    data, rng = many(list(sizes)).interactions, np.random.default_rng(0)
    places = np.arange(data.nnz) - data.indptr[data.rows()]
    return Dataset(dataclasses.replace(data, timestamps=times(data.rows(), places, rng)), None, "timed", True)


USELESS = {
    "one time for all": lambda users, places, rng: np.full(len(users), 7),
    "each user at one time": lambda users, places, rng: users * 100,
    "an export with a few stragglers": lambda users, places, rng: np.where(rng.random(len(users)) < 0.03, places, 50),
    "three dates": lambda users, places, rng: rng.integers(3, size=len(users)) * 86_400,
}
TELLING = {
    "seconds": lambda users, places, rng: users * 10_000 + rng.permutation(len(users)),
    "places": lambda users, places, rng: places,  # few moments, but never two of a user's alike
    "days of sittings": lambda users, places, rng: users * 9 + places // 2,
    "thirty dates": lambda users, places, rng: rng.integers(30, size=len(users)),
}


@pytest.mark.parametrize("times", USELESS)
def test_times_that_say_nothing_are_left_out_of_account_and_it_is_said(times):
    data = timed(USELESS[times])
    cut = split(data)
    assert (cut.kind, split(data, kind="none").validation) == ("random", "random")
    assert cut.fingerprint() == split(data, kind="random").fingerprint()
    why, which = cut.notes
    assert why.startswith("there are times, but ")
    assert which == "validation: a random 20 % of the histories of 40 users"
    for explicit in ("latest", "leave-last"):
        assert split(data, kind=explicit).kind == explicit  # who asks for it gets it
    assert len(split(data, kind="random").notes) == 1


@pytest.mark.parametrize("times", TELLING)
def test_times_that_say_something_are_used(times):
    cut = split(timed(TELLING[times]))
    assert cut.kind == "latest"
    assert cut.notes == ("validation: the newest 20 % of the histories of 40 users",)


def test_users_of_one_interaction_leave_nothing_to_order():
    data = timed(lambda users, places, rng: users, sizes=(1,) * 30)
    cut = split(data)
    assert (cut.train.nnz, cut.valid.nnz, cut.test.nnz, cut.notes) == (30, 0, 0, ())


@pytest.mark.parametrize("kind", ["none", "given"])
def test_validation_is_the_newest_where_the_test_part_decides_nothing(kind):
    data = dataset(TIMED)
    if kind == "given":
        base = data.interactions
        data = dataclasses.replace(data, test=Interactions.of(np.array([0]), np.array([4]), base.users, base.items))
    cut = split(data, kind=kind, valid_fraction=0.4)
    assert (cut.kind, cut.validation) == (kind, "latest")
    assert pairs(cut.valid) == {("d", 0), ("d", 1)}
    drawn = [
        pairs(split(data, kind=kind, validation="random", seed=seed, valid_fraction=0.4).valid) for seed in range(9)
    ]
    assert len({frozenset(part) for part in drawn}) > 3
    untimed = dataclasses.replace(data, interactions=bare(data))
    without = split(untimed, kind=kind, valid_fraction=0.4)
    assert without.validation == "random"
    assert pairs(without.valid) == drawn[0]


def test_how_validation_is_cut_is_an_axis_of_its_own():
    data = many([8] * 30)
    kinds = {"random": "random", "latest": "latest", "global-time": "latest"}
    for kind, own in kinds.items():
        usual = split(data, kind=kind)
        assert usual.validation == own
        assert usual.fingerprint() == split(data, kind=kind, validation=own).fingerprint()
        other = split(data, kind=kind, validation="random" if own == "latest" else "latest")
        assert pairs(other.test) == pairs(usual.test)
        assert pairs(other.valid) != pairs(usual.valid)
    assert split(data, kind="leave-last").notes == ("validation: of 30 users the interaction before the newest",)


def test_a_given_test_file_influences_neither_train_nor_validation(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{user} {' '.join(map(str, rng.choice(200, size=12, replace=False)))}" for user in range(50)]
    cuts = []
    for number, test in enumerate(("0 1 2\n", "0 1 2\n7 5 9999\n3 500 4 1000000\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "train.txt").write_text("\n".join(lines) + "\n")
        (folder / "test.txt").write_text(test)
        cuts.append(split(load(folder), seed=4))

    def named(part: Interactions) -> set[tuple[str, str]]:
        return {(part.users[u], part.items[i]) for u, i in zip(part.rows(), part.indices, strict=True)}

    assert cuts[0].test.nnz != cuts[1].test.nnz
    assert named(cuts[0].train) == named(cuts[1].train)
    assert named(cuts[0].valid) == named(cuts[1].valid)


def test_text_ids_in_the_test_file_do_not_shift_the_draw_either(tmp_path):
    rows = [f"{user},{item}" for user in range(30) for item in range(user % 3, 12)]
    cuts = []
    for number, test in enumerate(("0,1\n", "0,1\n0,abc\n1,-5\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "train.csv").write_text("user,item\n" + "\n".join(rows) + "\n")
        (folder / "test.csv").write_text("user,item\n" + test)
        cuts.append(split(load(folder), seed=4).valid)
    names = [[part.items[i] for i in part.indices] for part in cuts]
    assert names[0] == names[1]


def many(sizes: list[int]) -> Dataset:
    users = np.repeat(np.arange(len(sizes)), sizes)
    items = np.concatenate([np.arange(size) for size in sizes])
    names = Vocabulary.of(map(str, range(len(sizes)))), Vocabulary.of(map(str, range(max(sizes))))
    return Dataset(Interactions.of(users, items, *names, (items * 7 + users * 3) % 11), None, "many", True)


def test_how_many_users_are_drawn_for_validation():
    def drawn(n: int, share: float) -> int:
        cut = split(many([8] * n + [4] * 10), kind="random", test_fraction=0.1, valid_users=share)
        degrees = cut.valid.user_degrees()
        assert set(degrees[degrees > 0].tolist()) == {1}  # round(0.2 * 7)
        assert not degrees[n:].any()  # fewer than five
        return int((degrees > 0).sum())

    assert drawn(500, 0.2) == 500  # all, as there are fewer than 1000
    assert drawn(2000, 0.2) == 1000
    assert drawn(2000, 0.7) == 1400
    assert split(many([8] * 500), kind="random", valid_users=0).valid.nnz == 0


def starts_late(data: Dataset, fraction: float) -> bool:
    """Whether the newest share reaches back to the earliest timestamp."""
    assert data.interactions.timestamps is not None
    newest_first = sorted(data.interactions.timestamps.tolist(), reverse=True)
    return newest_first[max(int(fraction * len(newest_first) + 0.5), 1) - 1] == newest_first[-1]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=20).filter(lambda sizes: sum(sizes) > 3),
    kind=st.sampled_from(["random", "latest", "leave-last", "global-time"]),
    seed=st.integers(0, 2**63),
    fractions=st.tuples(*[st.floats(0.01, 0.99)] * 2),
    valid_users=st.floats(0, 1),
)
def test_what_holds_for_every_split(sizes, kind, seed, fractions, valid_users):
    data = many(sizes)
    options = {"test_fraction": fractions[0], "valid_users": valid_users, "valid_fraction": fractions[1]}
    if kind == "global-time" and starts_late(data, fractions[0]):
        with pytest.raises(SparserecError, match="nothing is left to train on"):
            split(data, kind=kind, seed=seed, **options)
        return
    cut = split(data, kind=kind, seed=seed, **options)
    assert cut.fingerprint() == split(data, kind=kind, seed=seed, **options).fingerprint()
    everything = whole(cut)
    assert len(everything) == len(set(everything))
    missing = pairs(data.interactions) - set(everything)
    if kind == "global-time":  # only test interactions of users without an earlier one are dropped
        assert not missing & {(str(u), i) for u in np.flatnonzero(cut.train.user_degrees()) for i in range(12)}
        known = cut.history("test").timestamps
        assert known is not None
        assert cut.test.timestamps is not None
        assert cut.test.nnz == 0 or known.max() < cut.test.timestamps.min()
    else:
        assert not missing
    train, valid, test = (part.user_degrees() for part in (cut.train, cut.valid, cut.test))
    assert (train[(valid > 0) | (test > 0)] > 0).all()  # nobody loses the whole history
    for part in (cut.train, cut.valid, cut.test):
        assert part.users is data.interactions.users
        assert part.items is data.interactions.items
        assert part.timestamps is not None
        assert len(part.timestamps) == part.nnz


def test_another_seed_is_another_split():
    data = many([10] * 30)
    assert len({split(data, kind="random", seed=seed).fingerprint() for seed in range(5)}) == 5
    # user a: one early, then four at one moment, of which the newest one is validation; b's last is test
    rows = [("a", 0, 0), *(("a", item, 1) for item in range(1, 4)), ("a", 4, 1), ("b", 0, 0), ("b", 1, 2)]
    late = [split(dataset(rows), kind="global-time", seed=seed, test_fraction=0.1).valid for seed in range(20)]
    assert len({tuple(part.indices.tolist()) for part in late}) == 4  # any of the four newest, never the first
    assert all(part.timestamps is not None and part.timestamps.tolist() == [1] for part in late)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": "newest"}, r"unknown validation 'newest'; it must be one of random, latest"),
        ({"validation": "random", "kind": "leave-last"}, r"a leave-last split has a validation part of its own"),
        ({"kind": "rand"}, r"unknown kind of split 'rand'; it must be one of auto, none, given"),
        ({"kind": "given"}, r"made here: a given split needs a test file"),
        ({"test_fraction": -0.1}, r"test_fraction must be from 0 to below 1, not -0.1"),
        ({"test_fraction": 0, "kind": "leave-last"}, r"test_fraction=0 has no effect on a leave-last split"),
        ({"test_fraction": 1.0}, r"test_fraction must be"),
        ({"valid_fraction": 1.0}, r"valid_fraction must be"),
        ({"valid_fraction": float("nan")}, r"valid_fraction must be"),
        ({"valid_users": 1.5}, r"valid_users must be from 0 to 1, not 1.5"),
        ({"seed": -1}, r"seed must be an integer of at least 0, not -1"),
        ({"seed": 0.5}, r"seed must be"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(SparserecError, match=message):
        split(dataset(), **options)


@pytest.mark.parametrize("kind", ["latest", "leave-last", "global-time"])
def test_time_needs_timestamps(kind):
    data = Dataset(bare(dataset()), None, "made here", False)
    with pytest.raises(SparserecError, match=rf"made here: a {kind} split needs timestamps.* kind='random'"):
        split(data, kind=kind)
    with pytest.raises(SparserecError, match=r"a latest validation part needs timestamps.* validation='random'"):
        split(data, kind="random", validation="latest")


def test_one_timestamp_leaves_nothing_to_train_on():
    with pytest.raises(SparserecError, match="nothing is left to train on"):
        split(dataset([("a", 0, 7), ("a", 1, 7)]), kind="global-time")
