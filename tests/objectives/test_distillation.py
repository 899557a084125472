from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparserec.axes import OBJECTIVES
from sparserec.objectives import Lesson
from sparserec.objectives.distillation import RELATIVE_TO, ListRegression, ListSoftmax, RelaxedRanking

LOSSES = {
    "list-regression": ListRegression(emphasis=0),
    "list-regression with emphasis": ListRegression(emphasis=2.5),
    "list-softmax": ListSoftmax(0.7),
    "relaxed-ranking": RelaxedRanking(length=3, temperature=0.6),
}


def test_the_names_of_the_configuration():
    losses = {name: kind for name, kind in OBJECTIVES.items() if kind.learns == "lists"}
    assert {name: type(kind.make(kind.settings())) for name, kind in losses.items()} == {
        "list-regression": ListRegression,
        "list-softmax": ListSoftmax,
        "relaxed-ranking": RelaxedRanking,
    }


def lesson_of(items, scores, taken):
    pairs = [(item, position) for position, own in enumerate(taken) for item in own]
    return Lesson(
        items=torch.tensor(items),
        scores=torch.tensor(scores, dtype=torch.float32),
        taken=torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T,
    )


def case(seed, n_items=13, users=4, length=6):
    """Student scores (n_items, users) and a lesson; histories from empty to all that is not listed."""
    generator = np.random.default_rng(seed)
    order = np.stack([generator.permutation(n_items) for _ in range(users)])
    wanted = 0.5 - np.sort(-generator.gamma(2.0, size=(users, length)), axis=1)
    counts = generator.integers(0, n_items - length + 1, users)
    taken = [own[length : length + count].tolist() for own, count in zip(order, counts, strict=True)]
    scores = (generator.standard_normal((n_items, users)) * 2 + 1).astype(np.float32)
    return scores, lesson_of(order[:, :length].tolist(), wanted.tolist(), taken)


def of_user(scores, lesson, position):
    """One user's part in plain numbers: student's scores, listed items, teacher's scores, history, scale."""
    items, wanted = lesson.items[position].tolist(), lesson.scores[position].double().tolist()
    taken = {item for item, own in lesson.taken.T.tolist() if own == position}
    scale = max(sum(wanted[:RELATIVE_TO]) / len(wanted[:RELATIVE_TO]), 1e-6)
    return [float(score) for score in scores[:, position]], items, wanted, taken, scale


def plain_regression(scores, lesson, emphasis):
    losses = []
    for position in range(scores.shape[1]):
        own, items, wanted, taken, scale = of_user(scores, lesson, position)
        loss = 0.0
        for item, target in zip(items, wanted, strict=True):
            loss += (1 + emphasis * target / wanted[0]) * ((own[item] - target) / scale) ** 2
        for item, score in enumerate(own):
            if item not in items and item not in taken:
                loss += (max(score - wanted[-1], 0) / scale) ** 2
        losses.append(loss / 2)
    return sum(losses) / len(losses)


def plain_softmax(scores, lesson, temperature):
    losses = []
    for position in range(scores.shape[1]):
        own, items, wanted, taken, scale = of_user(scores, lesson, position)
        heat = temperature * scale
        target = [math.exp(score / heat) for score in wanted]
        below = sum(math.exp(score / heat) for item, score in enumerate(own) if item not in taken)
        losses.append(
            -sum(
                share / sum(target) * math.log(math.exp(own[item] / heat) / below)
                for item, share in zip(items, target, strict=True)
            )
        )
    return sum(losses) / len(losses)


def plain_ranking(scores, lesson, length, temperature):
    losses = []
    for position in range(scores.shape[1]):
        own, items, _, taken, scale = of_user(scores, lesson, position)
        chance = [math.exp(score / (temperature * scale)) for score in own]
        rest = sum(chance[item] for item in range(len(own)) if item not in items and item not in taken)
        head = items[:length]
        loss = 0.0
        for rank, item in enumerate(head):
            loss -= math.log(chance[item] / (sum(chance[other] for other in head[rank:]) + rest))
        losses.append(loss / len(head))
    return sum(losses) / len(losses)


PLAIN = {
    "list-regression": lambda scores, lesson: plain_regression(scores, lesson, 0.0),
    "list-regression with emphasis": lambda scores, lesson: plain_regression(scores, lesson, 2.5),
    "list-softmax": lambda scores, lesson: plain_softmax(scores, lesson, 0.7),
    "relaxed-ranking": lambda scores, lesson: plain_ranking(scores, lesson, 3, 0.6),
}


@pytest.mark.parametrize("name", LOSSES)
@given(st.integers(0, 2**31), st.integers(4, 40), st.integers(1, 5), st.one_of(st.integers(1, 6), st.integers(1, 30)))
def test_losses_are_those_of_plain_sums(name, seed, n_items, users, length):
    scores, lesson = case(seed, n_items, users, min(length, n_items - 1))
    found = LOSSES[name](torch.from_numpy(scores), lesson).item()
    assert found == pytest.approx(PLAIN[name](scores, lesson), rel=2e-4, abs=1e-5)


# -- gradients ------------------------------------------------------------------------------------------------------


def gradient(loss, scores, lesson):
    leaf = torch.from_numpy(scores).requires_grad_()
    # Something between leaf and loss, and a factor behind it, as in a model and in an accumulated loss.
    (3 * loss(leaf * 1.0, lesson)).backward()
    assert leaf.grad is not None
    return leaf.grad.numpy() / 3


@pytest.mark.parametrize("name", LOSSES)
@given(st.integers(0, 2**31), st.integers(7, 20))
def test_gradients_are_those_of_the_plain_loss(name, seed, n_items):
    """Central differences of the plain sums, which are in float64."""
    scores, lesson = case(seed, n_items, users=2)
    found, step = gradient(LOSSES[name], scores, lesson), 1e-5
    for item in range(n_items):
        for position in range(2):
            ends = []
            for sign in (1, -1):
                moved = scores.astype(np.float64)
                moved[item, position] += sign * step
                ends.append(PLAIN[name](moved, lesson))
            assert found[item, position] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_the_history_has_no_gradient_whatever_its_scores(name):
    scores, lesson = case(5)
    item, position = lesson.taken
    assert len(item) > 3
    before = LOSSES[name](torch.from_numpy(scores), lesson).item()
    scores[item, position] = 50.0
    assert LOSSES[name](torch.from_numpy(scores), lesson).item() == pytest.approx(before, rel=1e-6)
    found = gradient(LOSSES[name], scores, lesson)
    assert (found[item, position] == 0).all()
    assert (found != 0).any()


@pytest.mark.parametrize("name", LOSSES)
def test_where_everything_is_listed_or_taken_the_loss_is_finite(name):
    lesson = lesson_of([[2, 0], [1, 3]], [[2.0, 1.0], [3.0, 0.5]], [[1, 3, 4], [0, 2, 4]])
    scores = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    value = LOSSES[name](torch.from_numpy(scores), lesson).item()
    assert value == pytest.approx(PLAIN[name](scores, lesson), rel=1e-4)
    assert np.isfinite(gradient(LOSSES[name], scores, lesson)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_teacher_who_knows_nothing_of_a_user_gives_finite_numbers(name):
    lesson = lesson_of([[0, 1]], [[0.0, 0.0]], [[2]])
    scores = np.zeros((5, 1), dtype=np.float32)
    assert np.isfinite(LOSSES[name](torch.from_numpy(scores), lesson).item())
    assert np.isfinite(gradient(LOSSES[name], scores, lesson)).all()


# -- what is particular to one --------------------------------------------------------------------------------------


def worked():
    """Item 3 is the history; items 0 and 1 are listed with 4 and 2, so a user's best is 3; item 2 is unlisted."""
    return lesson_of([[0, 1]], [[4.0, 2.0]], [[3]])


def test_list_regression_worked_by_hand():
    scores = np.array([[5.0], [1.0], [3.5], [9.0]], dtype=np.float32)
    # Squared errors 1, 1 and, above the end of the list by 1.5, 2.25; all over 3 squared.
    assert ListRegression(0)(torch.from_numpy(scores), worked()).item() == pytest.approx(4.25 / 2 / 9)
    slopes = gradient(ListRegression(0), scores, worked())[:, 0]
    np.testing.assert_allclose(slopes, [1 / 9, -1 / 9, 1.5 / 9, 0], rtol=1e-6)
    # The weights of the listed are 1 + 2 * 4 / 4 and 1 + 2 * 2 / 4.
    found = ListRegression(emphasis=2)(torch.from_numpy(scores), worked()).item()
    assert found == pytest.approx((3 + 2 + 2.25) / 2 / 9)
    slopes = gradient(ListRegression(2), scores, worked())[:, 0]
    np.testing.assert_allclose(slopes, [3 / 9, -2 / 9, 1.5 / 9, 0], rtol=1e-6)


def test_list_softmax_worked_by_hand():
    scores = np.array([[3.0], [0.0], [1.5], [9.0]], dtype=np.float32)
    # At temperature 1 scores are in units of 3: teacher e^(4/3) to e^(2/3), student e^1, e^0, e^0.5.
    first = math.exp(4 / 3) / (math.exp(4 / 3) + math.exp(2 / 3))
    expected = math.log(math.e + 1 + math.exp(0.5)) - first * 1
    assert ListSoftmax(1.0)(torch.from_numpy(scores), worked()).item() == pytest.approx(expected, rel=1e-6)


def test_relaxed_ranking_worked_by_hand():
    scores = np.array([[3.0], [0.0], [1.5], [9.0]], dtype=np.float32)
    first = math.log(math.e / (math.e + 1 + math.exp(0.5)))
    second = math.log(1 / (1 + math.exp(0.5)))
    loss = RelaxedRanking(2, 1.0)(torch.from_numpy(scores), worked()).item()
    assert loss == pytest.approx(-(first + second) / 2, rel=1e-6)
    # Only the first is ordered: the second listed item is neither below it nor in the way.
    alone = RelaxedRanking(1, 1.0)(torch.from_numpy(scores), worked()).item()
    assert alone == pytest.approx(-math.log(math.e / (math.e + math.exp(0.5))), rel=1e-6)
    assert gradient(RelaxedRanking(1, 1.0), scores, worked())[1, 0] == 0


def test_an_unlisted_item_costs_only_above_the_end_of_the_list():
    lesson = lesson_of([[0, 1]], [[4.0, 2.0]], [[]])
    scores = np.array([[4.0], [2.0], [1.9], [2.1], [-100.0], [2.0]], dtype=np.float32)
    found = gradient(ListRegression(0), scores, lesson)[:, 0]
    assert (found[[0, 1, 2, 4, 5]] == 0).all()
    assert found[3] > 0


@pytest.mark.parametrize("emphasis", [0.0, 3.0])
def test_a_student_who_scores_like_the_teacher_has_no_loss(emphasis):
    generator = np.random.default_rng(4)
    teacher = np.round(generator.standard_normal((20, 3)), 1).astype(np.float32)
    order = np.argsort(-teacher, axis=0, kind="stable").T
    taken = [own[[0, 7, 19]].tolist() for own in order]
    listed = np.stack([np.setdiff1d(own, gone, assume_unique=True)[:8] for own, gone in zip(order, taken, strict=True)])
    lesson = lesson_of(listed.tolist(), np.take_along_axis(teacher.T, listed, axis=1).tolist(), taken)
    assert ListRegression(emphasis)(torch.from_numpy(teacher), lesson).item() == 0
    assert (gradient(ListRegression(emphasis), teacher, lesson) == 0).all()


@pytest.mark.parametrize("name", ["list-softmax", "relaxed-ranking"])
def test_a_user_counts_alike_in_whatever_units_their_scores_are(name):
    scores, lesson = case(8)
    scaled = Lesson(lesson.items, lesson.scores * 64, lesson.taken)
    same = LOSSES[name](torch.from_numpy(scores), lesson).item()
    assert LOSSES[name](torch.from_numpy(scores * 64), scaled).item() == pytest.approx(same, rel=1e-5)


def test_only_the_best_scores_of_the_teacher_set_the_scale():
    wanted = [float(value) for value in range(30, 0, -1)]
    lesson = lesson_of([list(range(30))], [wanted], [[]])
    scores = np.array([wanted], dtype=np.float32).T
    scores[0] += 1
    scale = sum(wanted[:20]) / 20
    assert ListRegression(0)(torch.from_numpy(scores), lesson).item() == pytest.approx(0.5 / scale**2)


def test_the_temperatures_and_the_length_that_the_losses_have_unless_told_otherwise():
    scores, lesson = case(3, n_items=90, users=2, length=60)
    for loss, same in ((ListSoftmax(), ListSoftmax(0.2)), (RelaxedRanking(), RelaxedRanking(50, 0.2))):
        assert loss(torch.from_numpy(scores), lesson).item() == same(torch.from_numpy(scores), lesson).item()


def test_a_user_of_low_teacher_scores_counts_by_a_twentieth_of_the_mean():
    # Best scores 10 and 0.1, on average 5.05: the second user's errors are over 0.2525 instead of 0.1.
    lesson = lesson_of([[0], [1]], [[10.0], [0.1]], [[1, 2], [0, 2]])
    scores = np.array([[10.0, 0], [0, 0.3], [0, 0]], dtype=np.float32)
    loss = ListRegression(0)(torch.from_numpy(scores), lesson).item()
    assert loss == pytest.approx((0.2 / 0.2525) ** 2 / 2 / 2, rel=1e-5)


def test_where_the_teacher_knows_nothing_a_millionth_is_the_unit():
    lesson = lesson_of([[0]], [[0.0]], [[1]])
    scores = np.array([[2e-6], [0]], dtype=np.float32)
    assert ListRegression()(torch.from_numpy(scores), lesson).item() == pytest.approx(2, rel=1e-5)
