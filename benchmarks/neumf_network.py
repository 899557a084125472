"""NeuMF's network over all pairs of a batch and its negatives: in tiles, as it is trained, and all pairs at once.

Nanoseconds a pair forward and backward, the best of some repetitions, on one thread.

    python benchmarks/neumf_network.py
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

import common
from sparserec.recommenders.network import network, network_of_pairs


def nanoseconds(scores: Callable[[], Tensor], upstream: Tensor, repetitions: int) -> float:
    """Of a pair, forward and backward."""
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        scores().backward(upstream)
        times.append(time.perf_counter() - began)
    return round(1e9 * min(times) / upstream.numel(), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1024, help="users (default 1024)")
    parser.add_argument("--negatives", type=int, nargs="+", default=[64, 512], help="default 64 512")
    parser.add_argument("--repetitions", type=int, default=20, help="default 20")
    args = parser.parse_args()
    torch.set_num_threads(1)
    draw, rows = torch.Generator().manual_seed(0), []

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw).requires_grad_()

    for first, second in ((16, 8), (32, 16)):
        layers, output = [numbers(second, first + 1)], numbers(second)
        for count in args.negatives:
            users, items = numbers(args.batch, first), numbers(count, first)
            upstream = torch.randn(args.batch, count, generator=draw)
            ways = {
                "in tiles": lambda u=users, i=items, la=layers, o=output: network_of_pairs(u, i, la, o),
                "at once": lambda u=users, i=items, la=layers, o=output: network(u[:, None] + i, la, o),
            }
            row = {"hidden": [first, second], "negatives": count}
            row |= {f"{way}: ns": nanoseconds(scores, upstream, args.repetitions) for way, scores in ways.items()}
            rows.append(row | {"ratio": round(row["at once: ns"] / row["in tiles: ns"], 1)})
            print(rows[-1], flush=True)
    common.save("neumf_network", shlex.join(["python", "benchmarks/neumf_network.py", *sys.argv[1:]]), {"rows": rows})


if __name__ == "__main__":
    main()
