"""The demo page: one file with the model, the browser runtime and the titles in it."""

from sparserec.page.server import PageServer
from sparserec.page.titles import Title, read_titles
from sparserec.page.write import write_page

__all__ = ["PageServer", "Title", "read_titles", "write_page"]
