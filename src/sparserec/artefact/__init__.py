"""The artefact: the one file that a device loads."""

from sparserec.artefact.inspection import inspect
from sparserec.artefact.reader import Artefact, Rows, read
from sparserec.artefact.rounding import Rounding, rounding
from sparserec.artefact.schema import ModelCard
from sparserec.artefact.size import dense_file_bytes, nnz_for_budget, sparse_file_bytes
from sparserec.artefact.tables import TableData
from sparserec.artefact.writer import ByteReport, write

__all__ = [
    "Artefact",
    "ByteReport",
    "ModelCard",
    "Rounding",
    "Rows",
    "TableData",
    "dense_file_bytes",
    "inspect",
    "nnz_for_budget",
    "read",
    "rounding",
    "sparse_file_bytes",
    "write",
]
