"""How interactions are read and split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sparserec.errors import SparserecError
from sparserec.section import Settings


class DataConfig(Settings):
    """How the interactions are read and split. Part of a run: an evaluation must read the data in the same way."""

    user: str | int | None = None
    """The user column by name, or by number from 1; None finds it by its usual names."""
    item: str | int | None = None
    """The item column."""
    timestamp: str | int | None = None
    """The time stamp column."""
    rating: str | int | None = None
    """The rating column, needed with `min_rating`."""
    header: bool | None = None
    """False for a table without a line of column names."""
    separator: str | None = None
    """What stands between the fields of a table; None finds it."""
    encoding: str | None = None
    """Of text; UTF-8 when None."""
    where: str | None = None
    """A condition in SQL on the columns; other rows are left out."""
    missing: Literal["error", "drop", "text"] | None = None
    """Rows without an id: refused (None, "error"), left out, or words such as NA taken for ids."""
    timestamps: bool | None = None
    """False leaves them out."""
    min_rating: float | None = None
    """Interactions rated lower are left out."""
    kcore: int = Field(default=0, ge=0)
    """Users and items with fewer interactions are left out, repeatedly."""
    format: str | None = None
    """lightgcn, delimited, recbole, parquet, json, mtx or npz, where the name of the file does not tell."""
    split: Literal["auto", "none", "given", "random", "latest", "leave-last", "global-time"] = "auto"
    """How the test part is cut: with "latest" it is the newest of each user, with "none" there is none. "auto" takes
    the given test file, else "latest" where the order in time says something, else "random". A run remembers "latest"
    where it came to that; "auto" in a run folder or file is the given test file, else "random"."""
    validation: Literal["random", "latest"] | None = None
    """Whether validation is drawn from a user's history or its newest part; None: "random" for the split "random", else
    the newest where the order in time says something. A run remembers what that was; a run folder or file without it
    drew at random, but for "latest" and "global-time"."""
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
