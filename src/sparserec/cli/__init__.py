"""The command line: one thin command for each verb."""

from sparserec.cli.app import main

__all__ = ["main"]
