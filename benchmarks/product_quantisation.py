"""Product quantisation of the teachers' item tables: the rival of sparse tables at equal bytes, by faiss.

The filter's table is that of `sparserec.sparsity.history_start` before any pruning: y_j = D_j^1/2 v_j S^power scores
item j, and a user is the sum of y_i / D_i over the history. An item is stored as codes of 8 bits and one byte for D;
the codebooks are half precision. What decodes is what scores, on both sides. The trained teacher has two rows an item,
for histories and to be ranked: both are stored, at length 1, in codes of the same codebooks, with a byte for the length
of the first.

Everything that could favour the rival is done: which teacher, rank, power, a learned rotation (OPQ), and whether the
codes hold y_j or v_j S^power are chosen on the validation part for each budget. A rotation takes no bytes, because both
sides of the product are rotated alike and nothing has to be turned back; neither does a header.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import faiss
import numpy as np
import scipy.sparse as sp

from sparserec.bench.parts import POWERS, Context, load_config, train_vectors
from sparserec.evaluation import evaluate
from sparserec.files import replacing
from sparserec.interactions import Split
from sparserec.sparsity import Spectrum, item_spectrum

RANKS = (32, 64, 128, 256, 512)
JUDGED = 3000
"""Validation users at most on whom a choice is made."""
CODEWORDS = 256
ENTRY = 2
"""Bytes of a number in a codebook."""
STEP = 4
"""Bytes of the step between the levels of D."""


@dataclass(frozen=True)
class Choice:
    """One way to quantise.

    Attributes:
        rank: singular vectors at most; as many are taken as the sub-vectors divide.
        power: exponent of the singular values.
        by_degree: codes of D^1/2 V S^power, else of V S^power, which D scales after decoding.
        rotated: turned by OPQ first.
        trained: codes of the trained teacher's two tables, turned to their principal axes, instead of the filter's one.
    """

    rank: int = 64
    power: float = 0.25
    by_degree: bool = True
    rotated: bool = False
    trained: bool = False


STEPS: tuple[tuple[str, tuple], ...] = (
    ("rank", RANKS),
    ("power", POWERS),
    ("by_degree", (True, False)),
    ("trained", (False, True)),
    ("rank", RANKS),
    ("rotated", (False, True)),
)
"""What is chosen, one after the other; the rank twice."""


def table_bytes(n_items: int, parts: int, rank: int, rows: int = 1) -> int:
    """Codes of so many rows an item, a byte an item for D, codebooks."""
    return n_items * (rows * parts + 1) + CODEWORDS * rank * ENTRY + STEP


def layout(budget: int, n_items: int, rank: int, rows: int = 1) -> tuple[int, int] | None:
    """The most sub-vectors that fit, and the rank they divide; None where the codebooks leave no room for a code."""
    for parts in range((budget // n_items - 1) // rows, 0, -1):
        whole = rank // parts * parts
        if whole and table_bytes(n_items, parts, whole, rows) <= budget:
            return parts, whole
    return None


class Pooled:
    """Scores from item rows, history weights, and rows of the items of a history, for `evaluate`."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray, into: np.ndarray, history: sp.csr_array):
        self.n_items = len(rows)
        self._rows, self._weights, self._into, self._history = rows, sp.diags_array(weights), into, history

    def score(self, users: np.ndarray) -> np.ndarray:
        """Users (B,) int64 -> scores (B, n_items) float32."""
        known = sp.csr_array(self._history[users] @ self._weights, dtype=np.float32)
        return (known @ self._into) @ self._rows.T


def in_a_byte(degrees: np.ndarray) -> np.ndarray:
    """D as a byte gives it back: 256 levels, evenly spaced in its logarithm."""
    logs = np.log(np.maximum(degrees, 1))
    step = max(float(logs.max()), 1e-6) / 255
    return np.exp(np.rint(logs / step) * step).astype(np.float32)


def coded(rows: np.ndarray, parts: int, *, rotated: bool) -> np.ndarray:
    """Rows (n, rank) float32 as their codes give them back, perhaps rotated; their products are what counts."""
    rows = np.ascontiguousarray(rows / np.sqrt(np.mean(rows**2)), dtype=np.float32)
    rank = rows.shape[1]
    quantiser = faiss.ProductQuantizer(rank, parts, 8)
    quantiser.cp.min_points_per_centroid = 1  # fewer than it wants are no reason to warn on every round
    if rotated:
        turn = faiss.OPQMatrix(rank, parts)
        turn.pq = quantiser
        turn.train(rows)
        rows = turn.apply(rows)
    quantiser.train(rows)
    # What is stored in half precision is also what the codes are found with.
    codebooks = faiss.vector_to_array(quantiser.centroids).astype(np.float16).astype(np.float32)
    faiss.copy_array_to_vector(codebooks, quantiser.centroids)
    return quantiser.decode(quantiser.compute_codes(rows))


def quantised(spectrum: Spectrum, degrees: np.ndarray, parts: int, rank: int, choice: Choice):
    """Item rows and history weights as a device would have them."""
    known = in_a_byte(degrees)
    rows = spectrum.items[:, :rank] * spectrum.singular[:rank] ** np.float32(choice.power)
    root = np.sqrt(np.maximum(degrees, 1)).astype(np.float32)[:, None]
    if choice.by_degree:
        return coded(rows * root, parts, rotated=choice.rotated), 1 / known
    return coded(rows, parts, rotated=choice.rotated) * np.sqrt(known)[:, None], 1 / known


def trained_quantised(into: np.ndarray, out: np.ndarray, parts: int, rank: int, choice: Choice):
    """Rows of the items to rank, history weights and rows of the items of a history, as a device would have them."""
    lengths = np.linalg.norm(into, axis=1)
    unit = np.concatenate([into / np.maximum(lengths, 1e-12)[:, None], out])
    axes = np.linalg.eigh(unit.T @ unit)[1][:, ::-1]
    rows = coded(unit @ axes[:, :rank], parts, rotated=choice.rotated)
    # Lengths lie below 1 and on both sides of it: in units of the smallest, they are as degrees are.
    smallest = max(float(lengths[lengths > 0].min(initial=1.0)), 1e-9)
    return rows[len(into) :], in_a_byte(lengths / smallest), rows[: len(into)]


def trained_tables(split: Split, spectrum: Spectrum, seed: int, file: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Tables (n_items, dim) of the trained teacher with the settings of recipe fism; kept in `file` between calls."""
    if file is not None and file.exists():
        with np.load(file) as kept:
            return kept["into"], kept["out"]
    config = load_config("fism", None, seed=seed)
    teacher = train_vectors(Context(config, split, Path()), spectrum)
    assert teacher is not None
    if file is not None:
        with replacing(file) as part, part.open("wb") as stream:
            np.savez(stream, into=teacher.into, out=teacher.out)
    return teacher.into, teacher.out


class Quantiser:
    """Product quantisation of one data set within a budget.

    Args:
        split: `train` gives the table, `valid` the choice; `test` is read by `judge` alone when asked.
        budget: bytes.
        threads: CPU threads.
        seed: of the singular vectors and of the trained teacher.
        kept: file for the trained teacher's tables, of this split and seed.
    """

    def __init__(self, split: Split, budget: int, threads: int, seed: int = 0, kept: Path | None = None):
        faiss.omp_set_num_threads(threads)
        train = split.train
        began = time.perf_counter()
        widest = min(max(RANKS), train.n_users - 1, train.n_items - 1)
        self._split, self._budget, self._degrees = split, budget, train.item_degrees()
        self._spectrum = item_spectrum(train.csr(), widest, seed=seed)
        self._found, self._seed, self._kept = time.perf_counter() - began, seed, kept
        self._trained: tuple[np.ndarray, np.ndarray] | None = None

    def layout(self, choice: Choice) -> tuple[int, int] | None:
        """Sub-vectors and rank for a choice's rank at most."""
        most = min(choice.rank, len(self._spectrum.singular))
        if choice.trained:
            most = min(most, self.trained()[0].shape[1])
        return layout(self._budget, self._split.train.n_items, most, 1 + choice.trained)

    def trained(self) -> tuple[np.ndarray, np.ndarray]:
        """Tables of the trained teacher."""
        if self._trained is None:
            self._trained = trained_tables(self._split, self._spectrum, self._seed, self._kept)
        return self._trained

    def judge(self, choice: Choice, *parts: str, users: np.ndarray | None = None) -> dict:
        """Metrics on each of "valid" and "test" that is asked for, of all users or some, and what the table is."""
        fitting = self.layout(choice)
        assert fitting is not None, f"rank {choice.rank} does not fit the budget"
        pieces, rank = fitting
        began = time.perf_counter()
        if choice.trained:
            rows, weights, into = trained_quantised(*self.trained(), pieces, rank, choice)
        else:
            rows, weights = quantised(self._spectrum, self._degrees, pieces, rank, choice)
            into = rows
        seconds = self._found + time.perf_counter() - began
        split, result = self._split, {}
        for part in parts:
            history, relevant = split.history(part), split.valid if part == "valid" else split.test
            metrics = evaluate(Pooled(rows, weights, into, history.csr()), history, relevant, users=users)
            result |= {f"{part}_{name}": metrics[name] for name in ("recall@20", "ndcg@20")}
        size = table_bytes(len(rows), pieces, rank, 1 + choice.trained)
        return {**result, "bytes": size, "sub_vectors": pieces, "columns": rank, "seconds": seconds}

    def choose(self) -> tuple[Choice | None, list[dict]]:
        """The choice with the best validation NDCG@20, and all that was tried; None when nothing fits."""
        users = np.flatnonzero(np.diff(self._split.valid.indptr))
        if len(users) > JUDGED:
            users = np.sort(np.random.default_rng([self._seed, 31]).choice(users, JUDGED, replace=False))
        tried: dict[Choice, dict] = {}
        best: Choice | None = None
        for name, values in STEPS:
            for value in values:
                choice = replace(best or Choice(), **{name: value})
                if choice in tried or self.layout(choice) is None:
                    continue
                tried[choice] = self.judge(choice, "valid", users=users)
            best = max(tried, key=lambda choice: tried[choice]["valid_ndcg@20"], default=None)
            if best is None:
                break
        return best, [{**asdict(choice), **result} for choice, result in tried.items()]

    def smallest(self) -> int:
        """Bytes of the codebooks of the smallest rank."""
        return CODEWORDS * min(RANKS) * ENTRY
