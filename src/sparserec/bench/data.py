"""Data sets of benchmarks: folders by name, and catalogues that are made up."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparserec.errors import SparserecError
from sparserec.files import write_text
from sparserec.interactions import Dataset, Interactions, load, synthetic
from sparserec.vocabulary import Vocabulary

SYNTHETIC = "synthetic"
HELD_OUT = {"holdout": True}
"""Of the data of every benchmark's run: the test part stays out of what is exported, which is measured on it."""
AT_RANDOM = {**HELD_OUT, "split": "random"}
"""The same where interactions have times and the figures are of gaps in histories, not of what came last."""
GIVEN = ("gowalla", "yelp2018")
"""Data sets that come with a test part, and without times."""

FEW_USERS, AGAIN = "-fifth", "-again"
"""Ends of names: a fifth of the users of a data set, by chance; one whose test part is to be cut anew."""


def dataset(root: Path, name: str) -> Dataset:
    """A data set of `root` by its folder's name; "synthetic" is made up, the same each time.

    A name may end with `FEW_USERS`, and before that with `AGAIN`: then the interactions of a given test part are among
    the others, so that the split of a run cuts another one.
    """
    if name.endswith(FEW_USERS):
        return _few_users(dataset(root, name.removesuffix(FEW_USERS)))
    if name.endswith(AGAIN):
        return _together(dataset(root, name.removesuffix(AGAIN)), name)
    if name == SYNTHETIC:
        return synthetic(n_users=300, n_items=200, interactions_per_user=20, n_clusters=8, seed=3)[0]
    ratings = root / name / "ratings.csv"  # as MovieLens has it, beside files of titles
    return load(ratings if ratings.exists() else root / name)


def data_root(given: Path | None) -> Path:
    """The folder of data sets: the one given, else that of SPARSEREC_DATA.

    Raises:
        SparserecError: when there is neither.
    """
    folder = given or os.environ.get("SPARSEREC_DATA")
    if not folder:
        raise SparserecError("say where the data sets are: --data FOLDER, or the environment variable SPARSEREC_DATA")
    return Path(folder)


def data_path(name: str) -> Path:
    """The folder of a data set: the one of this path, else the one of SPARSEREC_DATA that is named so.

    Raises:
        SparserecError: when there is none.
    """
    path = Path(name) if Path(name).is_dir() else data_root(None) / name
    if not path.exists():
        raise SparserecError(f"{path}: no such data set; SPARSEREC_DATA is the folder that holds {name}/")
    return path


CLUSTERS, LIKED, TAKEN = 400, 3, 10
"""Clusters of the items of a catalogue of many users, those that a user likes, and the items that one takes."""


def many_users(n_users: int, n_items: int) -> Dataset:
    """A made-up catalogue: items in clusters, popular by a power law within each; a user takes ten from three clusters.

    Each pick is of one of a user's clusters, there by popularity; repeated ones fold into one. The same each time.
    """
    rng = np.random.default_rng(0)
    cluster = np.sort(rng.integers(CLUSTERS, size=n_items))
    ends = np.cumsum((rng.permutation(n_items) + 5.0) ** -0.8)
    first, last = (np.searchsorted(cluster, np.arange(CLUSTERS), side) for side in ("left", "right"))
    low, high = np.concatenate(([0.0], ends))[[first, last]]
    liked = rng.integers(CLUSTERS, size=(n_users, LIKED))
    picked = np.take_along_axis(liked, rng.integers(LIKED, size=(n_users, TAKEN)), axis=1).ravel()
    items = np.searchsorted(ends, rng.uniform(low[picked], high[picked]))
    users = np.repeat(np.arange(n_users), TAKEN)
    user_ids, item_ids = (Vocabulary.of(f"{kind}{i}" for i in range(n)) for kind, n in (("u", n_users), ("i", n_items)))
    interactions = Interactions.of(users, np.minimum(items, n_items - 1), user_ids, item_ids)
    return Dataset(interactions, None, "a made-up catalogue", False)


def _few_users(known: Dataset) -> Dataset:
    """A fifth of the users, by chance, the same each time; all items stay. Without a given test part."""
    every = known.interactions
    chosen = np.random.default_rng(0).random(every.n_users) < 0.2
    return replace(known, interactions=every.where(chosen[every.rows()]), test=None, from_path=False)


def _together(known: Dataset, name: str) -> Dataset:
    """Training and test part in one."""
    parts, test = known.interactions, known.test
    if test is None:
        raise SparserecError(f"{name}: {known.source} has no given test part that another could take the place of")
    users, items = (np.concatenate(pair) for pair in ((parts.rows(), test.rows()), (parts.indices, test.indices)))
    every = Interactions.of(users, items, parts.users, test.items)
    return replace(known, interactions=every, test=None, timestamped=False, from_path=False)


THINNED, LEAST = 0.35, 4
"""Share of the interactions that a thinned data set has, and how many a user must then have."""


def thinned(source: Path, file: Path) -> Path:
    """Write a long-tailed catalogue, a part of a data set in LightGCN's text, to a CSV file; the same each time."""
    rows = []
    for name in ("train", "test"):
        for line in (source / f"{name}.txt").read_text().splitlines():
            user, *items = map(int, line.split())
            rows += [(user, item) for item in items]
    pairs = np.unique(np.array(rows), axis=0)
    pairs = pairs[np.random.default_rng(0).random(len(pairs)) < THINNED]
    pairs = pairs[np.bincount(pairs[:, 0])[pairs[:, 0]] >= LEAST]
    write_text(file, "user,item\n" + "".join(f"u{user},i{item}\n" for user, item in pairs.tolist()))
    return file
