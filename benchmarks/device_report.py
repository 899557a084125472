"""Writes docs/results/device.md from docs/results/device.json and, where they are there, browser.json and fuzzing.json.

python benchmarks/device_report.py
"""

from __future__ import annotations

import json

import common

WAYS = ("sparserec", "dense, 64 columns", "ONNX Runtime")


def table(headers: list[str], rows: list[list[object]]) -> list[str]:
    lines = [headers, ["---"] * len(headers), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines] + [""]


def pair(figures: dict[str, float]) -> str:
    return f"{figures['p50 ms']:.2f} / {figures['p99 ms']:.2f}"


def latency(result: dict) -> list[str]:
    kinds = {"users": "of users", "random": "random items"}
    rows = [
        [f"{h['size']}, {kinds[h['kind']]}", *(pair(h[way]) for way in WAYS), f"{h['ratio']:.2f}"]
        for h in result["histories"]
    ]
    return [
        "## Latency",
        "",
        f"Milliseconds, p50 / p99 of {result['calls']:,} calls each, top 20 of {result['items']:,} items on one core, "
        "raw ids in and out. The last column is the p50 of the dense table divided by that of this runtime.",
        "",
        *table(["history", *WAYS, "ratio"], rows),
    ]


def browser() -> list[str]:
    path = common.RESULTS / "browser.json"
    if not path.exists():
        return []
    entry = json.loads(path.read_text())
    result, same = entry["result"], entry["result"]["agreement with Python"]
    rows = [[name.removeprefix("history of "), pair(each)] for name, each in result.items() if "history" in name]
    return [
        "## In the browser",
        "",
        f"`{entry['command']}`, Chromium {result['browser']}, {result['items']:,} items. Milliseconds, p50 / p99, "
        "top 20; histories of random items.",
        "",
        *table(["history", "sparserec"], rows),
        f"Opening takes {result['opening ms']:.0f} ms, the first time {result['first opening ms']:.0f} ms. Of "
        f"{same['histories']:,} random histories, {same['same ids in the same order']:,} had the items of the Python "
        f"runtime in its order; scores differed by {same['largest difference of a score']:.1g} at most.",
        "",
    ]


def opening(result: dict) -> list[str]:
    memory, file = result["memory"], result["file bytes"]
    rows = [
        ["the file", f"{file:,}"],
        ["a dense table of 64 float32 columns, for comparison", f"{result['dense bytes']:,}"],
        ["the empty interpreter", f"{memory['interpreter bytes']:,}"],
        ["NumPy, imported", f"{memory['numpy bytes']:,}"],
        ["`sparserec.device`, what it imports, and a tiny file opened", f"{memory['modules bytes']:,}"],
        ["peak while opening, beyond these", f"{memory['opening peak bytes']:,}"],
        ["stays after opening, the mapped file with it", f"{memory['open bytes']:,}"],
        ["peak with the first answer", f"{memory['first answer peak bytes']:,}"],
        ["of which lists by row and by column", f"{result['structure bytes']:,}"],
    ]
    times = memory["first answer peak bytes"] / file
    return [
        "## Opening and memory",
        "",
        f"Opening takes {result['opening ms']:.0f} ms, all checks and the digest with it. Bytes, of a fresh process:",
        "",
        *table(["what", "bytes"], rows),
        f"The peak beyond interpreter, NumPy and modules is {times:.1f} times the file. In the file, the place of a "
        "value and its magnitude are coded in some bits; to be scored, a value takes five bytes, two for its column "
        "and its code by row and three for its item and its code by column. Of the file, the ids alone stay mapped. "
        "Code of NumPy that the tiny file did not need is counted too.",
        "",
    ]


def exchange(result: dict) -> list[str]:
    onnx, sizes = result["onnx"], result["installed"]
    lines = [
        "## ONNX",
        "",
        f"The model has {onnx['bytes']:,} bytes, {onnx['of the file']:.2f} of the file, and ONNX Runtime loads it in "
        f"{onnx['opening ms']:.0f} ms. Of {onnx['histories compared']:,} histories, {onnx['with other items']} had "
        f"other items than in the device runtime; scores differed by {onnx['largest difference']:.1g} at most.",
        "",
        "## Installed",
        "",
        *table(["what", "bytes"], [[name, f"{size:,}"] for name, size in sizes.items()]),
    ]
    rows = [
        [name, f"{u['patch bytes']:,}", f"{u['patch bytes'] / u['new bytes']:.1%}", u["making s"], u["applying s"]]
        for name, u in result["updates"].items()
    ]
    lines += ["## Updates", "", "Patches to a next file of which this is new:", ""]
    lines += table(["new", "bytes of the patch", "of the file", "making, s", "applying, s"], rows)
    return lines


def fuzzing() -> list[str]:
    path = common.RESULTS / "fuzzing.json"
    if not path.exists():
        return []
    entry = json.loads(path.read_text())
    result = entry["result"]
    limits = result["limits of an input"]
    return [
        "## Hostile files",
        "",
        f"`{entry['command']}`: {result['inputs']:,} changed files and patches, {len(result['finds'])} of which did "
        "anything else than open or be refused with one sentence.",
        "",
        *table(["outcome", "inputs"], [[name, f"{count:,}"] for name, count in result["outcomes"].items()]),
        f"None took more than {limits['seconds']:g} s (the slowest {result['slowest ms']:.0f} ms) or "
        f"{limits['room bytes']:,} bytes of address space beyond what the process began with. Of "
        f"{result['traced']:,} that were traced, the hungriest took {result['most traced bytes']:,.0f} bytes; "
        f"{limits['factor']} times the input and {limits['constant bytes']:,} bytes were allowed. "
        "The files have 1 to 5 kB.",
        "",
    ]


def write_report() -> None:
    entry = json.loads((common.RESULTS / "device.json").read_text())
    result, machine = entry["result"], entry["machine"]
    lines = [
        "# On the device",
        "",
        f"`{entry['command']}`, which writes this page, on {machine['processor']}, Python {machine['python']}, NumPy "
        f"{machine['numpy']}. The model has {result['items']:,} items, {result['columns']} columns and "
        f"{result['values']:,} values in {result['file bytes']:,} bytes.",
        "",
        *latency(result),
        *browser(),
        *opening(result),
        *exchange(result),
        *fuzzing(),
    ]
    (common.RESULTS / "device.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    write_report()
