"""The one error type that a user of sparserec meets, and the one kind of warning."""


class SparserecError(Exception):
    """Something the caller can put right: the message says what was wrong, what is allowed and what to do.

    The message is one sentence that names the file, line or argument concerned. The command line prints it
    without a traceback and exits with code 2.
    """

    def __init__(self, *parts: object):
        # A file name that is no UTF-8 has characters that nobody can print: they are shown as escapes.
        super().__init__(*(_printable(part) if isinstance(part, str) else part for part in parts))


class SparserecWarning(RuntimeWarning):
    """Something that was done otherwise than asked: one sentence; the command line prints it as a note."""


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
