"""Hand-written backward passes against autograd of the plain formula, at every argument and in every entry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sparserec.axes import OBJECTIVES
from sparserec.objectives import Lesson, LossOfProducts, SampledSoftmax
from sparserec.objectives.distillation import ListRegression
from sparserec.objectives.regression import ROWS
from sparserec.tables import SparseTable

# -- sampled softmax ------------------------------------------------------------------------------------------------


def plain_softmax(positive, negative, allowed, temperature):
    """Cross entropy of the first of the logits, those that are not allowed at minus infinity."""
    logits = torch.cat([positive[:, None], negative.masked_fill(~allowed, -torch.inf)], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(positive), dtype=torch.int64))


def scores_of(users, count, seed, forbidden):
    """Scores within one unit, so that at every temperature here no share of the softmax is lost to rounding."""
    generator = torch.Generator().manual_seed(seed)
    positive, negative = (torch.rand(shape, generator=generator).double() for shape in (users, (users, count)))
    allowed = torch.rand(users, count, generator=generator) >= forbidden
    return positive.requires_grad_(), negative.requires_grad_(), allowed


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.7, 1.0, 2.0, 3.0])
@pytest.mark.parametrize(("users", "count"), [(1, 1), (5, 4), (3, 600)])
@pytest.mark.parametrize("forbidden", [0.0, 0.4])
@pytest.mark.parametrize("upstream", [1.0, -2.5])
def test_softmax_has_the_gradients_of_the_plain_formula(temperature, users, count, forbidden, upstream):
    positive, negative, allowed = scores_of(users, count, users, forbidden)
    loss = SampledSoftmax(temperature)(positive, negative, allowed)
    expected = plain_softmax(positive, negative, allowed, temperature)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-13)
    ours, theirs = (torch.autograd.grad(value * upstream, (positive, negative)) for value in (loss, expected))
    for gradient, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-9, atol=1e-16)
    assert ((ours[1] != 0) == allowed).all()  # so none of them can hide an error
    assert ((ours[0] != 0) == allowed.any(1)).all()


def test_the_gradients_of_softmax_worked_by_hand():
    positive = torch.tensor([0.0, 0.0], requires_grad=True)
    negative = torch.tensor([[0.0, 0.0, 9.0], [0.5 * math.log(2), 9.0, 9.0]], requires_grad=True)
    allowed = torch.tensor([[True, True, False], [True, False, False]])
    (6 * SampledSoftmax(0.5)(positive, negative, allowed)).backward()
    # Shares of the softmax: thirds for the first user, 1 and 2 thirds for the second. Times 6, over 2 users and 0.5.
    torch.testing.assert_close(positive.grad, torch.tensor([-2 / 3, -2 / 3]) * 6)
    torch.testing.assert_close(negative.grad, torch.tensor([[1 / 3, 1 / 3, 0], [2 / 3, 0, 0]]) * 6)


def test_softmax_of_scores_that_overflow_has_finite_gradients():
    positive = torch.tensor([900.0, -900.0], requires_grad=True)
    negative = torch.tensor([[-900.0, -900.0], [900.0, -900.0]], requires_grad=True)
    loss = SampledSoftmax(1.0)(positive, negative, torch.ones(2, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 900  # (0 + 1800) / 2
    assert positive.grad.tolist() == [0.0, -0.5]
    assert negative.grad.tolist() == [[0.0, 0.0], [0.5, 0.0]]


def test_softmax_writes_over_none_of_its_arguments():
    positive, negative, allowed = scores_of(3, 5, 1, 0.3)
    before = positive.detach().clone(), negative.detach().clone(), allowed.clone()
    SampledSoftmax(0.2)(positive, negative, allowed).backward()
    for part, copy in zip((positive, negative, allowed), before, strict=True):
        assert torch.equal(part, copy)


# -- regression on a teacher's list ---------------------------------------------------------------------------------


def plain_regression(scores, lesson, emphasis):
    """Squared errors of the listed, and of what is above the list's end; over the square of the best twenty's mean."""
    teacher = lesson.scores.double()
    best = teacher[:, :20].mean(1)
    best = best.clamp(min=max(1e-6, 0.05 * best.mean().item()))
    listed = scores.T.gather(1, lesson.items)
    weight = 1 + emphasis * teacher / teacher[:, :1]
    rest = torch.ones_like(scores, dtype=torch.bool)
    rest[lesson.items.T, torch.arange(scores.shape[1])] = False
    rest[lesson.taken[0], lesson.taken[1]] = False
    over = torch.where(rest, (scores - teacher[:, -1]).clamp(min=0), 0)
    errors = (weight * (listed - teacher).square()).sum(1) + over.square().sum(0)
    return (errors / best.square()).mean() / 2


def lesson_of(n_items, users, length, taken, seed):
    """Scores (n_items, users), every other one above the end of its list, and a lesson."""
    generator = np.random.default_rng(seed)
    order = np.stack([generator.permutation(n_items) for _ in range(users)])
    teacher = np.sort(generator.uniform(1, 4, (users, length)), axis=1)[:, ::-1].astype(np.float32)
    pairs = [(item, user) for user in range(users) for item in order[user, length : length + taken]]
    scores = teacher[:, -1] + np.where(np.arange(n_items) % 2, 1, -1)[:, None] * generator.uniform(0.1, 2, (n_items, 1))
    lesson = Lesson(
        torch.from_numpy(order[:, :length]),
        torch.from_numpy(teacher.copy()),
        torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T,
    )
    return torch.from_numpy(scores.astype(np.float32)), lesson


@pytest.mark.parametrize(
    ("n_items", "users", "length", "taken"), [(7, 1, 3, 2), (ROWS, 2, 5, 0), (2 * ROWS + 88, 3, 30, 40), (60, 4, 1, 9)]
)
@pytest.mark.parametrize("emphasis", [0.0, 6.0])
@pytest.mark.parametrize("upstream", [1.0, 2.0, -0.75])
def test_regression_has_the_gradients_of_the_plain_formula(n_items, users, length, taken, emphasis, upstream):
    scores, lesson = lesson_of(n_items, users, length, taken, seed=n_items)
    ours, theirs = scores.clone().requires_grad_(), scores.double().requires_grad_()
    # The loss puts its argument aside for a moment, so it is no leaf, as in a model.
    loss, expected = ListRegression(emphasis)(ours * 1, lesson), plain_regression(theirs, lesson, emphasis)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    (upstream * loss).backward()
    (upstream * expected).backward()
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=2e-5, atol=1e-7)
    listed = torch.zeros_like(scores, dtype=torch.bool)
    listed[lesson.items.T, torch.arange(users)] = True
    mine = torch.zeros_like(listed)
    mine[lesson.taken[0], lesson.taken[1]] = True
    above = scores > lesson.scores[:, -1]
    # Every listed item pulls, and of the others those above the end of the list, which none of the history is.
    assert ((ours.grad != 0) == (listed | (above & ~mine))).all()
    assert mine.any() == (taken > 0)


def test_regression_leaves_the_scores_as_they_were():
    scores, lesson = lesson_of(40, 3, 5, 4, seed=0)
    leaf = scores.clone().requires_grad_()
    through = leaf * 1
    ListRegression()(through, lesson).backward()
    assert torch.equal(through.detach(), scores)


def test_where_nothing_flows_back_regression_has_no_gradient():
    scores, lesson = lesson_of(40, 3, 5, 4, seed=2)
    leaf = scores.clone().requires_grad_()
    (0 * ListRegression()(leaf * 1, lesson)).backward()
    assert (leaf.grad == 0).all()


def test_the_emphasis_of_the_list_is_six_unless_told_otherwise():
    scores, lesson = lesson_of(40, 3, 5, 4, seed=1)
    value = ListRegression()(scores.clone(), lesson).item()
    assert value == pytest.approx(plain_regression(scores.double(), lesson, 6.0).item(), rel=1e-5)


def products_of(n_items, users, seed, dim=6, active=3):
    """A sparse table whose last row is all 0, and users' vectors."""
    generator = np.random.default_rng(seed)
    columns = np.sort([generator.choice(dim, active, replace=False) for _ in range(n_items)], axis=1).ravel()
    values = generator.normal(size=n_items * active).astype(np.float32)
    values[-active:] = 0
    vectors = torch.from_numpy(generator.normal(size=(users, dim)).astype(np.float32))
    return SparseTable(active * np.arange(n_items + 1), columns, values, dim), vectors


def gradients_of_products(table, vectors, lesson, objective, upstream):
    """The loss, the gradients of the vectors and of the active parameters, and those of every other row in full."""
    table.watch(np.arange(0, table.n_rows, 2))
    vectors = vectors.clone().requires_grad_()
    loss = table.loss_of_products(vectors, lambda *parts: objective.of_products(*parts, lesson))
    (upstream * loss).backward()
    assert vectors.grad is not None
    watched, active = torch.zeros(-(-table.n_rows // 2), table.dim), torch.zeros(table.nnz)
    places, full = table.watched_gradients()
    watched[places] = full
    taken = table.take_gradients()
    assert taken is not None
    slots = torch.repeat_interleave(taken.first_slot - taken.offsets[:-1], torch.diff(taken.offsets))
    active[slots + torch.arange(len(slots))] = taken.values
    return loss.detach(), vectors.grad, active, watched


SIZES = [(7, 1, 3, 2), (ROWS, 2, 5, 0), (2 * ROWS + 88, 33, 30, 40), (60, 4, 1, 9), (40, 9, 40, 0)]


@pytest.mark.parametrize(("n_items", "users", "length", "taken"), SIZES)
@pytest.mark.parametrize("emphasis", [0.0, 6.0])
@pytest.mark.parametrize("upstream", [1.0, -0.75])
@pytest.mark.parametrize("room", [1, 4096])
def test_products_that_are_not_kept_have_the_gradients_of_the_plain_formula(
    n_items, users, length, taken, emphasis, upstream, room
):
    table, vectors = products_of(n_items, users, n_items)
    _, lesson = lesson_of(n_items, users, length, taken, seed=n_items)
    dense = torch.zeros(n_items, table.dim, dtype=torch.float64)
    indptr, columns = table.structure()
    rows = torch.from_numpy(np.repeat(np.arange(n_items), np.diff(indptr)))
    dense[rows, torch.from_numpy(columns.astype(np.int64))] = table.values.double()
    dense.requires_grad_()
    theirs = vectors.double().requires_grad_()
    expected = plain_regression(dense @ theirs.T, lesson, emphasis)
    (upstream * expected).backward()
    objective = ListRegression(emphasis)
    objective._room = room
    loss, of_vectors, active, watched = gradients_of_products(table, vectors, lesson, objective, upstream)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(of_vectors.double(), theirs.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(active.double(), dense.grad[rows, columns.astype(np.int64)], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(watched.double(), dense.grad[::2], rtol=1e-4, atol=1e-6)
    assert active.abs().max() > 0


def test_a_listed_item_of_the_history_counts_as_listed():
    _, lesson = lesson_of(40, 3, 5, 4, seed=3)
    both = Lesson(lesson.items, lesson.scores, torch.stack([lesson.items[:, 2], torch.arange(3)]))
    table, vectors = products_of(40, 3, 5)
    loss, of_vectors, *_ = gradients_of_products(table, vectors, both, ListRegression(), 1.0)
    ours = vectors.clone().requires_grad_()
    expected = ListRegression()(table.product(torch.arange(40), ours), both)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(of_vectors, ours.grad)


def test_what_is_not_kept_does_not_depend_on_the_number_of_threads(on_threads):
    table, vectors = products_of(3 * ROWS, 20, 4)
    _, lesson = lesson_of(3 * ROWS, 20, 30, 10, seed=4)
    one, two = on_threads(lambda: gradients_of_products(table, vectors, lesson, ListRegression(), 1.0))
    for mine, other in zip(one, two, strict=True):
        assert torch.equal(mine, other)


def test_where_nothing_flows_back_products_have_no_gradient():
    table, vectors = products_of(40, 3, 2)
    _, lesson = lesson_of(40, 3, 5, 4, seed=2)
    _, of_vectors, active, _ = gradients_of_products(table, vectors, lesson, ListRegression(), 0.0)
    assert (of_vectors == 0).all()
    assert (active == 0).all()


def test_the_list_of_losses_says_which_need_no_array_of_scores():
    kinds = {name: kind for name, kind in OBJECTIVES.items() if kind.learns == "lists"}
    able = {name for name, kind in kinds.items() if isinstance(kind.make(kind.settings()), LossOfProducts)}
    assert able == {name for name, kind in kinds.items() if kind.of_products} == {"list-regression"}
