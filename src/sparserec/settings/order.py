"""What the order of a history says of what comes next."""

from __future__ import annotations

from pydantic import Field

from sparserec.section import Settings


class OrderConfig(Settings):
    """The order of histories, where interactions have timestamps; see docs/guide/order.md. What is None is chosen on
    the validation part."""

    use: bool | None = None
    """Whether a history-based recommender may know the order of a history; None lets validation decide."""
    age_decay: float | None = Field(default=None, gt=0, le=1)
    """What an item of a history counts for each newer one."""
    gap: int | None = Field(default=None, ge=1)
    """Places in a history that two items may be apart to count as a pair."""
    gap_decay: float | None = Field(default=None, gt=0, le=1)
    """What a pair counts for each place more between its items."""
    back: float | None = Field(default=None, ge=0)
    """What a pair counts in the other direction."""
    into: float | None = Field(default=None, ge=0)
    """Exponent of the interactions of the earlier item of a pair, by which it is divided."""
    out: float | None = Field(default=None, ge=0)
    """Exponent of those of the later one."""
    popular: float | None = Field(default=None, ge=0)
    """Exponent of the interactions of an item by which its weights count more when the largest ones are chosen for the
    table."""
