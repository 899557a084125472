"""The one error type that a user of sparserec meets."""


class SparserecError(Exception):
    """Something the caller can put right: the message says what was wrong, what is allowed and what to do.

    The message is one sentence that names the file, line or argument concerned. The command line prints it
    without a traceback and exits with code 2.
    """
