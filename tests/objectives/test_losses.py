from __future__ import annotations

import math

import pytest
import torch

from sparserec.axes import OBJECTIVES
from sparserec.objectives import BPR, CorrectsChances, ObjectiveKind, SampledSoftmax


def test_softmax_worked_by_hand():
    positive = torch.tensor([1.0])
    negative = torch.tensor([[0.0, 2.0]])
    allowed = torch.tensor([[True, True]])
    expected = -math.log(math.exp(2) / (math.exp(2) + math.exp(0) + math.exp(4)))
    assert SampledSoftmax(0.5)(positive, negative, allowed).item() == pytest.approx(expected, rel=1e-6)


def test_chances_are_subtracted_from_the_logits_of_negatives_alone():
    """log of exp(s+) + sum of exp(s-) / chance, with scores divided by the temperature."""
    chances = torch.tensor([0.25, 0.5, 1.0])
    positive, negative = torch.tensor([1.0, 0.2]), torch.tensor([[0.0, 2.0, 0.5], [0.3, 0.1, -1.0]])
    allowed = torch.tensor([[True, True, True], [True, False, True]])
    loss = SampledSoftmax(0.5, logq=True)
    value = loss(positive, loss.corrected(negative, chances.log), allowed).item()
    first = math.exp(0) / 0.25 + math.exp(4) / 0.5 + math.exp(1) / 1
    second = math.exp(0.6) / 0.25 + math.exp(-2) / 1
    expected = [math.log(math.exp(2) + first) - 2, math.log(math.exp(0.4) + second) - 0.4]
    assert value == pytest.approx(sum(expected) / 2, rel=1e-6)
    plain = SampledSoftmax(0.5)
    assert torch.equal(plain.corrected(negative, lambda: pytest.fail("not asked")), negative)
    assert isinstance(loss, CorrectsChances)
    assert not isinstance(BPR(), CorrectsChances)


def test_softmax_leaves_out_forbidden_negatives():
    positive, negative = torch.tensor([0.3, 0.3]), torch.tensor([[0.1, 9.0], [0.1, 9.0]])
    allowed = torch.tensor([[True, False], [True, False]])
    without = SampledSoftmax(1.0)(positive, negative[:, :1], allowed[:, :1])
    assert SampledSoftmax(1.0)(positive, negative, allowed).item() == pytest.approx(without.item())


@pytest.mark.parametrize("loss", [SampledSoftmax(0.2), BPR()])
def test_a_user_without_any_allowed_negative_costs_nothing_and_has_no_gradient(loss):
    positive = torch.tensor([0.5], requires_grad=True)
    negative = torch.tensor([[0.1, 0.2]], requires_grad=True)
    value = loss(positive, negative, torch.zeros(1, 2, dtype=torch.bool))
    value.backward()
    assert value.item() == 0.0
    assert positive.grad is not None
    assert torch.isfinite(positive.grad).all()
    assert (positive.grad == 0).all()
    assert negative.grad is not None
    assert (negative.grad == 0).all()


def test_bpr_worked_by_hand():
    value = BPR()(torch.tensor([1.0]), torch.tensor([[0.0, 3.0]]), torch.tensor([[True, True]]))
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert value.item() == pytest.approx(expected, rel=1e-6)


def test_bpr_is_the_mean_over_users_of_the_mean_over_their_allowed_negatives():
    allowed = torch.tensor([[True, False, False], [True, True, True]])
    value = BPR()(torch.tensor([1.0, 0.0]), torch.tensor([[0.0, 50, 50], [0.0, 0, 0]]), allowed)
    # Of the first user one negative counts, of the second three, all alike.
    assert value.item() == pytest.approx((math.log(1 + math.exp(-1)) + math.log(2)) / 2, rel=1e-6)


def test_the_temperature_is_a_tenth_unless_told_otherwise():
    arguments = torch.tensor([0.2]), torch.tensor([[0.1]]), torch.tensor([[True]])
    assert SampledSoftmax()(*arguments).item() == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-5)


def test_the_losses_that_come_with_the_package():
    kinds = {name: OBJECTIVES[name] for name in OBJECTIVES if name in OBJECTIVES.built_in}
    assert {name for name, kind in kinds.items() if kind.learns == "ranking"} == {"softmax", "bpr"}
    assert {name for name, kind in kinds.items() if not kind.shared_negatives} == {"bpr"}
    assert all(kind.learns in {"ranking", "lists"} for kind in kinds.values())
    plain = ObjectiveKind(make=max)
    assert (plain.learns, plain.shared_negatives, plain.summary) == ("ranking", True, "")


def test_the_temperature_of_the_softmax_is_a_setting():
    kind, arguments = OBJECTIVES["softmax"], (torch.tensor([2.0]), torch.tensor([[1.0]]), torch.tensor([[True]]))
    assert kind.settings.section == "softmax"
    # In units of the temperature the positive is ahead by 1, and by 4.
    for settings, ahead in ((kind.settings(), 1), (kind.settings(temperature=0.25), 4)):
        assert kind.make(settings)(*arguments).item() == pytest.approx(math.log(1 + math.exp(-ahead)), rel=1e-4)
    assert kind.make(kind.settings(logq=True)).corrected(torch.zeros(1, 1), lambda: torch.ones(1)).item() == -1
    assert kind.make(kind.settings()).corrected(torch.zeros(1, 1), lambda: torch.ones(1)).item() == 0
    with pytest.raises(ValueError, match="temperature"):
        kind.settings(temperature=0)
    assert isinstance(OBJECTIVES["bpr"].make(OBJECTIVES["bpr"].settings()), BPR)
