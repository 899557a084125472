"""Timestamps: numbers and ISO 8601; gaps matter only to who needs times."""

from __future__ import annotations

from datetime import datetime, timezone

import polars as pl
import pytest

from sparserec.errors import SparserecError
from sparserec.interactions import load, split


def micro(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=timezone.utc).timestamp()) * 1_000_000  # noqa: UP017  # 3.11 has both


ISO = {
    "2024-05-01": micro(2024, 5, 1),
    "2024-05-02T10:00:00Z": micro(2024, 5, 2, 10),
    "2024-05-02 10:20": micro(2024, 5, 2, 10, 20),
    "2024-05-02T10:00:00.5+02:00": micro(2024, 5, 2, 8) + 500_000,
    "2024-05-02T10:00:00.123456789-0030": micro(2024, 5, 2, 10, 30) + 123_456,
    "2024-05-02 10:00:00 UTC": micro(2024, 5, 2, 10),
    "20240502T100000Z": micro(2024, 5, 2, 10),
    "1969-12-31T23:59:59Z": -1_000_000,
    "1714521600": 1714521600,
    "1.5e3": 1500,
}


@pytest.mark.parametrize("text", ISO)
def test_times_in_text(tmp_path, text):
    (tmp_path / "x.csv").write_text(f'user,item,timestamp\n1,2,"{text}"\n')
    assert load(tmp_path / "x.csv").interactions.timestamps.tolist() == [ISO[text]]  # type: ignore[union-attr]
    pl.DataFrame({"user": [1], "item": [2], "timestamp": [text]}).write_parquet(tmp_path / "x.parquet")
    assert load(tmp_path / "x.parquet").interactions.timestamps.tolist() == [ISO[text]]  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", "May", "2024-02-30", "02/05/2024", "2024-05-02T25:00", "2024-05"])
def test_what_is_no_time_matters_only_where_times_do(tmp_path, text):
    rows = "".join(f"{user},{item},{item + 1}\n" for user in range(6) for item in range(6))
    (tmp_path / "x.csv").write_text(f"user,item,timestamp\n1,9,{text}\n{rows}")
    dataset = load(tmp_path / "x.csv")
    assert dataset.interactions.nnz == 37
    assert not dataset.timestamped
    assert "column 'timestamp' is not a timestamp here (1 such in all)" in dataset.untimed
    assert "x.csv:2:" in dataset.untimed
    assert any(note.startswith("read without timestamps: ") for note in dataset.notes)
    assert split(dataset, kind="random").test.nnz > 0
    for kind in ("leave-last", "global-time"):
        with pytest.raises(SparserecError, match=r"needs timestamps \(.*x\.csv:2: "):
            split(dataset, kind=kind)
    assert load(tmp_path / "x.csv", timestamps=False).untimed == ""
    assert load(tmp_path / "x.csv", where="item < 9").timestamped  # the rows that are left have times


def test_a_column_without_any_time(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,time\n1,2,long ago\n1,3,lately\n")
    dataset = load(tmp_path / "x.csv")
    assert "column 'time' holds no timestamps, such as 'long ago'" in dataset.untimed


def test_numbers_and_dates_are_not_mixed(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,time\n1,2,2024-05-01\n1,3,17\n")
    assert not load(tmp_path / "x.csv").timestamped


@pytest.mark.parametrize("column", [[True, False], [None, None], [[1], [2]]])
def test_columns_of_other_types(tmp_path, column):
    pl.DataFrame({"user": [1, 2], "item": [1, 1], "time": column}).write_parquet(tmp_path / "x.parquet")
    assert "holds no timestamps" in load(tmp_path / "x.parquet").untimed


def test_leaving_times_out_by_name_and_not_is_a_contradiction(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,time,at\n1,2,3,4\n")
    with pytest.raises(SparserecError, match="timestamp= or timestamps=False, not both"):
        load(tmp_path / "x.csv", timestamp="time", timestamps=False)
    (tmp_path / "y.csv").write_text("user,item,time,ts\n1,2,3,4\n")
    with pytest.raises(
        SparserecError, match=r"'time' or 'ts'; say which with timestamp= \(timestamps=False for none\)"
    ):
        load(tmp_path / "y.csv")
    assert not load(tmp_path / "y.csv", timestamps=False).timestamped
