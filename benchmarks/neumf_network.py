"""NeuMF's network over all pairs of a batch and its negatives: in tiles, as it is trained, and all pairs at once.

Nanoseconds a pair forward and backward, the best of some repetitions, on one thread.

    python benchmarks/neumf_network.py
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor

from sparserec.bench.script import Rows, run
from sparserec.bench.timing import turns
from sparserec.recommenders.network import network, network_of_pairs


def main(
    batch: Annotated[int, "users"] = 1024,
    negatives: Sequence[int] = (64, 512),
    repetitions: int = 20,
) -> Rows:
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw).requires_grad_()

    for first, second in ((16, 8), (32, 16)):
        layers, output = [numbers(second, first + 1)], numbers(second)
        for count in negatives:
            users, items = numbers(batch, first), numbers(count, first)
            upstream = torch.randn(batch, count, generator=draw)
            ways = {
                "in tiles": lambda g, u=users, i=items, m=layers, o=output: network_of_pairs(u, i, m, o).backward(g),
                "at once": lambda g, u=users, i=items, m=layers, o=output: network(u[:, None] + i, m, o).backward(g),
            }
            seconds = turns(ways, [upstream] * repetitions)
            best = {way: round(1e9 * min(times) / upstream.numel(), 1) for way, times in seconds.items()}
            row = {"hidden": [first, second], "negatives": count, **{f"{way}: ns": ns for way, ns in best.items()}}
            yield row | {"ratio": round(best["at once"] / best["in tiles"], 1)}
    return {}


if __name__ == "__main__":
    run(main, quick={"batch": 32, "negatives": [16], "repetitions": 2})
