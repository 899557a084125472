from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec.recommenders import network as module
from sparserec.recommenders.network import network, network_of_pairs


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
        patch.setitem(module.TILE, "cpu", pairs)
        found = network_of_pairs(*parts, layers, output)
        gradients = torch.autograd.grad(found, asked, upstream)
    expected = network(parts[0][:, None] + parts[1], layers, output)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, asked, upstream))


def test_the_hidden_numbers_of_all_pairs_never_exist_at_once(monkeypatch):
    seen, hidden = [], module._hidden
    monkeypatch.setitem(module.TILE, "cpu", 64)
    monkeypatch.setattr(module, "_hidden", lambda *given: seen.append(hidden(*given)) or seen[-1])
    users, items = torch.randn(50, 8, requires_grad=True), torch.randn(16, 8)
    network_of_pairs(users, items, [torch.randn(4, 9)], torch.randn(4)).sum().backward()
    assert len(seen) == 2 * 13  # of 4 users each but the last, forward and backward
    assert max(numbers.shape[1] for found in seen for numbers in found) == 64
