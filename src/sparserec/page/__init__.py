"""The demo page: one file with the model, the browser runtime and the titles in it."""

from sparserec.page.server import PageServer
from sparserec.page.titles import Title, check_titles, read_named_titles, read_titles
from sparserec.page.write import write_page

__all__ = ["PageServer", "Title", "check_titles", "read_named_titles", "read_titles", "write_page"]
