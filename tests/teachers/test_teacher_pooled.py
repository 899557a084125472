from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparserec.teachers import AverageScorer, OfHistories, PooledSettings, PooledTeacher, Raised, pooled, train_pooled
from sparserec.teachers.pooled import _Adam, _Trainer


def groups(n_users=120, n_items=40, n_groups=4, seed=0):
    """Users take items of one group, four in five of them: the missing ones are the right recommendation."""
    generator = np.random.default_rng(seed)
    user, item = np.arange(n_users) % n_groups, np.arange(n_items) % n_groups
    taken = (user[:, None] == item[None, :]) & (generator.random((n_users, n_items)) < 0.8)
    return sp.csr_array(taken.astype(np.float32)), user[:, None] == item[None, :]


def random_vectors(n_items=40, dim=8, seed=1):
    return np.random.default_rng(seed).standard_normal((n_items, dim)).astype(np.float32)


def test_it_finds_the_missing_items_of_a_group():
    history, right = groups()
    teacher = train_pooled(history, random_vectors(), PooledSettings(epochs=30, batch=32, lr=0.02))
    scores = teacher.score_histories(history)
    missing, others = right & (history.toarray() == 0), ~right
    lowest = np.where(missing, scores, np.inf).min(axis=1)
    highest = np.where(others, scores, -np.inf).max(axis=1)
    asked = missing.any(axis=1)
    assert (lowest[asked] > highest[asked]).mean() > 0.95


@pytest.mark.parametrize(("negatives", "power"), [(4096, 1.0), (10, 1.0), (4096, 1.2), (10, 0.9)])
def test_the_loss_is_that_of_the_formula(negatives, power):
    history, _ = groups(n_users=6, n_items=40)
    settings = PooledSettings(temperature=0.3, power=power, negatives=negatives)
    trainer = _Trainer(history, random_vectors(), settings)
    users = np.arange(6)
    batch = trainer._draw(users, np.random.default_rng(5))
    loss = float(trainer._loss(batch, *trainer._rows(batch)).detach())
    into = trainer._into.detach().numpy().astype(np.float64) * np.exp(trainer._weights.detach().numpy())[:, None]
    out = trainer._out.detach().numpy().astype(np.float64)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    drawn, often = np.arange(40), np.zeros(40)
    if negatives < 20:
        drawn = np.sort(np.random.default_rng(5).choice(40, negatives, p=trainer._chances))
        often = np.log(negatives * trainer._chances[drawn])
    total = weights = 0.0
    for user in users:
        own = history.indices[history.indptr[user] : history.indptr[user + 1]]
        vector = into[own].sum(axis=0)
        scores = out[drawn] @ (vector / np.linalg.norm(vector)) / 0.3 - often
        rest = np.exp(scores[~np.isin(drawn, own)]).sum() ** power
        for item in own:
            without = vector - into[item]
            hit = np.exp(out[item] @ (without / np.linalg.norm(without)) / 0.3)
            total += -np.log(hit / (hit + rest)) * len(own) ** -0.5
            weights += len(own) ** -0.5
    assert loss == pytest.approx(total / weights, rel=1e-4)


@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    dim=st.integers(1, 9),
    seed=st.integers(0, 2**20),
)
def test_cosines_without_an_item_and_their_gradients_are_those_of_autograd(counts, dim, seed):
    generator = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(counts)), counts)
    known = np.concatenate([np.sort(generator.choice(6, count, replace=False)) for count in counts])
    offsets = np.concatenate(([0], np.cumsum(counts)))
    entries = pooled._Entries(offsets, owner, known, known + 2)
    shapes = (len(counts), dim), (len(owner),), (6, dim), (9, dim)
    drawn = [generator.standard_normal(shape).astype(np.float32) for shape in shapes]
    asked = torch.from_numpy(generator.standard_normal(len(owner)).astype(np.float32))
    fast = [torch.from_numpy(part).requires_grad_() for part in drawn]
    plain = [torch.from_numpy(part.astype(np.float64)).requires_grad_() for part in drawn]
    found = pooled.left_out_cosines(*fast, entries)
    (found * asked).sum().backward()
    whole, weights, into, out = plain
    rest = whole[owner] - weights[:, None] * into[known]
    cosines = torch.nn.functional.cosine_similarity(rest, out[known + 2], dim=1, eps=1e-12)
    (cosines * asked.double()).sum().backward()
    np.testing.assert_allclose(found.detach().numpy(), cosines.detach().numpy(), rtol=1e-4, atol=1e-5)
    for one, other in zip(fast, plain, strict=True):
        size = max(1.0, float(other.grad.abs().max()))
        np.testing.assert_allclose(one.grad.numpy() / size, other.grad.numpy() / size, rtol=1e-3, atol=5e-4)


@pytest.mark.parametrize("negatives", [4096, 10])
def test_steps_over_the_rows_of_a_batch_are_those_of_adam_over_the_whole_tables(negatives):
    history, _ = groups(n_users=40)
    trainer, plain = (_Trainer(history, random_vectors(), PooledSettings(negatives=negatives)) for _ in range(2))
    adam = torch.optim.Adam([{"params": [plain._out, plain._into]}, {"params": [plain._weights]}], lr=0.01)
    adam.param_groups[1]["lr"] = 0.03

    class Whole:
        def __init__(self, table):
            self.values = table

        def places(self, rows):
            return rows

    for step in range(4):
        users = np.arange(10 * step, 10 * step + 10)
        trainer._step(users, 0.01, np.random.default_rng(step))
        adam.zero_grad()
        batch = plain._draw(users, np.random.default_rng(step))
        plain._loss(batch, Whole(plain._into), Whole(plain._out)).backward()
        adam.step()
    for name in ("_out", "_into", "_weights"):
        one, other = (getattr(own, name).detach().numpy() for own in (trainer, plain))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("shape", [(1,), (37, 5)])
def test_adam_takes_the_steps_of_that_of_pytorch(shape):
    generator = torch.Generator().manual_seed(3)
    ours = torch.nn.Parameter(torch.randn(shape, generator=generator))
    theirs = torch.nn.Parameter(ours.detach().clone())
    one, other = _Adam(ours, times=2), torch.optim.Adam([theirs])
    for step in range(1, 30):
        lr = 0.05 / step
        other.param_groups[0]["lr"] = 2 * lr
        there = torch.rand(shape, generator=generator) < 0.5
        theirs.grad = torch.randn(shape, generator=generator) * there
        ours.grad = theirs.grad.clone()
        one.step(lr)
        other.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_same_seed_gives_the_same_teacher_and_another_another():
    history, _ = groups()
    one, same, other = (
        train_pooled(history, random_vectors(), PooledSettings(epochs=2, batch=32, negatives=10, seed=seed))
        for seed in (0, 0, 1)
    )
    scores = one.score_histories(history)
    np.testing.assert_array_equal(scores, same.score_histories(history))
    assert not np.array_equal(scores, other.score_histories(history))


def test_a_teacher_does_not_depend_on_the_number_of_threads_of_its_kernels(on_threads):
    history, _ = groups()
    one, two = on_threads(lambda: train_pooled(history, random_vectors(), PooledSettings(epochs=2, batch=32)))
    np.testing.assert_array_equal(one.into, two.into)
    np.testing.assert_array_equal(one.out, two.out)


def test_progress_is_told_and_the_loss_falls():
    history, _ = groups()
    told = []
    train_pooled(
        history, random_vectors(), PooledSettings(epochs=5, batch=32), lambda done, loss: told.append((done, loss))
    )
    assert [done for done, _ in told] == [1, 2, 3, 4, 5]
    assert told[-1][1] < told[0][1]


def test_a_user_of_one_item_teaches_nothing_and_an_empty_history_scores_0():
    history = sp.csr_array(np.eye(40, dtype=np.float32))
    assert len(_Trainer(history, random_vectors(), PooledSettings())._known) == 0
    teacher = train_pooled(history, random_vectors(), PooledSettings(epochs=1))
    empty = sp.csr_array((1, 40), dtype=np.float32)
    assert (teacher.score_histories(empty) == 0).all()


def test_no_gradient_is_left_on_what_is_scored_with():
    history, _ = groups()
    teacher = train_pooled(history, random_vectors(), PooledSettings(epochs=1))
    assert isinstance(teacher, PooledTeacher)
    assert not torch.is_tensor(teacher.score_histories(history))
    assert pooled.LOWEST < -1e6


# -- averages -------------------------------------------------------------------------------------------------------


class Given:
    n_items = 4

    def __init__(self, scores):
        self._scores = np.array(scores, dtype=np.float32)

    def score(self, users):
        return np.tile(self._scores, (len(users), 1))


def test_an_average_divides_each_teacher_by_its_best_new_items(monkeypatch):
    monkeypatch.setattr("sparserec.teachers.average.BEST", 2)
    history = sp.csr_array(np.array([[1, 0, 0, 0]], dtype=np.float32))
    parts = [(Given([9, 4, 2, 0]), 0.25), (Given([50, 0, 10, 30]), 0.75)]
    scores = AverageScorer(parts, history).score(np.array([0]))
    # New items are 1, 2 and 3: the two best are 4 and 2, mean 3; and 30 and 10, mean 20.
    # The scale is the first one's, 3.
    np.testing.assert_allclose(scores[0, 1:], [0.25 * 4, 0.25 * 2 + 0.75 * 1.5, 0.75 * 4.5], rtol=1e-6)
    assert scores[0, 0] == -np.inf


def test_where_there_are_few_new_items_the_mean_is_over_those():
    history = sp.csr_array(np.array([[1, 1, 1, 0]], dtype=np.float32))
    scores = AverageScorer([(Given([1, 2, 3, 4]), 1.0)], history).score(np.array([0]))
    assert scores[0, 3] == pytest.approx(4.0)


def test_users_keep_the_scale_of_the_first_teacher():
    class Longer:
        n_items = 4

        def score_histories(self, histories):
            return np.asarray(histories.sum(axis=1))[:, None] * np.array([[1.0, 2, 3, 4]], dtype=np.float32)

    history = sp.csr_array(np.array([[1, 0, 0, 0], [1, 1, 0, 0]], dtype=np.float32))
    parts = [(OfHistories(Longer(), history), 0.5), (Given([1, 1, 1, 1]), 0.5)]
    scores = AverageScorer(parts, history).score(np.array([0, 1]))
    np.testing.assert_allclose(scores[0, 2:], [0.5 * 3 + 0.5 * 3, 0.5 * 4 + 0.5 * 3], rtol=1e-6)
    np.testing.assert_allclose(scores[1, 2:], [0.5 * 6 + 0.5 * 7, 0.5 * 8 + 0.5 * 7], rtol=1e-6)


@pytest.mark.parametrize("exponent", [1, 2, 3, 3.5])
def test_raised_scores_have_nothing_below_zero(exponent):
    scores = Raised(Given([0.5, 0.25, -0.1, 1.0]), exponent).score(np.array([0]))
    np.testing.assert_allclose(scores[0], [0.5**exponent, 0.25**exponent, 0, 1], rtol=1e-6)
