"""Bytes and durations, as people read them."""

from __future__ import annotations


def bytes_text(count: float) -> str:
    """A number of bytes for people, in powers of 1,000: 12 B, 3.4 kB, 1.2 MB."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def seconds_text(seconds: float) -> str:
    """A duration for people: 8 s, 2 min 05 s, 1 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def left_text(seconds: float) -> str:
    """Time left, for people, no more exact than an estimate is: "a few s", "about 40 s", "about 3 min"."""
    if seconds < 7.5:
        return "a few s"
    if seconds < 57.5:
        return f"about {5 * round(seconds / 5)} s"
    if seconds < 3570:
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {seconds_text(300 * round(seconds / 300))}"
