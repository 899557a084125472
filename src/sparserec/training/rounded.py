"""Rounding in the loop: the loss sees the values that the file will have, and the exact ones are updated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sparserec.artefact import Rounding, TableData, rounding
from sparserec.recommenders import Recommender
from sparserec.tables import SparseTable


class FileView:
    """A history-based model as its file will have it.

    Gradients with respect to the rounded values are taken for those of the exact ones (straight-through).

    Source: Bengio, Leonard and Courville, "Estimating or propagating gradients through stochastic neurons for
    conditional computation" (arXiv 1308.3432).

    Args:
        model: whose item table is coded in the file.
        budget: bytes of the file, without its list of ids.
    """

    def __init__(self, model: Recommender, budget: int):
        self._model, self._budget = model, budget

    def now(self) -> Rounding:
        """How a file of the model as it is now would round its values."""
        table = self._table()
        indptr, columns = table.structure()
        data = TableData(indptr, columns, table.values.numpy(), table.dim)
        weights = self._model.served().history_weights
        return rounding(data, None if weights is None else weights.reshape(-1), self._budget)

    @contextmanager
    def shown(self, how: Rounding | None) -> Iterator[None]:
        """Within this, the table has rounded values; None leaves it as it is."""
        table = self._table()
        exact = table.values
        if how is not None:
            table.values = torch.from_numpy(how.of(exact.numpy(), table.structure()[0]))
        try:
            yield
        finally:
            table.values = exact

    def _table(self) -> SparseTable:
        table = self._model.tables["items"]
        assert isinstance(table, SparseTable)
        return table
