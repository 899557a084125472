"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
GOLDEN = ROOT / "tests" / "golden"
GENRES = ("Drama", "Comedy", "Crime", "War")
"""Of the made-up catalogue."""
