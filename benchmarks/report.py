"""All pages of results and the figures in the README, from the results files in docs/results.

python benchmarks/report.py
"""

from pathlib import Path

from sparserec.bench.report import write_pages
from sparserec.bench.script import run


def main() -> None:
    for path in write_pages(Path(__file__).resolve().parent.parent):
        print(f"wrote {path}")


if __name__ == "__main__":
    run(main)
