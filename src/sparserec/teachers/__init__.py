"""Teachers: dense models and closed-form filters whose rankings a small table learns."""

from sparserec.protocols import Scorer
from sparserec.teachers.average import AverageScorer, OfHistories, Raised, best_means
from sparserec.teachers.base import HistoryTeacher, TeacherKind
from sparserec.teachers.ease import EaseTeacher, ease
from sparserec.teachers.graph_filter import GraphFilter, Response, scores_of_all
from sparserec.teachers.linear import LinearTeacher
from sparserec.teachers.lists import TeacherLists, open_lists, write_lists
from sparserec.teachers.local_ease import CommonInteractions, LocalEase, local_ease
from sparserec.teachers.pooled import PooledSettings, PooledTeacher, train_pooled
from sparserec.teachers.successors import KEPT, Following, decayed, successors

__all__ = [
    "KEPT",
    "AverageScorer",
    "CommonInteractions",
    "EaseTeacher",
    "Following",
    "GraphFilter",
    "HistoryTeacher",
    "LinearTeacher",
    "LocalEase",
    "OfHistories",
    "PooledSettings",
    "PooledTeacher",
    "Raised",
    "Response",
    "Scorer",
    "TeacherKind",
    "TeacherLists",
    "best_means",
    "decayed",
    "ease",
    "local_ease",
    "open_lists",
    "scores_of_all",
    "successors",
    "train_pooled",
    "write_lists",
]
