"""What reading left out, and why: so that nothing is dropped without a word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

REASONS = {
    "blank": ("blank lines", "blank line"),
    "where": ("rows that the condition leaves out", "row that the condition leaves out"),
    "missing": ("rows without an id", "row without an id"),
    "rating": ("rows rated lower than asked", "row rated lower than asked"),
    "zeros": ("entries of 0", "entry of 0"),
}
"""Why a row of a file is no interaction: for many, and for one."""


@dataclass(frozen=True)
class Tally:
    """Rows read, and rows left out by reason.

    Args:
        rows: rows of the source, those left out included, blank lines not.
        blank, where, missing, rating, zeros: rows left out, see `REASONS`.
        core: distinct interactions that the k-core left out.
        repeated: rows whose pair was there already.
        hints: sentences about what was kept and may surprise.
    """

    rows: int = 0
    blank: int = 0
    where: int = 0
    missing: int = 0
    rating: int = 0
    zeros: int = 0
    core: int = 0
    repeated: int = 0
    hints: tuple[str, ...] = ()

    @classmethod
    def total(cls, parts: Iterable[Tally]) -> Tally:
        """The tallies of several files together."""
        parts = tuple(parts)
        counts = {name: sum(getattr(part, name) for part in parts) for name in ("rows", *REASONS, "core", "repeated")}
        return cls(**counts, hints=tuple(hint for part in parts for hint in part.hints))

    def with_hints(self, *hints: str) -> Tally:
        """The same with more sentences."""
        return replace(self, hints=(*self.hints, *hints))

    def left_out(self) -> dict[str, int]:
        """Rows left out, by reason; reasons that left out none are not there."""
        return {name: getattr(self, name) for name in (*REASONS, "core") if getattr(self, name)}

    def sentences(self) -> list[str]:
        """What was read, what was left out and what may surprise, in words."""
        out = [f"{self.rows:,} row{'s' * (self.rows != 1)} read"]
        for name, (many, one) in REASONS.items():
            count = getattr(self, name)
            if count:
                out.append(f"{count:,} {one if count == 1 else many} passed over")
        if self.repeated:
            out.append(f"{self.repeated:,} repeated pair{'s' * (self.repeated > 1)} folded")
        if self.core:
            out.append(f"{self.core:,} interactions of rare users and items left out")
        return ["; ".join(out), *self.hints]
