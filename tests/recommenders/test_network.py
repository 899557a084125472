from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.recommenders import network
from sparserec.recommenders.network import network_of_pairs


def plainly(users, items, layers, output):
    """The same for all pairs at once, as PyTorch differentiates it."""
    hidden = torch.relu(users[:, None] + items)
    for layer in layers:
        hidden = torch.relu(F.linear(hidden, layer[:, :-1], layer[:, -1]))
    return hidden @ output


@settings(deadline=None, max_examples=60)
@given(
    users=st.integers(1, 9),
    items=st.integers(1, 9),
    widths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    pairs=st.sampled_from([1, 7, 20, 10_000]),
    seed=st.integers(0, 1000),
)
def test_scores_and_gradients_are_those_of_all_pairs_at_once(users, items, widths, pairs, seed):
    draw = torch.Generator().manual_seed(seed)

    def numbers(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()

    parts = numbers(users, widths[0]), numbers(items, widths[0])
    layers = [numbers(out, inputs + 1) for inputs, out in itertools.pairwise(widths)]
    output, upstream = numbers(widths[-1]), torch.randn(users, items, generator=draw, dtype=torch.float64)
    asked = [*parts, *layers, output]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(network.TILE, "cpu", pairs)
        found = network_of_pairs(*parts, layers, output)
        gradients = torch.autograd.grad(found, asked, upstream)
    expected = plainly(*parts, layers, output)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, asked, upstream))


def test_the_hidden_numbers_of_all_pairs_never_exist_at_once(monkeypatch):
    seen, hidden = [], network._hidden
    monkeypatch.setitem(network.TILE, "cpu", 64)
    monkeypatch.setattr(network, "_hidden", lambda *given: seen.append(hidden(*given)) or seen[-1])
    users, items = torch.randn(50, 8, requires_grad=True), torch.randn(16, 8)
    network_of_pairs(users, items, [torch.randn(4, 9)], torch.randn(4)).sum().backward()
    assert len(seen) == 2 * 13  # of 4 users each but the last, forward and backward
    assert max(numbers.shape[1] for found in seen for numbers in found) == 64
