from __future__ import annotations

import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.errors import SparserecError
from sparserec.section import Settings
from sparserec.sparsity import (
    EXPLORERS,
    Explorer,
    ExplorerConfig,
    ExplorerKind,
    Policy,
    make_explorer,
    random_mask,
)
from sparserec.tables import RowAdam, SparseTable

SPARSE = [name for name, kind in EXPLORERS.items() if kind.table == "sparse" and not kind.pruned_from]
MOVING = [kind for kind in SPARSE if kind != "static"]


class Setup:
    """Two tables that share a budget, their optimisers, an explorer, and random batches with known gradients."""

    def __init__(self, kind, seed, *, sizes=(9, 6), dim=7, share=0.4, **config):
        generator = np.random.default_rng(seed)
        self.seed, self.sizes, self.dim, self.step = seed, sizes, dim, 0
        rows = sum(sizes)
        mask = random_mask(rows, dim, rows + int(share * rows * (dim - 1)), generator)
        cut = mask.indptr[sizes[0]]
        parts = [(mask.indptr[: sizes[0] + 1], mask.columns[:cut]), (mask.indptr[sizes[0] :] - cut, mask.columns[cut:])]
        self.tables = [
            SparseTable(indptr, columns, generator.standard_normal(len(columns)), dim) for indptr, columns in parts
        ]
        self.optimizers = [RowAdam(table, lr=0.1) for table in self.tables]
        self.importance = [generator.integers(0, 20, size) for size in sizes]
        self.config = ExplorerConfig(
            **({"interval": 3, "end": 1000, "drop_fraction": 0.5, "sample_fraction": 0.5} | config)
        )
        self.explorer = make_explorer(kind, self.tables, self.config, self.importance, seed)

    def train(self):
        """One step; returns each table's dense gradient. Gradients are whole numbers, so their sums are exact."""
        generator = np.random.default_rng([self.seed, self.step])
        self.explorer.watch(self.step)
        gradients = []
        for table in self.tables:
            rows = generator.integers(0, table.n_rows, 6)
            weights = generator.integers(-3, 4, (6, self.dim)).astype(np.float32)
            dense = np.zeros((table.n_rows, self.dim), np.float32)
            np.add.at(dense, rows, weights)
            gradients.append(dense)
            (table.lookup(torch.from_numpy(rows)) * torch.from_numpy(weights)).sum().backward()
        self.explorer.observe()
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        return gradients

    def run(self, steps):
        """Train and revise like the training loop; returns how many parameters each revision moved."""
        moved = []
        for _ in range(steps):
            self.train()
            if self.explorer.due(self.step):
                moved.append(self.explorer.revise(self.step).grown)
        return moved

    def watched(self):
        state = self.explorer.state()
        return [state[f"watched.{number}"].copy() for number in range(2)]

    def count(self):
        """How many parameters a revision moves at most, now."""
        budget = sum(table.nnz for table in self.tables)
        return int(self.count_share() * (budget - sum(self.sizes)))

    def count_share(self):
        return self.config.drop_fraction * 0.5 * (1 + math.cos(math.pi * self.step / self.config.end))

    def weights(self):
        """Every active parameter of each table: {(row, column): w}."""
        return [weights_of(table) for table in self.tables]


def weights_of(table):
    indptr, columns = table.structure()
    rows = np.repeat(np.arange(table.n_rows), np.diff(indptr))
    return dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), table.values.tolist(), strict=True))


def expected_drops(weights, count):
    """The `count` smallest |w| over both tables, where each row keeps its first largest."""
    candidates = []
    for table, own in enumerate(weights):
        best = {}
        for (row, column), w in own.items():
            if row not in best or abs(w) > abs(own[row, best[row]]):
                best[row] = column
        candidates += [(abs(w), table, place) for place, w in own.items() if best[place[0]] != place[1]]
    return {(table, place) for _, table, place in sorted(candidates)[:count]}


def expected_growth(weights, watched, evidence, count):
    """The `count` largest |evidence| over both tables, at inactive coordinates of watched rows, zeros left out."""
    candidates = [
        (-abs(evidence[table][row, column]), table, (row, column))
        for table, rows in enumerate(watched)
        for row in rows.tolist()
        for column in range(evidence[table].shape[1])
        if (row, column) not in weights[table] and evidence[table][row, column] != 0
    ]
    return {(table, place) for _, table, place in sorted(candidates)[:count]}


def changes(before, after):
    dropped = {(table, place) for table in range(2) for place in before[table].keys() - after[table].keys()}
    return dropped, {(table, place) for table in range(2) for place in after[table].keys() - before[table].keys()}


def same(one, two):
    return all(
        torch.equal(array, other)
        for a, b in zip(one.tables, two.tables, strict=True)
        for array, other in zip(a.state().values(), b.state().values(), strict=True)
    )


# -- every explorer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SPARSE)
@given(
    seed=st.integers(0, 2**31),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    dim=st.one_of(st.integers(1, 9), st.integers(254, 260)),
    share=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
    interval=st.integers(1, 4),
    drop_fraction=st.floats(0, 0.99),
    sample_fraction=st.floats(0.01, 1),
    importance=st.sampled_from(["interactions", "gradient", "uniform"]),
    accumulate=st.sampled_from(["signed", "absolute", "decay", "last"]),
    samples=st.integers(1, 6),
)
@settings(max_examples=15)
def test_the_budget_is_constant_and_no_row_is_ever_empty(kind, seed, sizes, dim, share, interval, **config):
    setup = Setup(kind, seed, sizes=sizes, dim=dim, share=share, interval=interval, end=18, **config)
    budget = sum(table.nnz for table in setup.tables)
    for _ in range(20):
        count = setup.count()
        before = setup.weights()
        moved = setup.run(1)
        assert sum(table.nnz for table in setup.tables) == budget
        for table in setup.tables:
            indptr, columns = table.structure()
            assert (np.diff(indptr) >= 1).all()
            assert columns.max() < dim
            SparseTable(indptr, columns, table.values.numpy(), dim)
        assert all(number <= max(count, 0) for number in moved)
        if not moved:
            assert [own.keys() for own in setup.weights()] == [own.keys() for own in before]


@pytest.mark.parametrize("kind", SPARSE)
def test_the_same_seed_gives_the_same_masks(kind):
    one, two, other = Setup(kind, 5), Setup(kind, 5), Setup(kind, 5)
    other.explorer = make_explorer(kind, other.tables, other.config, other.importance, 6)
    for setup in (one, two, other):
        setup.run(12)
    assert same(one, two)
    # RigL and DSL have nothing random, and static never moves.
    assert same(one, other) == (kind in {"rigl", "dsl", "static"})


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize("importance", ["interactions", "gradient"])
@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize("steps", [0, 3, 7, 8, 14, 16])
def test_a_resumed_run_goes_on_as_before(kind, importance, samples, steps):
    options = {"importance": importance, "end": 15, "samples": samples, "sample_fraction": 1 / (1 + samples)}
    whole, resumed = Setup(kind, 3, **options), Setup(kind, 3, **options)
    whole.run(steps)
    resumed.step = steps
    for table, saved in zip(resumed.tables, whole.tables, strict=True):
        table.load(saved.state())
    resumed.explorer.load(whole.explorer.state())
    for setup in (whole, resumed):
        setup.run(10)
    assert same(whole, resumed)
    states = [setup.explorer.state() for setup in (whole, resumed)]
    assert states[0].keys() == states[1].keys()
    assert all(np.array_equal(array, states[1][name]) for name, array in states[0].items())


@pytest.mark.parametrize("kind", MOVING)
def test_moving_explorers_move_and_then_stand_still(kind):
    setup = Setup(kind, 1, end=10)
    moved = setup.run(11)
    assert len(moved) == 3
    assert sum(moved) > 0
    before = [own.keys() for own in setup.weights()]
    assert setup.run(20) == []
    assert [own.keys() for own in setup.weights()] == before
    assert not any(name.startswith("watched") for name in setup.explorer.state())
    assert all(len(table.watched_gradients()[0]) == 0 for table in setup.tables)


@pytest.mark.parametrize("kind", MOVING)
def test_a_full_or_a_minimal_mask_has_nothing_to_move(kind):
    for share in (0.0, 1.0):
        setup = Setup(kind, 2, share=share)
        before = [own.keys() for own in setup.weights()]
        assert sum(setup.run(9)) == 0
        assert [own.keys() for own in setup.weights()] == before


@pytest.mark.parametrize("kind", MOVING)
def test_grown_parameters_begin_at_zero_and_kept_ones_stay(kind):
    setup = Setup(kind, 4)
    setup.run(2)
    setup.train()
    before = setup.weights()
    revision = setup.explorer.revise(setup.step)
    after = setup.weights()
    dropped, grown = changes(before, after)
    assert revision.dropped == revision.grown == len(dropped) == len(grown) > 0
    assert all(after[table][place] == 0 for table, place in grown)
    for old, new in zip(before, after, strict=True):
        assert all(new[place] == old[place] for place in old.keys() & new.keys())


def test_an_unknown_explorer_is_refused():
    with pytest.raises(SparserecError, match="unknown method 'genetic'; there are: sparserec, static, set, rigl, dsl"):
        make_explorer("genetic", [], ExplorerConfig(interval=1, end=2), [], 0)


def test_the_kinds_that_come_with_the_package():
    kinds = {name: EXPLORERS[name] for name in EXPLORERS if name in EXPLORERS.built_in}
    assert [name for name, kind in kinds.items() if kind.table == "sparse" and kind.pruned_from is None] == [
        "sparserec",
        "static",
        "set",
        "rigl",
        "dsl",
    ]
    assert kinds["dense"].table == "dense"
    assert {name: kind.pruned_from for name, kind in kinds.items() if kind.pruned_from} == {
        "magnitude": "dense",
        "pep": "threshold",
    }
    for name, kind in kinds.items():
        policy = kind.policy(kind.settings())
        assert policy.explores == (name in MOVING)
        assert policy.watches == {"static": "none", "rigl": "all", "dsl": "all"}.get(
            name, "sample" if name in MOVING else "none"
        )
    assert kinds["pep"].settings.section == kinds["magnitude"].settings.section == "pruning"
    assert kinds["pep"].settings().dense_share == 0.5


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_the_dense_share_of_pruning_lies_between_0_and_1(share):
    settings = EXPLORERS["magnitude"].settings
    assert [settings(dense_share=end).dense_share for end in (0, 1)] == [0, 1]
    with pytest.raises(ValueError, match="dense_share"):
        settings(dense_share=share)


def test_a_method_may_drop_by_a_score_of_its_own():
    """By interactions: the rows with most of them lose theirs first, whatever their weights."""
    seen = []

    def busiest(table, interactions, generator):
        seen.append((interactions.tolist(), int(generator.integers(1 << 30))))
        lengths = np.diff(table.structure()[0])
        return np.repeat(-interactions, lengths).astype(np.float32)

    plain = EXPLORERS["sparserec"].policy(None)
    setup = Setup("sparserec", 0, sizes=(4, 4), share=0.9, sample_fraction=1.0, drop_fraction=0.1)
    interactions = [np.array([1, 2, 3, 4]), np.array([5, 6, 7, 8])]
    setup.explorer = Explorer(replace(plain, drop_scores=busiest), setup.tables, setup.config, interactions, seed=3)
    for _ in range(3):
        setup.train()
    before = setup.weights()
    count = setup.explorer.revise(setup.step).dropped
    dropped, _ = changes(before, setup.weights())
    assert len(dropped) == count == 3
    assert {(table, row) for table, (row, _) in dropped} == {(1, 3)}
    assert [part for part, _ in seen] == [[1, 2, 3, 4], [5, 6, 7, 8]]
    # One stream of numbers for both tables, which is a new one in each round.
    assert len({number for _, number in seen}) == 2


def test_the_settings_that_an_explorer_has_unless_told_otherwise():
    assert ExplorerConfig(interval=7, end=9) == ExplorerConfig(7, 9, 0.2, 0.2, "interactions", 0.5, "signed", 1)
    plain = Policy(watches="all", grow_scores=max)
    assert (plain.explores, plain.per_table) == (True, False)


def test_freed_memory_is_given_back_after_an_exploration(monkeypatch):
    calls = []

    class Library:
        def __init__(self, name):
            assert name is None  # the program itself

        def malloc_trim(self, room):
            calls.append(room.value)

    monkeypatch.setattr("ctypes.CDLL", Library)
    assert len(Setup("sparserec", 0).run(9)) == 3
    assert calls == [0, 0, 0]


def test_nothing_is_observed_where_nothing_is_watched():
    setup = Setup("static", 0)
    setup.explorer.observe()
    state = setup.explorer.state()
    assert state["round"].tolist() == [0]
    assert not any(state[f"activity.{number}"].any() for number in range(2))


def test_the_rounds_are_counted():
    setup = Setup("sparserec", 0)
    assert setup.explorer.state()["round"].dtype == np.int64
    for rounds in range(1, 4):
        setup.run(3)
        assert setup.explorer.state()["round"].tolist() == [rounds]


# -- each explorer --------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**31),
    accumulate=st.sampled_from(["signed", "absolute", "last"]),
    importance=st.sampled_from(["interactions", "gradient", "uniform"]),
    share=st.floats(0.05, 0.9),
    sample_fraction=st.floats(0.1, 1),
)
@settings(max_examples=25)
def test_sparserec_grows_the_largest_evidence_and_drops_the_smallest_weights(seed, accumulate, share, **config):
    setup = Setup("sparserec", seed, share=share, accumulate=accumulate, **config)
    for _ in range(4):
        evidence = [np.zeros((size, setup.dim), np.float32) for size in setup.sizes]
        for _ in range(setup.config.interval):
            for number, gradient in enumerate(setup.train()):
                evidence[number] = gradient + (0 if accumulate == "last" else evidence[number])
                if accumulate == "absolute":
                    evidence[number] += np.abs(gradient) - gradient
        watched, before = setup.watched(), setup.weights()
        assert sum(map(len, watched)) == max(1, round(config["sample_fraction"] * sum(setup.sizes)))
        assert setup.explorer.due(setup.step)
        growth = expected_growth(before, watched, evidence, setup.count())
        drops = expected_drops(before, len(growth))
        setup.explorer.revise(setup.step)
        assert changes(before, setup.weights()) == (drops, growth)


@given(seed=st.integers(0, 2**31), share=st.floats(0.05, 0.9))
@settings(max_examples=15)
def test_rigl_grows_by_the_last_batch_alone(seed, share):
    setup = Setup("rigl", seed, share=share)
    every = [np.arange(size) for size in setup.sizes]
    for _ in range(4):
        for _ in range(setup.config.interval):
            last = setup.train()
        before = setup.weights()
        growth = expected_growth(before, every, last, setup.count())
        drops = expected_drops(before, len(growth))
        setup.explorer.revise(setup.step)
        assert changes(before, setup.weights()) == (drops, growth)


@given(seed=st.integers(0, 2**31), share=st.floats(0.05, 0.9))
@settings(max_examples=15)
def test_dsl_grows_by_the_last_batch_and_each_table_keeps_its_number_of_parameters(seed, share):
    setup = Setup("dsl", seed, share=share)
    sizes = [table.nnz for table in setup.tables]
    for _ in range(4):
        for _ in range(setup.config.interval):
            last = setup.train()
        before = setup.weights()
        growth, drops = set(), set()
        for number, (size, nnz) in enumerate(zip(setup.sizes, sizes, strict=True)):
            count = int(setup.count_share() * (nnz - size))
            alone = [own if table == number else {} for table, own in enumerate(before)]
            watched = [np.arange(size) if table == number else np.zeros(0, int) for table in range(2)]
            grown = expected_growth(before, watched, last, count)
            growth |= grown
            drops |= expected_drops(alone, len(grown))
        setup.explorer.revise(setup.step)
        assert changes(before, setup.weights()) == (drops, growth)
        assert [table.nnz for table in setup.tables] == sizes


# -- several samples in a window ------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**31),
    samples=st.integers(2, 5),
    interval=st.integers(2, 6),
    sample_fraction=st.floats(0.05, 0.6),
    importance=st.sampled_from(["interactions", "gradient", "uniform"]),
    share=st.floats(0.05, 0.9),
)
@settings(max_examples=30)
def test_of_several_samples_the_largest_evidence_grows(seed, samples, share, **config):
    """Beside a reference that keeps the whole evidence of each sample."""
    setup = Setup("sparserec", seed, share=share, samples=samples, sizes=(12, 9), **config)
    for _ in range(3):
        evidence = [np.zeros((size, setup.dim), np.float32) for size in setup.sizes]
        drawn = [[] for _ in setup.sizes]
        last = None
        for step in range(setup.config.interval):
            gradients = setup.train()
            part = step * samples // setup.config.interval
            for own, rows, mine, gradient in zip(drawn, setup.watched(), evidence, gradients, strict=True):
                if part != last:
                    own.extend(rows.tolist())
                mine[rows] += gradient[rows]
            last = part
        assert all(len(set(own)) == len(own) for own in drawn), "a row was in two samples of a window"
        watched = [np.array(sorted(own), dtype=np.int64) for own in drawn]
        # Scores are compared, not places: among equal ones the earlier sample comes first, whatever its rows.
        before = setup.weights()
        growth = expected_growth(before, watched, evidence, setup.count())
        setup.explorer.revise(setup.step)
        dropped, grown = changes(before, setup.weights())
        assert len(grown) == len(growth)
        scores = [sorted(abs(evidence[table][place]) for table, place in chosen) for chosen in (grown, growth)]
        assert scores[0] == scores[1]
        assert all(row in drawn[table] for table, (row, _) in grown)
        assert dropped == expected_drops(before, len(grown))


def test_four_samples_of_a_quarter_see_every_row():
    setup = Setup("sparserec", 0, sizes=(16, 12), sample_fraction=0.25, samples=4, interval=8)
    seen = [set(), set()]
    for _ in range(8):
        setup.train()
        for own, rows in zip(seen, setup.watched(), strict=True):
            own |= set(rows.tolist())
    assert [len(own) for own in seen] == [16, 12]


@pytest.mark.parametrize(("interval", "samples", "expected"), [(8, 4, 4), (7, 3, 3), (2, 5, 2), (4, 1, 1)])
def test_a_window_has_as_many_samples_as_it_has_steps_for(interval, samples, expected):
    setup = Setup("sparserec", 0, sizes=(40, 30), sample_fraction=0.1, interval=interval, samples=samples)
    seen = []
    for _ in range(interval):
        setup.train()
        seen.append(tuple(np.concatenate(setup.watched()).tolist()))
    assert len(set(seen)) == expected
    assert {len(rows) for rows in seen} == {7}


def test_what_earlier_samples_showed_is_forgotten_at_the_end():
    setup = Setup("sparserec", 0, interval=4, samples=2, end=7)
    setup.run(7)
    assert any(name.startswith("kept") for name in setup.explorer.state())
    setup.run(1)
    assert not any(name.startswith(("kept", "watched", "part")) for name in setup.explorer.state())


def test_no_more_is_kept_of_earlier_samples_than_may_grow():
    setup = Setup("sparserec", 0, sizes=(40, 30), interval=8, samples=4, sample_fraction=0.25, drop_fraction=0.1)
    budget = sum(table.nnz for table in setup.tables) - 70
    for step in range(1, 9):
        setup.train()
        state = setup.explorer.state()
        kept = sum(len(state[name]) for name in state if name.startswith("kept") and name.endswith("rows"))
        most = int(0.1 * 0.5 * (1 + math.cos(math.pi * 8 / 1000)) * budget)
        assert kept == (most if step > 2 else 0)


def test_rigl_watches_only_in_the_last_step_of_a_window():
    setup = Setup("rigl", 0, interval=4)
    sizes = []
    for _ in range(9):
        setup.train()
        sizes.append(sum(map(len, setup.watched())))
        if setup.explorer.due(setup.step):
            setup.explorer.revise(setup.step)
    assert sizes == [0, 0, 0, 15, 0, 0, 0, 15, 0]


@given(seed=st.integers(0, 2**31), share=st.floats(0.05, 0.9), sample_fraction=st.floats(0.1, 1))
@settings(max_examples=15)
def test_set_grows_in_watched_rows_and_drops_the_smallest_weights(seed, share, sample_fraction):
    setup = Setup("set", seed, share=share, sample_fraction=sample_fraction)
    for _ in range(4):
        for _ in range(setup.config.interval):
            setup.train()
        watched, before = setup.watched(), setup.weights()
        free = sum(
            (row, column) not in before[table]
            for table, rows in enumerate(watched)
            for row in rows.tolist()
            for column in range(setup.dim)
        )
        count = min(setup.count(), free)
        setup.explorer.revise(setup.step)
        dropped, grown = changes(before, setup.weights())
        assert dropped == expected_drops(before, count)
        assert len(grown) == count
        assert all(row in watched[table] for table, (row, _) in grown)


def test_set_grows_anywhere_in_the_watched_rows():
    grown = set()
    for seed in range(60):
        setup = Setup("set", 0, sample_fraction=1.0)
        setup.explorer = make_explorer("set", setup.tables, setup.config, setup.importance, seed)
        before = setup.weights()
        setup.run(3)
        grown |= changes(before, setup.weights())[1]
    inactive = sum(setup.sizes) * setup.dim - sum(map(len, before))
    assert len(grown) == inactive


@pytest.mark.parametrize("kind", ["set", "sparserec"])
def test_each_window_watches_a_sample_of_its_own(kind):
    setup = Setup(kind, 0, sizes=(40, 30), sample_fraction=0.3)
    samples = []
    for _ in range(12):
        setup.train()
        samples.append(np.concatenate(setup.watched()).tolist())
        if setup.explorer.due(setup.step):
            setup.explorer.revise(setup.step)
    windows = [samples[first : first + 3] for first in range(0, 12, 3)]
    assert all(window[0] == window[1] == window[2] for window in windows)
    assert len({tuple(window[0]) for window in windows}) == 4


def test_static_watches_nothing_and_never_moves():
    setup = Setup("static", 0)
    before = [own.keys() for own in setup.weights()]
    assert setup.run(12) == []
    assert not any(setup.explorer.due(step) for step in range(1000))
    assert not any(name.startswith("watched") for name in setup.explorer.state())
    assert setup.explorer.revise(3).grown == 0
    assert [own.keys() for own in setup.weights()] == before


def test_rows_with_more_interactions_are_watched_more_often():
    setup = Setup("sparserec", 0, sample_fraction=0.2, alpha=1.0)
    importance = [np.where(np.arange(size) < 3, 30, 1) for size in setup.sizes]
    seen = [np.zeros(size) for size in setup.sizes]
    for seed in range(60):
        setup.explorer = make_explorer("sparserec", setup.tables, setup.config, importance, seed)
        setup.explorer.watch(0)
        for own, rows in zip(seen, setup.watched(), strict=True):
            own[rows] += 1
    assert min(own[:3].min() for own in seen) > max(own[3:].max() for own in seen)


def test_with_gradient_importance_the_rows_that_moved_are_remembered():
    setup = Setup("sparserec", 0, importance="gradient", sample_fraction=1.0)
    gradients = setup.train()
    for number, gradient in enumerate(gradients):
        activity = setup.explorer.state()[f"activity.{number}"]
        np.testing.assert_allclose(activity, 0.1 * np.linalg.norm(gradient, axis=1), rtol=1e-5)


def test_what_a_row_showed_fades_by_a_tenth_whenever_it_is_seen():
    setup = Setup("sparserec", 0, importance="gradient", sample_fraction=1.0)
    expected = [np.zeros(size) for size in setup.sizes]
    for _ in range(2):
        for activity, gradient in zip(expected, setup.train(), strict=True):
            touched = np.linalg.norm(gradient, axis=1) > 0
            activity[touched] = 0.9 * activity[touched] + 0.1 * np.linalg.norm(gradient[touched], axis=1)
    for number, activity in enumerate(expected):
        seen = setup.explorer.state()[f"activity.{number}"]
        assert seen.dtype == np.float32
        np.testing.assert_allclose(seen[activity > 0], activity[activity > 0], rtol=1e-5)


def watched_after(activities, count, *, rounds=1, importance="gradient", interactions=None, seed=0):
    """The rows that are watched when an explorer goes on from these activities: a window's sample of `count`."""
    fraction = count / sum(map(len, activities))
    setup = Setup("sparserec", seed, sizes=tuple(map(len, activities)), importance=importance, sample_fraction=fraction)
    if interactions is not None:
        setup.explorer = make_explorer("sparserec", setup.tables, setup.config, interactions, seed)
    state = {f"activity.{number}": np.array(own, dtype=np.float32) for number, own in enumerate(activities)}
    setup.explorer.load(state | {"round": np.array([rounds])})
    setup.explorer.watch(0)
    return [rows.tolist() for rows in setup.watched()]


def test_a_row_that_was_never_watched_counts_as_an_average_one_of_its_table():
    for seed in range(10):
        # Rows 0 of both tables: of the first they count as half a billion, of the second as a billionth.
        assert watched_after([[0, 1e9, 1e-9], [0, 1e-9]], 2, seed=seed) == [[0, 1], []]


def shares(count, *args, **more):
    """How often each row of two tables is the one that is watched, over so many seeds."""
    drawn = [np.zeros(len(part)) for part in args[0]]
    for seed in range(count):
        for counts, rows in zip(drawn, watched_after(*args, 1, seed=seed, **more), strict=True):
            counts[rows] += 1
    return [counts / count for counts in drawn]


def test_the_average_is_over_the_rows_that_showed_something():
    # Counted as 1 like the others, the row that was never watched is one of eight.
    first, _ = shares(300, [[0, 1, 1, 1, 1], [1, 1, 1]])
    assert 0.06 < first[0] < 0.19
    # Counted as 1 like the only one that was, the others are seven of eight.
    first, _ = shares(300, [[1, 0, 0, 0, 0, 0, 0], [1]])
    assert 0.06 < first[0] < 0.19
    # A table that never showed anything counts as one whose rows showed 1.
    first, _ = shares(300, [[1, 1, 1, 1], [0, 0, 0, 0]])
    assert 0.41 < first.sum() < 0.59


def test_interactions_count_by_their_root_unless_told_otherwise():
    interactions = [np.array([1, 100]), np.array([1])]
    _, second = shares(400, [[0, 0], [0]], importance="interactions", interactions=interactions)
    assert 0.04 < second[0] < 0.13  # one of 1 + 10 + 1


def test_in_a_table_that_never_showed_anything_all_rows_count_as_one():
    for seed in range(10):
        assert watched_after([[1e-9, 0, 1e-9], [0, 0]], 2, seed=seed) == [[], [0, 1]]


def test_in_the_first_round_gradients_are_not_known_and_interactions_count():
    interactions = [np.array([0, 9, 0]), np.array([9, 0])]
    for rounds, rows in ((0, [[1], [0]]), (1, [[0], [1]])):
        activities = [[1e9, 1e-9, 1e-9], [1e-9, 1e9]]
        assert watched_after(activities, 2, rounds=rounds, interactions=interactions) == rows


def test_where_rows_count_alike_their_interactions_do_not_matter():
    interactions = [np.array([0, 1e9, 0]), np.array([1e9, 0])]
    seen = [
        watched_after([[0] * 3, [0] * 2], 2, importance="uniform", interactions=interactions, seed=seed)
        for seed in range(40)
    ]
    assert {row for first, _ in seen for row in first} == {0, 1, 2}
    assert {row for _, second in seen for row in second} == {0, 1}


def test_at_least_one_row_is_watched():
    assert sum(map(len, watched_after([[1, 1, 1], [1, 1]], 0.01))) == 1


@pytest.mark.parametrize("kind", ["rigl", "dsl"])
def test_every_row_is_watched_from_the_last_step_of_a_window_on(kind):
    setup = Setup(kind, 0, interval=2, end=5)
    for step, watched in ((0, [0, 0]), (1, [9, 6]), (1, [9, 6]), (2, [0, 0]), (3, [9, 6])):
        setup.explorer.watch(step)
        assert [len(rows) for rows in setup.watched()] == watched
    setup.explorer.watch(5)
    assert not any(name.startswith("watched") for name in setup.explorer.state())


def test_watching_a_window_again_keeps_its_evidence():
    setup = Setup("sparserec", 0, sample_fraction=1.0)
    first = setup.train()
    setup.explorer.watch(setup.step)
    for number, gradient in enumerate(first):
        evidence = setup.explorer.state()[f"evidence.{number}"]
        assert evidence.dtype == np.float32
        np.testing.assert_array_equal(evidence, gradient)


def test_after_the_end_tables_keep_no_full_gradients():
    setup = Setup("sparserec", 0, end=2, sample_fraction=1.0)
    setup.train()
    seen = []
    setup.explorer.observe = lambda: seen.append([len(table.watched_gradients()[0]) for table in setup.tables])
    for _ in range(2):
        setup.train()
    assert min(seen[0]) > 0
    assert seen[1] == [0, 0]


def test_what_was_watched_before_is_forgotten_where_another_state_is_put_back():
    setup = Setup("sparserec", 0)
    fresh = setup.explorer.state()
    setup.train()
    assert "watched.0" in setup.explorer.state()
    setup.explorer.load(fresh)
    assert setup.explorer.state().keys() == fresh.keys()


def test_a_method_is_made_of_its_settings():
    plain, seen = EXPLORERS["sparserec"].policy(None), []

    class Own(Settings):
        section = "own"
        strength: int = 3

    kind = ExplorerKind(policy=lambda settings: seen.append(settings.strength) or plain, settings=Own)
    assert (kind.table, kind.pruned_from, ExplorerKind(policy=max).settings().model_dump()) == ("sparse", None, {})
    EXPLORERS.register("own", kind)
    try:
        for settings in (None, Own(strength=5)):
            make_explorer("own", [], ExplorerConfig(interval=1, end=2), [], 0, settings)
    finally:
        EXPLORERS.unregister("own")
    assert seen == [3, 5]


def test_what_is_put_back_is_a_copy():
    one, other = Setup("sparserec", 0, importance="gradient"), Setup("sparserec", 0, importance="gradient")
    one.train()
    state = one.explorer.state()
    before = {name: array.copy() for name, array in state.items()}
    other.explorer.load(state)
    for _ in range(2):
        other.train()
    assert all(np.array_equal(array, state[name]) for name, array in before.items())


def test_the_evidence_is_freed_before_a_table_is_revised():
    setup = Setup("sparserec", 0)
    for _ in range(setup.config.interval):
        setup.train()
    # The tensors themselves: an array that is made of one is gone anyway.
    evidence = [weakref.ref(part) for part in setup.explorer._evidence]
    alive = []
    for table in setup.tables:

        def revise(*arguments, plain=table.revise):
            alive.extend(part() is not None for part in evidence)
            plain(*arguments)

        table.revise = revise
    assert setup.explorer.revise(setup.step).grown > 0
    assert alive == [False] * 4


def test_an_exploration_works_where_the_c_library_cannot_return_memory(monkeypatch):
    def no_library(name):
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert sum(Setup("sparserec", 0).run(9)) > 0
