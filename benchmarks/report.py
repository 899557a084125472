"""All pages of results and the figures in the README, from the results files in docs/results.

python benchmarks/report.py
"""

from pathlib import Path

from sparserec.bench.pages import write_pages

if __name__ == "__main__":
    for path in write_pages(Path(__file__).resolve().parent.parent):
        print(f"wrote {path}")
