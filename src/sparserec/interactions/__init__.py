"""Raw files in, ids mapped to indices, CSR out; splits; the synthetic catalogue."""

from sparserec.interactions.describe import describe
from sparserec.interactions.filters import kcore
from sparserec.interactions.load import load
from sparserec.interactions.splits import split
from sparserec.interactions.synthetic import synthetic
from sparserec.interactions.types import Dataset, Interactions, Split
from sparserec.interactions.write import write_split

__all__ = [
    "Dataset",
    "Interactions",
    "Split",
    "describe",
    "kcore",
    "load",
    "split",
    "synthetic",
    "write_split",
]
