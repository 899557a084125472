from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sparserec.recommenders import FISM, Batch
from sparserec.sparsity import history_start, item_spectrum
from sparserec.tables import DenseTable, SparseTable

pytestmark = pytest.mark.usefixtures("one_thread")

N_ITEMS, DIM = 9, 5
HISTORIES = sp.csr_array(
    np.array(
        [
            [1, 0, 1, 1, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 1, 0, 0, 0, 0],
            [1, 1, 1, 1, 1, 1, 1, 1, 1],
            [0, 1, 0, 0, 0, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0],
        ],
        dtype=np.float32,
    )
)
SHARED = torch.tensor([0, 8, 4, 0])
OWN = torch.tensor([[0, 1], [2, 3], [4, 5], [6, 7], [8, 0], [1, 2]])
# (user, positive): in the history, alone in it, not in it, of a user without any history; and a user twice.
USERS, POSITIVES = torch.tensor([0, 2, 4, 1, 3, 0]), torch.tensor([3, 4, 8, 0, 8, 7])


@pytest.fixture(params=["dense", "sparse"])
def parts(request):
    """Dense rows, dense logarithms of the weights, and a model over tables that hold them."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((N_ITEMS, DIM)).astype(np.float32)
    logs = generator.standard_normal((N_ITEMS, 1)).astype(np.float32)
    if request.param == "dense":
        table = DenseTable(rows)
    else:
        mask = generator.random(rows.shape) < 0.5
        mask[np.arange(N_ITEMS), generator.integers(0, DIM, N_ITEMS)] = True
        rows[~mask] = 0
        indptr = np.concatenate(([0], np.cumsum(mask.sum(1))))
        table = SparseTable(indptr, np.nonzero(mask)[1], rows[mask], DIM)
    return rows, logs, FISM(table, DenseTable(logs), HISTORIES)


def plain_users(rows, logs, history, without=None):
    """Vectors of users from dense histories (B, n_items), one item of each taken out where it is there."""
    known = np.array(history, dtype=np.float64)
    if without is not None:
        known[np.arange(len(known)), without] = 0
    return (known * np.exp(logs[:, 0].astype(np.float64))) @ rows.astype(np.float64)


@pytest.mark.parametrize("negatives", [SHARED, OWN], ids=["shared", "own"])
def test_scores_are_those_of_the_history_without_the_positive(parts, negatives):
    rows, logs, model = parts
    positive, negative = model.scores(Batch(USERS, POSITIVES, negatives))
    vectors = plain_users(rows, logs, HISTORIES.toarray()[USERS], POSITIVES)
    every = vectors @ rows.T
    chosen = negatives[None].expand(len(USERS), -1) if negatives.dim() == 1 else negatives
    who = np.arange(len(USERS))
    np.testing.assert_allclose(positive.detach(), every[who, POSITIVES], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(negative.detach(), every[who[:, None], chosen], rtol=1e-5, atol=1e-5)
    # Nothing is known of user 1, and nothing but the positive of user 2.
    np.testing.assert_allclose(negative.detach()[[1, 3]], 0, atol=1e-6)


def test_a_batch_of_users_without_histories_scores_zero(parts):
    _, _, model = parts
    positive, negative = model.scores(Batch(torch.tensor([1, 5]), torch.tensor([0, 2]), SHARED))
    assert positive.detach().tolist() == [0, 0]
    assert negative.shape == (2, 4)
    assert (negative == 0).all()
    assert (model.catalogue_scores(torch.tensor([5])) == 0).all()


def test_catalogue_scores_and_the_scorer_are_the_plain_product(parts):
    rows, logs, model = parts
    who = np.array([4, 0, 1, 0, 3])
    expected = plain_users(rows, logs, HISTORIES.toarray()[who]) @ rows.T
    np.testing.assert_allclose(model.catalogue_scores(torch.from_numpy(who)).detach().T, expected, rtol=1e-5, atol=1e-5)
    scorer = model.scorer(HISTORIES)
    assert scorer.n_items == N_ITEMS
    found = scorer.score(who)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_scorer_takes_histories_that_the_model_was_not_trained_with(parts):
    rows, logs, model = parts
    unseen = sp.csr_array((np.random.default_rng(3).random((11, N_ITEMS)) < 0.4).astype(np.float32))
    found = model.scorer(unseen).score(np.arange(11))
    np.testing.assert_allclose(found, plain_users(rows, logs, unseen.toarray()) @ rows.T, rtol=1e-5, atol=1e-5)


def test_served_has_positive_weights_and_no_user_table(parts):
    _, logs, model = parts
    served = model.served()
    assert served.users is None
    assert served.items is model.tables["items"]
    np.testing.assert_allclose(served.history_weights.ravel(), np.exp(logs[:, 0]), rtol=1e-6)


# -- gradients ------------------------------------------------------------------------------------------------------


def spread(table):
    """The gradients that a table has, as (n_rows, dim); 0 where it has no parameter."""
    found = table.take_gradients()
    flat = np.zeros(table.nnz, dtype=np.float64)
    for number, first in enumerate(found.first_slot.tolist()):
        own = found.values[found.offsets[number] : found.offsets[number + 1]]
        flat[first : first + len(own)] += own.numpy()
    dense = np.zeros((table.n_rows, table.dim))
    if isinstance(table, SparseTable):
        indptr, columns = table.structure()
        dense[np.repeat(np.arange(table.n_rows), np.diff(indptr)), columns.astype(np.int64)] = flat
        return dense, dense != 0
    return flat.reshape(dense.shape), np.ones(dense.shape, dtype=bool)


def plain_gradients(rows, logs, loss):
    """Dense autograd in float64 of a loss of (rows, weights, dense histories)."""
    every = torch.from_numpy(rows.astype(np.float64)).requires_grad_()
    logarithms = torch.from_numpy(logs.astype(np.float64)).requires_grad_()
    loss(every, logarithms.exp()[:, 0], torch.from_numpy(HISTORIES.toarray().astype(np.float64))).backward()
    return every.grad.numpy(), logarithms.grad.numpy()


def check_gradients(model, expected):
    for name, wanted in zip(("items", "weights"), expected, strict=True):
        found, exists = spread(model.tables[name])
        np.testing.assert_allclose(found[exists], wanted[exists], rtol=2e-4, atol=2e-4)
        assert np.abs(found).max() > 0.1


@pytest.mark.parametrize("negatives", [SHARED, OWN], ids=["shared", "own"])
def test_gradients_of_scores_are_those_of_dense_autograd(parts, negatives):
    rows, logs, model = parts
    generator = np.random.default_rng(1)
    width = len(SHARED) if negatives.dim() == 1 else OWN.shape[1]
    one, many = generator.standard_normal(len(USERS)), generator.standard_normal((len(USERS), width))
    positive, negative = model.scores(Batch(USERS, POSITIVES, negatives))
    ((positive * torch.from_numpy(one).float()).sum() + (negative * torch.from_numpy(many).float()).sum()).backward()

    def plain(every, weights, histories):
        known = histories[USERS].clone()
        known[torch.arange(len(USERS)), POSITIVES] = 0
        scores = (known * weights) @ every @ every.T
        chosen = negatives[None].expand(len(USERS), -1) if negatives.dim() == 1 else negatives
        first = scores.gather(1, POSITIVES[:, None])[:, 0] * torch.from_numpy(one)
        return first.sum() + (scores.gather(1, chosen) * torch.from_numpy(many)).sum()

    check_gradients(model, plain_gradients(rows, logs, plain))


def test_gradients_of_catalogue_scores_are_those_of_dense_autograd(parts):
    rows, logs, model = parts
    users = torch.tensor([4, 0, 1, 3])
    factor = np.random.default_rng(2).standard_normal((N_ITEMS, len(users)))
    (model.catalogue_scores(users) * torch.from_numpy(factor).float()).sum().backward()

    def plain(every, weights, histories):
        return ((histories[users] * weights) @ every @ every.T * torch.from_numpy(factor.T)).sum()

    check_gradients(model, plain_gradients(rows, logs, plain))


# -- a catalogue whose answer is known ------------------------------------------------------------------------------


def test_on_a_checkerboard_the_withheld_item_comes_first():
    users, items = np.arange(10)[:, None], np.arange(12)[None, :]
    board = ((users + items) % 2 == 0).astype(np.float32)
    withheld = np.array([(user % 2) + 2 * (user // 2) for user in range(10)])
    board[np.arange(10), withheld] = 0
    history = sp.csr_array(board)
    start = history_start(item_spectrum(history, 2), np.asarray(board.sum(0), dtype=np.int64), 18)
    table = SparseTable(start.mask.indptr, start.mask.columns, start.mask.values, 2)
    model = FISM(table, DenseTable(np.log(start.weights)[:, None]), history)
    scores = np.where(board > 0, -np.inf, model.scorer(history).score(np.arange(10)))
    assert scores.argmax(axis=1).tolist() == withheld.tolist()
    stranger = sp.csr_array(np.array([[0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=np.float32))
    best = np.argsort(-model.scorer(stranger).score(np.array([0]))[0])[:6]
    assert set(best.tolist()) == {1, 3, 5, 7, 9, 11}
