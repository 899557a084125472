"""The teacher of a student that learns from lists."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from sparserec.axes import TEACHERS
from sparserec.section import Settings
from sparserec.settings.names import unknown


class TeacherConfig(Settings):
    """The teacher of a history-based recommender: a closed-form filter, averaged with a linear model of items or with a
    trained one; see docs/guide/distillation.md."""

    user_power: float | None = Field(default=None, ge=0)
    """Power of their number by which a user's interactions count less; None chooses between 1 and 0.5 on the validation
    part. This and `smoothing` hold for a start without a teacher too."""
    smoothing: float | None = Field(default=None, ge=0)
    """Interactions added to those of each item where these are divided by; None chooses among 0, 5 and 20."""
    power: float | None = Field(default=None, ge=0)
    """Exponent of the singular values; None chooses among 0, 0.125, 0.25 and 0.5 on the validation part."""
    rank: int | None = Field(default=None, ge=1)
    """Singular values of the teacher; None chooses among all that were found, a half and a quarter of them, each cut to
    512 where the spectrum is "whole"."""
    neighbours: float | None = Field(default=None, ge=0)
    """Weight of the item-item graph beside the filter; None chooses among 0, 0.3, 1 and 3 on validation beside a
    low-pass filter, among 1, 1.5 and 2 beside one with a plateau."""
    spectrum: Literal["whole", "low"] = "whole"
    """Whether the teacher sees beyond the singular vectors that were found. With "whole" a linear model of items,
    EASE or one of each item's neighbours, comes first, a filter, which may have a plateau, is chosen beside it, and a
    trained teacher comes last. With "low", as in earlier versions, a filter with a power comes first, then the trained
    teacher, then EASE, and several widths of the first table are tried by training."""
    steepness: float | None = Field(default=None, ge=0)
    """Of a plateau in the place of a power; None chooses on validation among 0, which is none, 2 and 3, where the
    spectrum is "whole"."""
    ideal: float | None = Field(default=None, ge=0)
    """What the first 512 vectors count more where there is a plateau; None chooses among 0, 0.2 and 0.4."""
    exponent: float | None = Field(default=None, ge=0, le=1)
    """Of the interactions of an item, by which it is divided before a filter with a plateau and multiplied after it;
    None chooses among 0.5, 0.4 and 0.3, the largest that is about as good as the best."""
    share: float | None = Field(default=None, ge=0, lt=1)
    """Share of the trained teacher in the average; None chooses among 0, 0.25, 0.5 and 0.75 on validation."""
    trained: str = "pooled"
    """What the trained teacher is, a name of `sparserec.axes.TEACHERS`: "pooled", dense item vectors that are summed
    over a history, or "lightgcn", dense, which takes far longer an epoch; its layers are those of `layers`."""
    ease: float | None = Field(default=None, ge=0, lt=1)
    """Share of EASE in the average with all before; None chooses among 0, 0.25, 0.5 and 0.75 on validation where items
    are at most `ease_items`, and takes none where they are more."""
    ease_items: int = Field(default=12_000, ge=0)
    """Items up to which EASE is tried: its matrix has their square of numbers, and takes time with their cube."""
    local: float | None = Field(default=None, ge=0, lt=1)
    """Share of a linear model with few neighbours an item; None chooses as for `ease`, where the spectrum is "whole"
    and items are more than `ease_items`."""
    local_neighbours: int = Field(default=64, ge=1, le=1024)
    """Neighbours an item that it has: the most similar ones."""
    regularisation: float | None = Field(default=None, gt=0)
    """Of EASE; None chooses on the validation part among 100, 400 and 1600, with few neighbours among 5, 20 and 80."""
    epochs: int = Field(default=4, ge=0)
    """Passes over the users to train the trained teacher; 0 trains none."""
    dim: int = Field(default=256, ge=1)
    """Columns of the trained teacher; fewer where the catalogue is very large."""
    temperature: float = Field(default=0.1, gt=0)
    """Divides the cosines of the trained teacher in its softmax."""
    negatives_power: float = Field(default=1.0, gt=0)
    """Of the sum over negatives in the softmax of "pooled" (BSL). Above 1 a teacher added less to the average; see
    docs/decisions/0047-power-of-negatives.md."""
    lr: float = Field(default=0.01, gt=0)
    """Initial step size of the trained teacher."""
    columns: int | None = Field(default=None, ge=1)
    """Columns of the spectrum that the initial table takes; None chooses all of them or half by the validation part. A
    sparse table has a budget, so more columns are not always better. Where the spectrum is "low" they are at most
    `rank`, and judged after an epoch with each."""
    groups: bool | None = None
    """Whether columns for groups of items join those of the spectrum; None lets validation decide."""
    item_columns: bool | None = None
    """Whether a part of the trained table gives way to weights of items by items, fitted to what its scores lack of the
    teacher's; None lets validation decide. Where the spectrum is "low", or there is no budget of bytes, there are
    none."""
    length: int = Field(default=256, ge=20)
    """Items in the list that the teacher makes for each user."""

    @field_validator("trained")
    @classmethod
    def _known(cls, name: str) -> str:
        choices = [known for known in TEACHERS if not TEACHERS[known].joins]
        if name not in choices:
            raise unknown(choices)
        return name
