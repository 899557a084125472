"""The command line: one thin command for each verb."""

import sys


def main() -> None:
    """Run the command line; the entry point of the `sparserec` script."""
    try:
        from sparserec.cli.app import main as run  # here, so that Ctrl-C meets no traceback while it is loaded
    except KeyboardInterrupt:
        from sparserec.cli.console import tell

        tell("interrupted")
        sys.exit(130)
    run()


__all__ = ["main"]
