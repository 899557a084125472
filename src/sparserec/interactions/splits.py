"""Train, validation and test: six ways to cut, all seeded, all over the same vocabularies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sparserec.errors import SparserecError, option
from sparserec.interactions.order import newest_first, says_nothing, share_of
from sparserec.interactions.types import Dataset, Interactions, Split

KINDS = ("auto", "none", "given", "random", "latest", "leave-last", "global-time")
VALIDATIONS = ("random", "latest")
TIMED = ("latest", "leave-last", "global-time")
MIN_HISTORY = 5  # users with fewer training interactions give none to validation
MIN_VALID_USERS = 1000


@dataclass(frozen=True)
class Cut:
    """How a data set is cut, with nothing left to decide.

    Args:
        kind: one of `KINDS`, but for "auto".
        validation: one of `VALIDATIONS`; None for "leave-last", which has one of its own.
        why: a sentence on times that there are and that say nothing; else empty.
    """

    kind: str
    validation: str | None
    why: str = ""


def split(
    dataset: Dataset,
    *,
    kind: str = "auto",
    validation: str | None = None,
    seed: int = 0,
    test_fraction: float = 0.2,
    valid_users: float = 0.2,
    valid_fraction: float = 0.2,
) -> Split:
    """Cut a data set into train, validation and test.

    Kinds:
        none: no test part: all interactions are train or validation.
        given: the test file that came with the data set; it decides nothing about train and validation.
        random: of each user with n >= 2 interactions, round(test_fraction * n), at least 1 and at most n - 1.
        latest: of each user as many as for random, the newest.
        leave-last: the newest interaction of each user with at least 2 is test; the one before it, of users
            with at least 3, is validation.
        global-time: everything from one moment on is test, the moment being where the newest `test_fraction`
            of all interactions begins (those that share its timestamp are test too). Test interactions of
            users without an earlier one are dropped; the users stay in the vocabulary.
        auto: given where the data set has a test file, else latest where the order in time says something, else
            random. It says nothing where there are no times, where most of what would be cut off as the newest has the
            time of what stays, and where nearly all interactions share fewer than 10 moments that users' own share too.

    Validation of all but leave-last is cut from train: `valid_users` of the users with at least 5
    training interactions, drawn at random, but at least 1000 (or all of them), each giving
    round(valid_fraction * n) interactions and at least 1. Which ones says `validation`: "random" or "latest", the
    newest. When None, random for random; latest for latest and global-time; and for none and given latest where the
    order in time says something, else random. Interactions of one time are put in an order drawn from the seed.

    Args:
        dataset: what `load` or `synthetic` returned.
        kind: one of the above.
        validation: "random", "latest", or None for what suits the kind.
        seed: any integer of at least 0; the same seed gives the same split.
        test_fraction: in [0, 1); with 0, random, latest and global-time cut no test part.
        valid_users: in [0, 1]; 0 for no validation.
        valid_fraction: in (0, 1).

    Raises:
        SparserecError: an argument out of range, a kind that needs a test file or timestamps where there are
            none, or a cut that leaves nothing to train on.
    """
    _check(kind, seed, test_fraction, valid_users, valid_fraction)
    how = decide(dataset, kind, validation, test_fraction, valid_fraction)
    kind, base = how.kind, replace(dataset.interactions, seed=int(seed))
    # Two streams of randomness, so that validation is drawn alike whether the test part was drawn or given.
    for_test, for_valid = (np.random.Generator(np.random.PCG64([int(seed), part])) for part in (0, 1))

    if kind == "leave-last":
        rank, degree = _ranks(base, _by_time(base, for_test))
        is_test = (rank == 0) & (degree >= 2)
        is_valid = (rank == 1) & (degree >= 3)
        train, valid, test = base.where(~(is_test | is_valid)), base.where(is_valid), base.where(is_test)
    else:
        pool, test = _without_test(replace(dataset, interactions=base), kind, test_fraction, for_test)
        if how.validation == "random":
            keys = for_valid.random(pool.nnz)
        else:
            keys = _by_time(pool, for_valid) if kind == "global-time" else newest_first(pool)
        held = _validation(pool, keys, for_valid, valid_users, valid_fraction)
        train, valid = pool.where(~held), pool.where(held)
    words = (how.why, _validation_words(how, valid, valid_fraction))
    return Split(train, valid, test, kind, int(seed), how.validation or "", tuple(filter(None, words)))


def decide(
    dataset: Dataset, kind: str, validation: str | None, test_fraction: float = 0.2, valid_fraction: float = 0.2
) -> Cut:
    """What "auto" and a validation of None come to for a data set; arguments as for `split`.

    Raises:
        SparserecError: unknown names, or times are needed where there are none.
    """
    _check_kind(kind)
    if validation is not None and validation not in VALIDATIONS:
        raise SparserecError(f"unknown validation {validation!r}; it must be one of {', '.join(VALIDATIONS)}")
    if validation is not None and kind == "leave-last":
        raise SparserecError("a leave-last split has a validation part of its own; leave out validation")
    base, decides = dataset.interactions, kind == "auto"
    _check_times(dataset, kind, validation)
    asks = decides or (kind in ("none", "given") and validation is None)
    fraction = test_fraction if decides and dataset.test is None and test_fraction else valid_fraction
    nothing = says_nothing(base, fraction) if asks and base.timestamps is not None else ""
    ordered = base.timestamps is not None and not nothing
    if decides:
        kind = "given" if dataset.test is not None else "latest" if ordered else "random"
    if test_fraction == 0 and kind in ("random", "latest", "global-time"):
        kind = "none"
    if validation is None and kind != "leave-last":
        latest = kind in ("latest", "global-time") or (kind != "random" and ordered)
        validation = "latest" if latest else "random"
    drawn = "the validation part is" if kind in ("none", "given") else "test and validation parts are"
    matters = nothing and (kind == "random" or validation == "random")
    return Cut(kind, validation, f"there are times, but {nothing}, so {drawn} drawn at random" if matters else "")


def _check_times(dataset: Dataset, kind: str, validation: str | None) -> None:
    if dataset.interactions.timestamps is not None or not (kind in TIMED or validation == "latest"):
        return
    why = f" ({dataset.untimed})" if dataset.untimed else ""
    named, instead = (f"a {kind} split", "kind") if kind in TIMED else ("a latest validation part", "validation")
    raise SparserecError(
        f"{dataset.source}: {named} needs timestamps{why}; name their column, or use {instead}='random'"
    )


def _validation_words(how: Cut, valid: Interactions, fraction: float) -> str:
    """Which part choices are made on, in a sentence."""
    users = int(np.count_nonzero(valid.user_degrees()))
    if not users:
        return ""
    of = f"{users:,} user{'s' * (users != 1)}"
    if how.kind == "leave-last":
        return f"validation: of {of} the interaction before the newest"
    which = "the newest" if how.validation == "latest" else "a random"
    return f"validation: {which} {100 * fraction:.3g} % of the histories of {of}"


def _without_test(
    dataset: Dataset, kind: str, fraction: float, rng: np.random.Generator
) -> tuple[Interactions, Interactions]:
    """What the test part leaves, and the test part."""
    base = dataset.interactions
    if kind == "none":
        if dataset.test is not None:
            raise SparserecError(
                f"{dataset.source} comes with a test file, so split 'none' would leave that out unseen: load the "
                f"training file alone, or train on both with {option('holdout', False)} and the split 'auto'"
            )
        return base, base.where(np.zeros(base.nnz, dtype=bool))
    if kind == "given":
        if dataset.test is None:
            raise SparserecError(f"{dataset.source}: a given split needs a test file; 'random' needs none")
        return base, dataset.test
    if kind in ("random", "latest"):
        rank, degree = _ranks(base, rng.random(base.nnz) if kind == "random" else newest_first(base))
        taken = np.where(degree >= 2, share_of(degree, fraction), 0)
        return base.where(rank >= taken), base.where(rank < taken)
    return _cut_at_moment(base, fraction, dataset.source)


def _check(kind: str, seed: int, test_fraction: float, valid_users: float, valid_fraction: float) -> None:
    _check_kind(kind)
    if not 0 <= test_fraction < 1:
        raise SparserecError(f"test_fraction must be from 0 to below 1, not {test_fraction!r}")
    if test_fraction == 0 and kind in ("given", "leave-last"):
        raise SparserecError(
            f"test_fraction=0 has no effect on a {kind} split, which has a test part all the same; use split 'none'"
        )
    if not 0 < valid_fraction < 1:
        raise SparserecError(f"valid_fraction must be above 0 and below 1, not {valid_fraction!r}")
    if not 0 <= valid_users <= 1:
        raise SparserecError(f"valid_users must be from 0 to 1, not {valid_users!r}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SparserecError(f"seed must be an integer of at least 0, not {seed!r}")


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise SparserecError(f"unknown kind of split {kind!r}; it must be one of {', '.join(KINDS)}")


def _cut_at_moment(base: Interactions, fraction: float, source: str) -> tuple[Interactions, Interactions]:
    """Before, and from the moment on for users who have a before."""
    times = base.timestamps
    assert times is not None  # checked by the caller
    first = base.nnz - max(int(fraction * base.nnz + 0.5), 1)
    moment = np.partition(times, first)[first]
    late = times >= moment
    if late.all():
        raise SparserecError(
            f"{source}: the newest {fraction:g} of the interactions reach back to the earliest timestamp, "
            "so nothing is left to train on; a smaller test_fraction or the split 'leave-last' leaves something"
        )
    train = base.where(~late)
    known = np.repeat(train.user_degrees() > 0, base.user_degrees())
    return train, base.where(late & known)


def _validation(
    pool: Interactions, keys: np.ndarray, rng: np.random.Generator, users: float, fraction: float
) -> np.ndarray:
    """(nnz,) bool: which of the pool's interactions are held out, by ascending key within each drawn user."""
    able = np.flatnonzero(pool.user_degrees() >= MIN_HISTORY)
    count = max(int(users * len(able) + 0.5), min(len(able), MIN_VALID_USERS)) if users > 0 else 0
    drawn = np.zeros(pool.n_users, dtype=bool)
    drawn[rng.choice(able, size=count, replace=False)] = True
    rank, degree = _ranks(pool, keys)
    return np.repeat(drawn, pool.user_degrees()) & (rank < share_of(degree, fraction))


def _by_time(part: Interactions, rng: np.random.Generator) -> np.ndarray:
    """(nnz,) int64 keys, 0 for the newest of all; equal timestamps in an order drawn from `rng`."""
    assert part.timestamps is not None  # checked by the caller
    order = np.lexsort((rng.random(part.nnz), part.timestamps))[::-1]
    keys = np.empty(part.nnz, dtype=np.int64)
    keys[order] = np.arange(part.nnz)
    return keys


def _ranks(part: Interactions, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each interaction within its user by ascending key, and its user's degree, both (nnz,) int64."""
    rows = part.rows()
    rank = np.empty(part.nnz, dtype=np.int64)
    rank[np.lexsort((keys, rows))] = np.arange(part.nnz) - part.indptr[rows]
    return rank, part.user_degrees()[rows]
