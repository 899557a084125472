"""The data sets of a grid: folders by name, or the made-up catalogue."""

from __future__ import annotations

import os
from pathlib import Path

from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, load, synthetic

SYNTHETIC = "synthetic"


def dataset(root: Path, name: str) -> Dataset:
    """A data set of `root` by its folder's name; "synthetic" is made up, the same each time."""
    if name == SYNTHETIC:
        return synthetic(n_users=300, n_items=200, interactions_per_user=20, n_clusters=8, seed=3)[0]
    ratings = root / name / "ratings.csv"  # as MovieLens has it, beside files of titles
    return load(ratings if ratings.exists() else root / name)


def data_root(given: Path | None) -> Path:
    """The folder of data sets: the one given, else that of SPARSEREC_DATA.

    Raises:
        SparserecError: when there is neither.
    """
    found = given or os.environ.get("SPARSEREC_DATA")
    if not found:
        raise SparserecError("say where the data sets are: --data FOLDER, or the environment variable SPARSEREC_DATA")
    return Path(found)
