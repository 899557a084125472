"""A small network over pairs of users and items; over all pairs of many, a tile at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = {"cpu": 1 << 13}
"""Pairs in a tile: few enough that their hidden numbers stay in a core's cache."""
TILE_ELSEWHERE = 1 << 20
"""Pairs in a tile on other devices, which want large ones."""


def network(first: Tensor, layers: Sequence[Tensor], output: Tensor) -> Tensor:
    """What a network with ReLU gives each of some pairs (...,), differentiable.

    Args:
        first: (..., h) float32, what its first layer makes of a pair, before the ReLU.
        layers: (h', h + 1), (h'', h' + 1), ...: weights of the layers after the first, the bias as the last column.
        output: (h'',) weights of the last layer's numbers.
    """
    hidden = torch.relu(first)
    for layer in layers:
        hidden = torch.relu(F.linear(hidden, layer[:, :-1], layer[:, -1]))
    return hidden @ output


def network_of_pairs(users: Tensor, items: Tensor, layers: Sequence[Tensor], output: Tensor) -> Tensor:
    """`network` of every user with every item: (B, K), differentiable once in all arguments.

    The first layer is linear in the user and in the item, so the sum of their two parts is what the first ReLU sees.
    The hidden numbers of a pair, many times its score, exist for the pairs of one tile only; backward computes them
    again, which is faster than reading back what doesn't fit a cache.

    Args:
        users: (B, h) float32, what the first layer makes of the users' rows.
        items: (K, h) float32, the same of the items'.
        layers: as for `network`.
        output: as for `network`.
    """
    return _Network.apply(users, items, output, *layers)


class _Network(torch.autograd.Function):
    @staticmethod
    def forward(ctx, users: Tensor, items: Tensor, output: Tensor, *layers: Tensor) -> Tensor:
        ctx.save_for_backward(users, items, output, *layers)
        scores = users.new_empty(len(users), len(items))
        columns, rows = users.T.contiguous(), items.T.contiguous()
        for part in _tiles(users, items):
            hidden = _hidden(columns[:, part], rows, layers)[-1]
            scores[part] = (output @ hidden).view(-1, len(items))
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        users, items, output, *layers = ctx.saved_tensors
        columns, rows = users.T.contiguous(), items.T.contiguous()
        of_users, of_items, of_output = torch.empty_like(columns), torch.zeros_like(rows), torch.zeros_like(output)
        of_layers = [torch.zeros_like(layer) for layer in layers]
        for part in _tiles(users, items):
            hidden = _hidden(columns[:, part], rows, layers)
            scores = gradient[part].reshape(-1)
            of_output.addmv_(hidden[-1], scores)
            flow = _through_relu(output[:, None] * scores, hidden[-1])
            for layer, below, of_layer in zip(
                reversed(layers), reversed(hidden[:-1]), reversed(of_layers), strict=True
            ):
                of_layer[:, :-1].addmm_(flow, below.T)
                of_layer[:, -1] += flow.sum(1)
                flow = _through_relu(layer[:, :-1].T @ flow, below)
            flow = flow.view(len(flow), -1, len(items))
            of_users[:, part] = flow.sum(2)
            of_items += flow.sum(1)
        return of_users.T, of_items.T, of_output, *of_layers


def _tiles(users: Tensor, items: Tensor) -> list[slice]:
    """Blocks of users whose pairs with all items make a tile, one user at least."""
    size = max(1, TILE.get(users.device.type, TILE_ELSEWHERE) // max(1, len(items)))
    return [slice(first, min(first + size, len(users))) for first in range(0, len(users), size)]


def _hidden(columns: Tensor, rows: Tensor, layers: Sequence[Tensor]) -> list[Tensor]:
    """The numbers (h, pairs) after each ReLU; pairs are columns, so that every loop is a long one."""
    numbers = (columns[:, :, None] + rows[:, None]).relu_().view(len(rows), -1)
    outputs = [numbers]
    for layer in layers:
        numbers = torch.addmm(layer[:, -1:], layer[:, :-1], numbers).relu_()
        outputs.append(numbers)
    return outputs


def _through_relu(flow: Tensor, after: Tensor) -> Tensor:
    """A gradient behind a ReLU from the one before it and the ReLU's results."""
    return torch.ops.aten.threshold_backward(flow, after, 0)
