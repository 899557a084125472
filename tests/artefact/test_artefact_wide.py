"""Tables of more than 65,536 columns: one for each item of a large catalogue; memory in proportion to the file."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sparserec import SparserecError
from sparserec.artefact import TableData, read, write
from sparserec.artefact.delta import delta
from sparserec.artefact.patch import apply
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

N = 70_000


def wide(n: int = N, dim: int = N, per_row: int = 2, seed: int = 0) -> TableData:
    """Values at random, the first row's in the first and the last column."""
    random = np.random.default_rng(seed)
    columns = np.sort(random.integers(0, dim, (n, per_row)), axis=1)
    columns[:, 1:] += np.arange(1, per_row)
    columns = np.minimum(columns, dim - per_row + np.arange(per_row))
    columns[0, [0, -1]] = 0, dim - 1
    values = np.exp(random.normal(size=n * per_row)).astype(np.float32)
    return TableData(np.arange(0, n * per_row + 1, per_row), columns.reshape(-1), values, dim)


def written(path, table: TableData, **more) -> None:
    write(path, items=table, item_ids=Vocabulary.of(map(str, range(len(table.indptr) - 1))), ids=False, **more)


@pytest.mark.parametrize("values_dtype", ["int8", "float16", "coded"])
@pytest.mark.parametrize("decay", [None, (0.9, 0.5)])
def test_a_wide_table_comes_back_and_is_scored(tmp_path, values_dtype, decay):
    table = wide()
    written(tmp_path / "m", table, values_dtype=values_dtype, age_decay=decay)
    artefact = read(tmp_path / "m")
    rows = artefact.items
    assert (artefact.card.format_version, rows.columns.dtype) == (3, np.int32)
    np.testing.assert_array_equal(rows.columns, table.columns)
    recommender, history = Recommender.open(tmp_path / "m"), [0, 5, 69_999, 33_333]
    values, indptr = rows.dequantised().astype(float), table.indptr
    vector = np.zeros(N)
    for age, item in enumerate(reversed(history)):
        if decay is None:
            part = slice(indptr[item], indptr[item + 1])
            np.add.at(vector, table.columns[part], values[part])
        else:
            vector[item] = decay[1] ** age
    np.testing.assert_allclose(recommender.vector(history), vector, rtol=1e-6)
    scores = np.add.reduceat(vector[table.columns] * values, indptr[:-1])
    np.testing.assert_allclose(recommender.score(range(N), history), scores, rtol=1e-5)
    best = recommender.recommend(history, k=3)
    scores[history] = -np.inf
    np.testing.assert_allclose([score for _, score in best], np.sort(scores)[:-4:-1], rtol=1e-5)
    assert recommender.recommend(history, k=3, explain=True)[0].score == best[0][1]
    assert len(recommender.similar(5, 3)) == len(recommender.popular(3)) == 3


@pytest.mark.parametrize(("dim", "version", "kind"), [(65_536, 2, np.uint16), (65_537, 3, np.int32)])
def test_only_wide_tables_need_version_3(tmp_path, dim, version, kind):
    written(tmp_path / "m", wide(20, dim))
    artefact = read(tmp_path / "m")
    assert (artefact.card.format_version, artefact.items.columns.dtype) == (version, kind)
    assert artefact.items.columns.max() == dim - 1


def test_users_of_wide_tables(tmp_path):
    write(
        tmp_path / "m",
        items=wide(),
        users=wide(3, N),
        item_ids=Vocabulary.of(map(str, range(N))),
        user_ids=Vocabulary.of("uvw"),
        values_dtype="coded",
    )
    assert read(tmp_path / "m").users.columns.dtype == np.int32
    assert len(Recommender.open(tmp_path / "m").recommend(user="u", k=4)) == 4


def test_patches_of_wide_tables(tmp_path):
    written(tmp_path / "old", wide(), values_dtype="coded")
    written(tmp_path / "new", wide(N + 1, N + 1), values_dtype="coded", age_decay=(0.5, 0.5))
    old, new = ((tmp_path / name).read_bytes() for name in ("old", "new"))
    assert apply(old, delta(old, new)) == new


def test_more_columns_than_items_make_up_for_are_refused(tmp_path):
    written(tmp_path / "m", wide(20, 65_556))
    assert read(tmp_path / "m").card.dim == 65_556
    with pytest.raises(SparserecError, match="from 1 to 65556 columns, 65536 more than items"):
        written(tmp_path / "n", wide(20, 65_557))


def test_opening_takes_memory_in_proportion_to_the_file(tmp_path):
    """As many columns as there may be, and as few bytes for them as there can be: a value a row."""
    table = wide(N, N + 65_536, per_row=1)
    table.columns[0] = 0
    written(
        tmp_path / "m", TableData(table.indptr, table.columns, np.ones(N, np.float32), table.dim), values_dtype="coded"
    )
    size = (tmp_path / "m").stat().st_size
    tracemalloc.start()
    recommender = Recommender.open(tmp_path / "m")
    recommender.recommend([1, 2, 3], explain=True, dislikes=[4])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size < 3 * N
    assert peak < 128 * size
