"""Evaluation: full ranking over all items, metrics named and defined in docs/guide/metrics.md."""

from sparserec.evaluation.baselines import Popularity
from sparserec.evaluation.evaluate import Metrics, evaluate
from sparserec.evaluation.metrics import METRICS
from sparserec.evaluation.rivals import rivals
from sparserec.evaluation.topk import mask_history, top_k

__all__ = ["METRICS", "Metrics", "Popularity", "evaluate", "mask_history", "rivals", "top_k"]
