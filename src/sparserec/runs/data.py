"""A run's data: read and cut as its configuration says."""

from __future__ import annotations

import os

from sparserec.interactions import Dataset, Split, load, split
from sparserec.settings import DataConfig


def read(source: str | os.PathLike[str], config: DataConfig) -> Dataset:
    """Read interactions from a file or folder."""
    return load(
        source,
        user=config.user,
        item=config.item,
        timestamp=config.timestamp,
        rating=config.rating,
        min_rating=config.min_rating,
        kcore=config.kcore,
        format=config.format,
    )


def cut(dataset: Dataset, config: DataConfig) -> Split:
    """Cut a data set into training, validation and test parts."""
    return split(
        dataset,
        kind=config.split,
        seed=config.split_seed,
        test_fraction=config.test_fraction,
        valid_users=config.valid_users,
        valid_fraction=config.valid_fraction,
    )
