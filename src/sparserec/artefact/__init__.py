"""The artefact: the one file that a device loads."""

from sparserec.artefact.codecs import CODECS, Encoder, EncoderShape, value_types
from sparserec.artefact.csr import TableData
from sparserec.artefact.inspection import inspect
from sparserec.artefact.planning import Plan, ids_bytes, planned
from sparserec.artefact.reader import Artefact, DecodedTable, read
from sparserec.artefact.rounding import Rounding, rounding
from sparserec.artefact.schema import ModelCard
from sparserec.artefact.size import dense_file_bytes, nnz_for_budget, sparse_file_bytes
from sparserec.artefact.writer import ByteReport, write

__all__ = [
    "CODECS",
    "Artefact",
    "ByteReport",
    "DecodedTable",
    "Encoder",
    "EncoderShape",
    "ModelCard",
    "Plan",
    "Rounding",
    "TableData",
    "dense_file_bytes",
    "ids_bytes",
    "inspect",
    "nnz_for_budget",
    "planned",
    "read",
    "rounding",
    "sparse_file_bytes",
    "value_types",
    "write",
]
