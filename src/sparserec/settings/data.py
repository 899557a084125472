"""How interactions are read and split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sparserec.errors import SparserecError
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
    split: Literal["auto", "none", "given", "random", "leave-last", "global-time"] = "auto"
    """How the test part is cut; "auto" takes the given test file, else "random"; with "none" there is no test part."""
    holdout: bool | None = None
    """Whether the test part stays out of the exported model, as a benchmark needs it. None: it does where a split is
    named or a test file came with the data; else the model is trained once more on everything. A run folder or file
    without it held its test part out."""
    split_seed: int = 0
    """Seed of the split; apart from the seed of training, so that seeds can be compared on one split."""
    test_fraction: float = Field(default=0.2, ge=0, lt=1)
    """Share of the interactions that is cut off as the test part; 0 cuts none."""
    valid_users: float = Field(default=0.2, gt=0, le=1)
    """Share of the users whose interactions are used for validation."""
    valid_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of such a user's training interactions that is held out for validation."""

    def holds_out(self, test_file: bool) -> bool:
        """Whether the test part stays out of the exported model, for data with or without a test file.

        Raises:
            SparserecError: where there is no test part that could be held out.
        """
        if self.split == "none" and self.holdout:
            raise SparserecError("split 'none' cuts no test part, so holdout has nothing to hold out: leave out either")
        if self.holdout is not None:
            return self.holdout
        return self.split != "none" and (self.split != "auto" or test_file)
