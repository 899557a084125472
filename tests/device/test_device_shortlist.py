"""The best items by posting lists and bounds are those of scoring everything, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from catalogues import as_csr
from hypothesis import example, given
from hypothesis import strategies as st

from sparserec.artefact import write
from sparserec.artefact.reader import DecodedTable, read
from sparserec.device import Recommender, lists, shortlist
from sparserec.device import postings as postings_of
from sparserec.device.lists import Lists, by_column, by_row, norms
from sparserec.device.postings import ByRow, Factors, Postings
from sparserec.device.shortlist import Shortlist, _below
from sparserec.device.topk import LANES, kth_largest, top_k
from sparserec.vocabulary import Vocabulary

N, DIM = 900, 12


@pytest.fixture(scope="module", autouse=True)
def _small_tables_too():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "SMALL", 0)
        patch.setattr(shortlist, "LEAST", 0)
        patch.setattr(shortlist, "MOST", 1e9)
        yield


def slow(scores: np.ndarray, k: int, left_out: list[int]) -> tuple[list[int], list[float]]:
    ranked = sorted(set(range(len(scores))) - set(left_out), key=lambda i: (-scores[i], i))[:k]
    return ranked, [float(scores[i]) for i in ranked]


def table(path, values_dtype: str, levels: int, skew: float, seed: int):
    """Items of very different length; few levels make many equal scores."""
    random = np.random.default_rng(seed)
    values = random.integers(1, levels + 1, (N, DIM)) * random.choice([-1.0, 1.0], (N, DIM))
    values *= random.random((N, DIM)) < 0.3
    values[:, 0] += values[:, 0] == 0
    values *= np.exp2(np.floor(-skew * random.random((N, 1)) * 4))
    ids = Vocabulary.of(map(str, range(N)))
    write(path, items=as_csr(values.astype(np.float32)), item_ids=ids, values_dtype=values_dtype)
    return read(path).items


@pytest.mark.parametrize("values_dtype", ["coded", "int8", "float16"])
@pytest.mark.parametrize(
    ("levels", "skew", "few"), [(1, 0, 256), (1, 1, 256), (3, 1, 256), (1000, 2, 256), (1000, 2, 1)]
)
def test_the_shortlist_is_the_top_of_all_scores(tmp_path, monkeypatch, values_dtype, levels, skew, few):
    monkeypatch.setattr(lists, "FEW", few)  # with 1, as many codes as there are may be wide
    monkeypatch.setattr(postings_of, "LONGEST", 2 * LANES)
    monkeypatch.setattr(shortlist, "LONGEST", 2 * LANES)
    postings = Postings(ByRow(table(tmp_path / "model", values_dtype, levels, skew, seed=levels)))
    made, answered = Shortlist(postings), 0
    random = np.random.default_rng(levels)
    for k in (1, 2, 5):
        for size in (1, 3, 40):
            for _ in range(8):
                taken = random.choice(N, size, replace=False)
                vector = postings.vector(taken) * np.exp(2 * random.normal(size=DIM))
                found = made.best(vector, k, taken)
                if found is None:
                    continue
                answered += 1
                scores = postings.of(vector)
                assert (found[0].tolist(), found[1].tolist()) == slow(scores, k, taken.tolist())
                np.testing.assert_array_equal(postings.of_rows(vector, taken), scores[taken])
    assert answered > (10 if levels == 1 else 60)


def table_of_both_kinds(path, led: float, seed: int) -> Postings:
    """Ordinary columns and, for each item, `led` values in the item columns on average, some below 0."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(N, DIM)) * (random.random((N, DIM)) < 0.4)
    values[:, 0] += values[:, 0] == 0
    values *= np.exp2(-4 * random.random((N, 1)))
    beside = 3 * random.normal(size=(N, N)) * (random.random((N, N)) < led / N)
    both = np.hstack([values, beside]).astype(np.float32)
    ids = Vocabulary.of(map(str, range(N)))
    write(path, items=as_csr(both), item_ids=ids, values_dtype="coded", age_decay=[1.0, 1.0])
    return Postings(ByRow(read(path).items))


@pytest.mark.parametrize("led", [0.01, 3, 20])
@pytest.mark.parametrize("front", [0.5, 0.8])
def test_what_item_columns_lead_to_is_scored_beside_what_bounds_leave(tmp_path, led, front):
    postings = table_of_both_kinds(tmp_path / "model", led, seed=3)
    made, random, answered, led_to = shortlist_with(front, postings), np.random.default_rng(5), 0, 0
    assert postings.bounded == DIM
    for k in (1, 2, 5):
        for size in (1, 3, 40):
            for _ in range(8):
                taken = random.choice(N, size, replace=False)
                vector = postings.vector(taken)
                vector[:DIM] *= np.exp(random.normal(size=DIM))
                found = made.best(vector, k, taken)
                if found is None:
                    continue
                answered += 1
                assert (found[0].tolist(), found[1].tolist()) == slow(postings.of(vector), k, taken.tolist())
                led_to += len(np.intersect1d(postings.places(found[0]), postings.beyond(postings.weights(vector))))
    assert answered > 40
    assert led_to > 0 or led < 1


def test_lengths_are_those_in_ordinary_columns(tmp_path):
    postings = table_of_both_kinds(tmp_path / "model", 3, seed=3)
    rows = np.arange(N)
    codes = np.array([np.linalg.norm(row[:DIM]) for row in postings.matrix(rows) / postings._scales])
    ordered = codes[postings.order.astype(np.intp)]
    assert (np.diff(ordered) <= 1e-4).all()
    assert (postings.norms >= ordered[::LANES]).all()


def test_scores_that_are_no_numbers_are_left_to_the_plain_way(tmp_path):
    postings = table_of_both_kinds(tmp_path / "model", 20, seed=3)
    vector = postings.vector(np.arange(40))
    assert Shortlist(postings).best(vector, 2, np.arange(40)) is not None
    vector[DIM:40] = np.inf
    vector[DIM + 20 : DIM + 40] = -np.inf
    with np.errstate(all="ignore"):
        assert Shortlist(postings).best(vector, 2, np.arange(40)) is None


def test_what_is_behind_the_front_is_found(tmp_path):
    """The best item is so short that only its bound, and no sum over the front, can tell."""
    values = np.zeros((N, DIM), dtype=np.float32)
    values[:, 0] = np.linspace(100, 200, N)
    values[:, 1] = -1
    values[700:, 0] = 1
    values[800, 1:4] = 30
    write(tmp_path / "m", items=as_csr(values), item_ids=Vocabulary.of(map(str, range(N))), values_dtype="float16")
    postings = Postings(ByRow(read(tmp_path / "m").items))
    vector = np.zeros(DIM)
    vector[:4] = -1, 2, 2, 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "FRONT", 0.7)
        made = Shortlist(postings)
    assert postings.places(np.array([800]))[0] >= made._front
    rows, scores = made.best(vector, 2, np.array([3]))
    assert (rows.tolist(), scores.tolist()) == slow(postings.of(vector), 2, [3])
    assert rows[0] == 800


def postings_for(path, values) -> Postings:
    values = np.asarray(values, dtype=np.float32)
    write(path, items=as_csr(values), item_ids=Vocabulary.of(map(str, range(len(values)))), values_dtype="float16")
    return Postings(ByRow(read(path).items))


def shortlist_with(front: float, postings: Postings) -> Shortlist:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "FRONT", front)
        return Shortlist(postings)


@pytest.mark.parametrize("n", [10 * LANES, 10 * LANES + 7])
@pytest.mark.parametrize("front", [0.5, 1.0])
@pytest.mark.parametrize("shift", [0, 10])
@pytest.mark.parametrize("longest", [2 * LANES, 16 * LANES])
def test_the_shortest_item_is_found_by_its_bound(tmp_path, monkeypatch, n, front, shift, longest):
    """The last place has the best item, though its sum over the columns that weigh much is below another's score."""
    monkeypatch.setattr(postings_of, "LONGEST", longest)
    monkeypatch.setattr(shortlist, "LONGEST", longest)
    values = np.zeros((n, 3))
    values[:, 0], values[:, 2] = -100, 40
    values[:, 1] = np.linspace(1, 2, n)
    values[20, :2] = -0.5, -101  # the seed: its sum is -5, its score -95.9
    values[60, :2] = -10, 20  # the best and shortest: -100, and -82
    made = shortlist_with(front, postings_for(tmp_path / "m", values))
    # The last column moves all scores by 400, or not at all; the middle one weighs little.
    vector = np.array([10.0, 0.9, shift])
    scores = made._postings.of(vector)
    assert made._postings.order[-1] == 60
    assert scores.argmax() == 60
    found = made.best(vector, 1, np.array([5]))
    assert found is not None
    assert (found[0].tolist(), found[1].tolist()) == ([60], [scores[60]])


def test_every_column_counts_in_the_length_of_a_vector(tmp_path):
    """Two columns alike: the item behind the front is as good as its length allows, which needs both."""
    values = np.tile([100.0, -50.0], (900, 1))
    values[640:] = 1
    values[800] = 30
    values[:640, 0] += np.linspace(0, 1, 640)
    made = shortlist_with(0.7, postings_for(tmp_path / "m", values))
    assert made._postings.places(np.array([800]))[0] == made._front == 640
    found = made.best(np.ones(2), 1, np.array([5]))
    assert found is not None
    assert (found[0].tolist(), found[1].tolist()) == ([800], [60.0])


def test_what_is_left_out_is_left_out_wherever_it_stands(tmp_path):
    random = np.random.default_rng(0)
    values = random.standard_normal((N, DIM))
    values /= np.linalg.norm(values, axis=1, keepdims=True) * np.linspace(1, 1.3, N)[:, None]
    made, answered = shortlist_with(0.5, postings_for(tmp_path / "m", values)), 0
    postings = made._postings
    for place in (0, 1, made._front - 1, made._front, made._front + 1, N - 1):
        row = int(postings.order[place])
        vector = postings.vector(np.array([row]))  # nothing is as much like it as the item itself
        found = made.best(vector, 2, np.array([row]))
        if found is not None:
            answered += 1
            assert (found[0].tolist(), found[1].tolist()) == slow(postings.of(vector), 2, [row])
    assert answered >= 5


@pytest.mark.parametrize("longest", [2 * LANES, 6 * LANES])
@pytest.mark.parametrize(("front", "spread", "visited"), [(0.6, 1.0, False), (0.9, 1.0, False), (0.5, 0.1, True)])
def test_only_what_the_bound_lets_through_is_scored(tmp_path, monkeypatch, longest, front, spread, visited):
    """Columns summed, items scored, and whether what is behind the front is looked at, as the module says it."""
    monkeypatch.setattr(postings_of, "LONGEST", longest)
    monkeypatch.setattr(shortlist, "LONGEST", longest)
    random = np.random.default_rng(0)
    values = random.standard_normal((N, 20)) * (random.random((N, 20)) < 0.5)
    values *= np.exp(spread * random.normal(size=(N, 1)))
    values[:, 0] += 0.1
    made = shortlist_with(front, postings_for(tmp_path / "m", values.astype(np.float16)))
    postings, summed, scored, behind = made._postings, [], [], set()
    sums_of, scores_of = made._sums, postings.of_places
    monkeypatch.setattr(made, "_sums", lambda *given: summed.append(given[1:]) or sums_of(*given))
    monkeypatch.setattr(postings, "of_places", lambda *given: scored.append(given[1].tolist()) or scores_of(*given))
    places = np.arange(N)
    lengths = np.where(
        places < longest, postings.longest[np.minimum(places, longest - 1)], postings.norms[places // LANES]
    )
    for query in range(12):
        vector = random.standard_normal(20) * np.exp(-np.arange(20) * random.choice([0.2, 0.6]))
        out, k = random.choice(N, 3, replace=False), 1 + query % 3
        summed.clear()
        scored.clear()
        found = made.best(vector, k, out)
        assert found is not None
        # The fewest columns that leave a hundredth of the squared length, and the sums over them.
        heaviest = np.argsort(-(vector**2), kind="stable")
        left = [np.sum(vector[heaviest[count:]] ** 2) / np.sum(vector**2) for count in range(21)]
        count = next(count for count in range(21) if left[count] <= 0.01)
        rows = values.astype(np.float16).astype(np.float64)[postings.order]
        sums = rows[:, heaviest[:count]] @ vector[heaviest[:count]]
        sums[postings.places(out)] = -np.inf
        seeds, *others = scored
        assert len(seeds) <= LANES * k
        assert min(sums[seeds]) == pytest.approx(np.sort(sums[: made._front])[-len(seeds)])
        bound = np.sort(rows[seeds] @ vector)[-k]
        enough = sums + lengths * np.linalg.norm(vector[heaviest[count:]]) >= bound
        enough[seeds] = False
        looked = np.linalg.norm(vector) * postings.norms[made._front // LANES] >= bound
        behind.add(bool(looked))
        ranges = [(0, made._front), (made._front, N)][: 1 + looked]
        assert [(sorted(used), *between) for used, *between in summed] == [
            (sorted(heaviest[:count]), *between) for between in ranges
        ]
        assert others == [[place for place in range(*between) if enough[place]] for between in ranges]
    assert visited in behind


def test_when_there_is_no_short_way(tmp_path, monkeypatch):
    """In tables below a size, and from a share of the front on."""
    values = np.zeros((900, 2))
    values[:, 0] = np.linspace(1, 100, 900)
    made = shortlist_with(1.0, postings_for(tmp_path / "m", values))
    assert made._front == 900
    vector, nothing = np.array([1.0, 0.0]), np.zeros(0, dtype=np.int64)
    for small, answers in ((900, True), (901, False)):
        monkeypatch.setattr(shortlist, "SMALL", small)
        assert (made.best(vector, 1, nothing) is not None) == answers
    monkeypatch.setattr(shortlist, "SMALL", 0)
    for front, k, answers in ((896, 7, True), (895, 7, False), (896, 8, False), (128, 1, True), (127, 1, False)):
        made._front = front
        made._middle = postings_middle(made, front)
        found = made.best(vector, k, nothing)
        assert (found is not None) == answers
        if found is not None:
            assert found[0].tolist() == list(range(899, 899 - k, -1))


def postings_middle(made: Shortlist, front: int) -> np.ndarray:
    return made._postings.columns.starts[:-1] + lists.counts(made._postings.rows, front, made._postings.dim)


def test_where_all_of_the_front_is_left_out_there_is_no_short_way(tmp_path):
    values = np.zeros((900, 2))
    values[:, 0] = np.linspace(1, 100, 900)
    made = shortlist_with(0.5, postings_for(tmp_path / "m", values))
    front = made._postings.order[: made._front].astype(np.int64)
    assert made.best(np.array([1.0, 0.0]), 2, front) is None
    assert made.best(np.array([1.0, 0.0]), 2, front[1:]) is None


@given(st.floats(-(2.0**99), 2.0**99, width=32), st.floats(-0.5, 0.5))
@example(0.0, -0.49)
@example(1.0, -0.5)
@example(-1.0, -0.5)
@example(2.0**-149, -0.5)
def test_what_rounds_to_a_score_reaches_the_bound_below_it(score, share):
    """Numbers of double precision up to half of a step of single precision away."""
    step = float(np.spacing(np.float32(score))) if score else 2.0**-149
    assert score + share * abs(step) >= _below(score)
    assert _below(score) < score


@pytest.mark.parametrize("scale", [0.0, 1e-120, 1e160, np.inf])
def test_vectors_without_a_bound_are_left_to_the_plain_way(tmp_path, scale):
    postings = Postings(ByRow(table(tmp_path / "model", "coded", 9, 1, seed=1)))
    with np.errstate(all="ignore"):
        assert Shortlist(postings).best(np.full(DIM, scale), 2, np.array([0])) is None


def test_recommend_takes_the_short_way_and_the_plain_one_to_the_same_answer(tmp_path):
    table(tmp_path / "model", "coded", 5, 1, seed=3)
    recommender = Recommender.open(tmp_path / "model")
    random = np.random.default_rng(0)
    histories = [random.choice(N, 4, replace=False).tolist() for _ in range(20)]
    short = [recommender.recommend(history, k=5, exclude=[7, 8]) for history in histories]
    assert any(recommender._shortlist.best(recommender.vector(h), 5, np.array(h)) is not None for h in histories)
    recommender._shortlist = None
    assert [recommender.recommend(history, k=5, exclude=[7, 8]) for history in histories] == short


@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf]), min_size=1, max_size=400), st.integers(1, 9))
def test_top_k(numbers, k):
    scores = np.array(numbers, dtype=np.float32)
    there = np.flatnonzero(scores > -np.inf).tolist()
    assert top_k(scores, k).tolist() == sorted(there, key=lambda i: (-scores[i], i))[:k]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_at_least_k_scores_reach_the_bound(seed, k):
    scores = np.random.default_rng(seed).integers(-50, 50, size=k + seed % (LANES * 200)).astype(np.float64)
    bound = kth_largest(scores, k)
    assert np.count_nonzero(scores >= bound) >= k
    assert bound in scores


@st.composite
def sparse_tables(draw) -> DecodedTable:
    """Tables as they are read, with codes of every width and columns up to more than 16 bits have room for."""
    n, dim = draw(st.integers(1, 9)), draw(st.sampled_from([1, 2, 12, 255, 257, 700, 5000, 40_000]))
    kind = draw(st.sampled_from(["odd", "int8", "float16"]))
    most = draw(st.sampled_from([1, 60, 127, 128, 5000, 1 << 20])) if kind == "odd" else 128
    lengths = draw(st.lists(st.integers(1, min(dim, 70)), min_size=n, max_size=n))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = np.concatenate([np.sort(random.choice(dim, length, replace=False)) for length in lengths])
    codes = random.integers(-most, most, len(columns))
    codes[random.random(len(codes)) < draw(st.sampled_from([0, 0.1, 1]))] //= max(most // 4, 1)
    codes = 2 * codes + 1 if kind == "odd" else codes
    narrow = np.int8 if kind == "int8" or np.abs(codes).max() < 128 else np.int16 if most < 1 << 13 else np.int32
    return DecodedTable(
        n=n,
        dim=dim,
        values=codes.astype(np.float16 if kind == "float16" else narrow),
        scales=None if kind != "int8" else np.ones(dim, dtype=np.float32),
        indptr=np.concatenate(([0], np.cumsum(lengths))).astype(np.int32),
        columns=columns.astype(np.uint8 if dim <= 256 else np.uint16),
        factors=None,
        history_factors=None,
        unit=0.5 if kind == "odd" else 1.0,
        odd=kind == "odd",
    )


def pairs_of(held: Lists, chosen: np.ndarray) -> list[list[tuple[int, float]]]:
    """Keys and codes of lists one by one, taken together, and with the codes as `multiply` has them."""
    keys, codes, lengths = held.of(chosen)
    first, last = held.slices(chosen)
    again, stored = held.stored(first, last)
    numbers = np.full(len(stored), 0.5)
    held.multiply(numbers, stored, first, last)
    assert (2 * numbers).tolist() == codes.tolist()
    assert again.tolist() == keys.tolist()
    cuts = np.cumsum(lengths)[:-1]
    parts = zip(np.split(keys, cuts), np.split(codes, cuts), strict=True)
    return [list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in parts]


@given(
    sparse_tables(), st.data(), st.sampled_from([1, 3, 256]), st.sampled_from([4, 1 << 12]), st.sampled_from([1, 64])
)
def test_lists_hold_the_table(rows, data, few, block, short):
    n, dim = rows.n, rows.dim
    owner = np.repeat(np.arange(n), np.diff(rows.indptr))
    wanted = list(zip(owner.tolist(), rows.columns.tolist(), rows.values.tolist(), strict=True))
    squares = np.bincount(owner, rows.values.astype(np.float64) ** 2)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("FEW", few), ("BLOCK", block), ("SHORT", short)):
            patch.setattr(lists, name, value)
        by_rows = by_row(rows, reuse=data.draw(st.booleans()))
        order = np.array(data.draw(st.permutations(range(n))), dtype=np.uint16)
        lengths = norms(by_rows, rows.dim)
        arranged = by_rows.arranged(order)
        columns = by_column(arranged, dim)
        asked = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=12)))
        found = pairs_of(by_rows, asked)
        again = pairs_of(arranged, asked)
        turned = pairs_of(columns, np.arange(dim)[:300])
    assert found == [[(c, v) for r, c, v in wanted if r == row] for row in asked.tolist()]
    assert again == [[(c, v) for r, c, v in wanted if r == order[place]] for place in asked.tolist()]
    place = np.argsort(order).tolist()
    for column, pairs in enumerate(turned):
        assert pairs == sorted((place[r], v) for r, c, v in wanted if c == column)
    assert (lengths >= np.sqrt(squares)).all()
    np.testing.assert_allclose(lengths, np.sqrt(squares), rtol=1e-5)


def test_a_usual_value_takes_five_bytes(tmp_path):
    """Two by row, and three by column; a few codes that are wide make no difference."""
    random = np.random.default_rng(0)
    values = random.normal(size=(2000, 300)) * (random.random((2000, 300)) < 0.1)
    values[:, 0], values[7, 3] = 1, 90
    ids = Vocabulary.of(map(str, range(2000)))
    write(tmp_path / "m", items=as_csr(values.astype(np.float32)), item_ids=ids, values_dtype="coded")
    items = read(tmp_path / "m").items
    nnz = len(items.columns)
    assert np.abs(items.values).max() > 127
    postings = Postings(ByRow(items))
    assert 2 * nnz <= postings.rows.nbytes - 4 * 2001 < 2.1 * nnz
    assert 3 * nnz <= postings.columns.nbytes - 8 * 301 < 3.1 * nnz


@pytest.mark.parametrize("different", [1, 256, 257])
def test_factors_come_back(different):
    factors = np.random.default_rng(0).permutation(np.arange(600) % different).astype(np.float32) + 1
    rows = np.array([3, 599, 0, 3])
    assert Factors(factors).take(rows).tolist() == factors[rows].tolist()
    assert Factors(factors).nbytes == (600 + 4 * different if different <= 256 else 2400)


@pytest.mark.parametrize("values_dtype", ["coded", "int8", "float16"])
def test_indices_and_counts_are_what_a_32_bit_machine_takes(tmp_path, values_dtype):
    """There, NumPy refuses int64 as an index of bincount or a count of repeat; intp and what fits an int32 pass."""
    postings = Postings(ByRow(table(tmp_path / "model", values_dtype, 9, 1, seed=4)))
    for held in (postings.rows, postings.columns):
        keys, _, lengths = held.of(np.arange(3))
        assert np.can_cast(keys.dtype, np.int32, "safe")
        assert np.can_cast(lengths.dtype, np.intp, "safe")
        assert np.can_cast(held.starts.dtype, np.intp, "safe")
    assert postings.order.dtype == postings._places.dtype == np.uint16
    assert Shortlist(postings)._middle.dtype == np.intp


@pytest.mark.parametrize(("least", "most"), [(1, 1e9), (0, 1e-9)])
def test_where_scoring_all_is_faster_it_is_done(tmp_path, monkeypatch, least, most):
    """Where a vector has few values to look at, and where bounds rule out little."""
    random = np.random.default_rng(0)
    values = (random.random((900, 300)) < 0.02) * random.random((900, 300))
    values[:, 0] = 1e-3
    postings = postings_for(tmp_path / "m", values)
    made, vector = Shortlist(postings), np.zeros(300)
    vector[5:20] = random.random(15)
    assert made.best(vector, 2, np.array([3])) is not None
    monkeypatch.setattr(shortlist, "LEAST", least)
    monkeypatch.setattr(shortlist, "MOST", most)
    assert made.best(vector, 2, np.array([3])) is None
