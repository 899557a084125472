"""How interactions are read and split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sparserec.section import Settings


class DataConfig(Settings):
    """How the interactions are read and split. Part of a run: an evaluation must read the data in the same way."""

    user: str | None = None
    """Name of the user column; None finds it by its usual names."""
    item: str | None = None
    """Name of the item column."""
    timestamp: str | None = None
    """Name of the time stamp column."""
    rating: str | None = None
    """Name of the rating column, needed with `min_rating`."""
    min_rating: float | None = None
    """Interactions rated lower are left out."""
    kcore: int = Field(default=0, ge=0)
    """Users and items with fewer interactions are left out, repeatedly."""
    format: str | None = None
    """lightgcn, delimited, recbole or parquet, where the name of the file does not tell."""
    split: Literal["auto", "given", "random", "leave-last", "global-time"] = "auto"
    """How the test part is cut; "auto" takes the given test file, else "random"."""
    split_seed: int = 0
    """Seed of the split; apart from the seed of training, so that seeds can be compared on one split."""
    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of the interactions that is cut off as the test part."""
    valid_users: float = Field(default=0.2, gt=0, le=1)
    """Share of the users whose interactions are used for validation."""
    valid_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of such a user's training interactions that is held out for validation."""
