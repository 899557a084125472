"""How long calls take: one after the other, in turns, with a warm-up that does not count."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")


def timed(call: Callable[[], Output]) -> tuple[float, Output]:
    """Seconds of one call, and what it returned."""
    began = time.perf_counter()
    returned = call()
    return time.perf_counter() - began, returned


def turns(
    ways: Mapping[str, Callable[[Input], object]], inputs: Iterable[Input], warm: int = 0, turn: int = 1
) -> dict[str, list[float]]:
    """Seconds of every way with every input.

    The ways take turns, so that a slow moment of the machine meets all of them.

    Args:
        ways: what is compared, by name.
        inputs: what each is called with, in this order.
        warm: the first inputs, which don't count: they compile and allocate.
        turn: inputs that one way has before the next has them: with more than one it finds its data in the caches.
    """
    every = list(inputs)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for first in range(0, len(every), turn):
        for name, way in ways.items():
            for value in every[first : first + turn]:
                seconds[name].append(timed(lambda way=way, value=value: way(value))[0])
    return {name: times[warm:] for name, times in seconds.items()}


def medians(ways: Mapping[str, Callable[[Input], object]], inputs: Iterable[Input], warm: int = 0) -> dict[str, float]:
    """Median seconds of every way, see `turns`."""
    return {name: statistics.median(times) for name, times in turns(ways, inputs, warm).items()}


def quantiles(seconds: Sequence[float]) -> dict[str, Any]:
    """The median and the 99th percentile in milliseconds."""
    import numpy as np  # only here: what measures the memory of a process imports this module too

    return {f"p{q} ms": round(1000 * float(np.percentile(seconds, q)), 3) for q in (50, 99)}
