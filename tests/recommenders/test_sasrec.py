from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import sparserec
from sparserec.artefact import TableData, read, write
from sparserec.device import Recommender
from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, Interactions
from sparserec.recommenders import SASRec, sasrec
from sparserec.recommenders.sequences import Sequences
from sparserec.runs import evaluate_on_device
from sparserec.runs.run import NOBODY
from sparserec.tables import DenseTable
from sparserec.vocabulary import Vocabulary


def of(sequences, n_items):
    """Interactions whose times are the places in the sequences."""
    users = np.repeat(np.arange(len(sequences)), [len(items) for items in sequences])
    items = np.concatenate(sequences)
    times = np.concatenate([np.arange(len(items)) for items in sequences])
    names = [Vocabulary.of([str(n) for n in range(count)]) for count in (len(sequences), n_items)]
    return Interactions.of(users, items, *names, times)


def model(length=4, blocks=2, n_items=6, dim=8):
    generator = np.random.default_rng(0)
    made = sasrec.weights(dim, length, blocks, generator)
    matrices = {name: matrix + generator.standard_normal(matrix.shape) / 10 for name, matrix in made.items()}
    matrices["items"] = generator.standard_normal((n_items, dim))
    return SASRec({name: DenseTable(matrix.astype(np.float32)) for name, matrix in matrices.items()}, NOBODY)


def as_it_is(values):
    return values


def test_sequences_are_in_the_order_of_time_the_newest_last():
    facts = of([[4, 1, 3], [2], [5, 0, 1, 2]], 6)
    sequences = Sequences(facts)
    assert sequences.last(np.array([0, 2, 1, 0]), 3).tolist() == [[4, 1, 3], [0, 1, 2], [-1, -1, 2], [4, 1, 3]]
    assert sequences.last(np.array([0]), 5).tolist() == [[-1, -1, 4, 1, 3]]


def test_sequences_without_times_are_refused():
    names = Vocabulary.of(["a"])
    with pytest.raises(SparserecError, match="need timestamps"):
        Sequences(Interactions.of(np.array([0]), np.array([0]), names, names))


def test_a_state_depends_on_what_came_before_and_on_nothing_after():
    first = torch.tensor([[2, 5, 1, 3]])
    states = model().hidden(first, as_it_is)
    later = model().hidden(torch.tensor([[2, 5, 4, 0]]), as_it_is)
    assert torch.equal(states[:, :2], later[:, :2])
    assert not torch.allclose(states[:, 2:], later[:, 2:])
    earlier = model().hidden(torch.tensor([[0, 5, 1, 3]]), as_it_is)
    assert not torch.allclose(states[:, 3], earlier[:, 3])


def test_padding_changes_nothing_but_the_place():
    one = model()
    short = one.hidden(torch.tensor([[5, 1]]), as_it_is)
    padded = one.hidden(torch.tensor([[-1, -1, 5, 1]]), as_it_is)
    torch.testing.assert_close(padded[:, 2:], short)


def test_scores_of_what_came_next_are_those_of_each_beginning():
    one = model()
    sequences = torch.tensor([[-1, 2, 5, 1, 3], [4, 0, 1, 2, 5]])
    positive, shared = one.next_scores(sequences, torch.tensor([0, 3]), as_it_is)
    own_negatives = torch.arange(7)[:, None] % 6
    _, own = one.next_scores(sequences, own_negatives, as_it_is)
    items, number = one.tables["items"].lookup(torch.arange(6)), 0
    for row in sequences:
        for place in range(4):
            if row[place] < 0:
                continue
            before = torch.full((1, 4), -1)
            before[0, 4 - (place + 1) :] = row[: place + 1]
            # Positions count from the end of the window, which is that of the whole sequence here.
            state = one.hidden(torch.cat([before[:, 3 - place :], row[None, place + 1 : 4]], dim=1), as_it_is)[0, place]
            expected = items @ state
            torch.testing.assert_close(positive[number], expected[row[place + 1]], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(shared[number], expected[[0, 3]], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(own[number, 0], expected[own_negatives[number, 0]], rtol=1e-4, atol=1e-5)
            number += 1
    assert number == len(positive) == 7


def test_a_user_without_a_history_has_no_preference():
    scorer = model().scorer(of([[1, 2], [3]], 6))
    assert scorer.score(np.array([0])).any()
    names = [Vocabulary.of([str(n) for n in range(count)]) for count in (1, 6)]
    empty = Interactions.of(np.zeros(0, int), np.zeros(0, int), *names, np.zeros(0, int))
    assert not model().scorer(empty).score(np.array([0])).any()


@pytest.mark.parametrize("method", ["dense", "sparserec"])
def test_it_learns_a_circle(tmp_path, method):
    """Everybody walks around a circle of 20 items, from anywhere: what comes next is certain, all are as popular."""
    generator = np.random.default_rng(0)
    walks = [(start + np.arange(8)) % 20 for start in generator.integers(0, 20, 200)]
    data = Dataset(of(walks, 20), None, "circle", True)
    settings = {"dim": 16, "epochs": 12, "batch_size": 16, "n_negatives": 19, "lr": 0.01, "dropout": 0.0, "threads": 1}
    settings |= {"blocks": 2, "values": "int8"}
    run = sparserec.train(data, tmp_path / "run", model="sasrec", method=method, density=0.5, **settings)
    assert run.evaluate("test")["ndcg@20"] > 0.95
    assert run.evaluate("test", ks=(1,))["recall@1"] > 0.9
    report = run.export(tmp_path / "model.safetensors")
    assert report.encoder == 50 * 16 + 2 * 5 * 16 * 16 + 4 * (50 + 2 * 5 * 16) + 2 * 14 * 16
    file = Recommender.open(tmp_path / "model.safetensors")
    assert file.ordered
    metrics = evaluate_on_device(file, run.split(), "test", ks=(1, 20))
    assert metrics["ndcg@20"] == pytest.approx(run.evaluate("test")["ndcg@20"], abs=0.01)
    assert metrics["recall@1"] > 0.9


@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("dense", [True, False])
@torch.no_grad()
def test_a_file_has_the_states_of_the_model(tmp_path, dense, blocks):
    """Between the model and its file is nothing but rounding: a model of the file's numbers has the file's vectors."""
    one, n_items, length = model(length=5, blocks=blocks, n_items=9), 9, 5
    served, names = one.served(), Vocabulary.of([str(n) for n in range(n_items)])
    rows = one.tables["items"].lookup(torch.arange(n_items)).numpy()
    if not dense:
        rows = np.where(np.abs(rows) > np.abs(rows).max(1, keepdims=True) / 2, rows, 0)
    table = rows
    if not dense:
        places = np.nonzero(rows)
        bounds = np.concatenate(([0], np.cumsum((rows != 0).sum(1))))
        table = TableData(bounds, places[1], rows[places], rows.shape[1])
    write(tmp_path / "m", items=table, item_ids=names, encoder=served.encoder, values_dtype="float16")
    opened = read(tmp_path / "m")
    again = of_file(opened, rows.astype(np.float16).astype(np.float32))
    rounding = np.abs(opened.encoder.matrices - served.encoder[0]).max(1)
    assert (rounding <= np.abs(served.encoder[0]).max(1) / 254 * 1.001).all()
    device, generator = Recommender.open(tmp_path / "m"), np.random.default_rng(3)
    for size in (1, 2, 5, 9):
        history = generator.permutation(n_items)[:size]
        facts = of([history], n_items)
        states = again.states(Sequences(facts), np.array([0])).numpy()[0]
        np.testing.assert_allclose(device.vector(history.tolist()), states, rtol=2e-5, atol=2e-5)
        scores = device.score_histories(*facts.ordered())[0]
        np.testing.assert_allclose(scores, again.scorer(facts).score(np.array([0]))[0], rtol=5e-5, atol=5e-5)
        whole = one.states(Sequences(facts), np.array([0])).numpy()[0]
        np.testing.assert_allclose(device.vector(history.tolist()), whole, atol=0.15 if dense else 9)
    assert opened.encoder.length == length


def of_file(opened, rows: np.ndarray) -> SASRec:
    """A model of the numbers of a file."""
    encoder, matrices = opened.encoder, {"items": rows}
    matrices["positions"], matrices["norm"] = encoder.positions, encoder.vectors[-2:]
    for number in range(encoder.blocks):
        weights, vectors = encoder.block(number)
        matrices[f"attention{number + 1}"] = np.vstack(weights[:3])
        matrices[f"norms{number + 1}"] = vectors[:4]
        matrices[f"network{number + 1}"] = np.hstack([np.vstack(weights[3:]), vectors[4:].reshape(-1, 1)])
    return SASRec({name: DenseTable(matrix.astype(np.float32)) for name, matrix in matrices.items()}, NOBODY)


def test_it_is_trained_on_data_with_times_alone(tmp_path):
    names = [Vocabulary.of([str(n) for n in range(50)]) for _ in range(2)]
    users, items = np.repeat(np.arange(50), 8), np.tile(np.arange(8), 50) + np.repeat(np.arange(50) % 40, 8)
    data = Dataset(Interactions.of(users, items, *names), None, "timeless", False)
    with pytest.raises(SparserecError, match="timestamps"):
        sparserec.train(data, tmp_path / "run", model="sasrec", dim=8, density=0.5, threads=1)
    with pytest.raises(SparserecError, match="sequences need timestamps"):
        sparserec.train(data, tmp_path / "run", model="sasrec", dim=8, density=0.5, threads=1, data={"split": "random"})


def walks(count: int = 150, n_items: int = 60) -> Dataset:
    generator = np.random.default_rng(0)
    return Dataset(
        of([(start + np.arange(8)) % n_items for start in generator.integers(0, n_items, count)], n_items),
        None,
        "walks",
        True,
    )


QUICK = {"model": "sasrec", "dim": 8, "length": 10, "epochs": 1, "batch_size": 16, "n_negatives": 19, "threads": 1}
TRANSFORMER = (10 + 5 * 8) * 8 + 4 * (10 + 5 * 8) + 2 * 8 * 8


@pytest.mark.parametrize("values", ["int8", "coded"])
@pytest.mark.parametrize("small", ["500B", "2B/item"])
def test_a_budget_too_small_for_the_transformer_says_which_one_will_do(tmp_path, small, values):
    data, settings = walks(), {**QUICK, "blocks": 1, "values": values}
    with pytest.raises(SparserecError) as caught:
        sparserec.train(data, tmp_path / "run", budget=small, **settings)
    words = f"a budget of {small} is too small for 60 items: the smallest that works is (.*)"
    told = re.fullmatch(f"{words}, of which the transformer takes {TRANSFORMER} bytes", str(caught.value))
    assert told is not None, caught.value
    assert not (tmp_path / "run").exists()
    run = sparserec.train(data, tmp_path / "run", budget=told[1], **settings)
    report = run.export(tmp_path / "m")
    assert report.encoder == TRANSFORMER
    by_the_item = told[1].endswith("/item")
    limit = float(told[1].partition("B")[0]) * (60 if by_the_item else 1) + (report.ids if by_the_item else 0)
    assert report.total <= limit


@pytest.mark.parametrize("values", ["int8", "coded"])
def test_a_budget_is_said_before_and_kept(tmp_path, values):
    data, said, settings = walks(), [], {**QUICK, "blocks": 1, "values": values}
    run = sparserec.train(data, tmp_path / "run", budget="3700B", stage=said.append, **settings)
    report = run.export(tmp_path / "m")
    assert 3300 < report.total <= 3700
    assert (tmp_path / "m").stat().st_size == report.total
    assert any("the exported file will take at most 3.7 kB" in words for words in said), said
