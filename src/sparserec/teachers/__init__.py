"""Teachers: dense models and closed-form filters whose rankings a small table learns."""

from sparserec.teachers.graph_filter import GraphFilter
from sparserec.teachers.lists import TeacherLists, open_lists, write_lists

__all__ = ["GraphFilter", "TeacherLists", "open_lists", "write_lists"]
